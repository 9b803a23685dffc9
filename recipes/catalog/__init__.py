"""One module a data set, one decorated function a recipe. A new module is one more name here."""

MODULES = ("digits", "mnist", "fashion_mnist", "cifar10", "spoken_digit")
