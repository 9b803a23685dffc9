"""One module a data set, one decorated function a recipe. A new module is one more name here."""

MODULES = ("digits", "mnist", "mnist_canvas", "mnist_transformed", "fashion_mnist", "cifar10", "spoken_digit")
