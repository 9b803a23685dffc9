"""One module a data set, one decorated function a recipe. A new module is one more name here."""

MODULES = (
    "anomalies",
    "digits",
    "mnist",
    "mnist_canvas",
    "mnist_compressed",
    "mnist_generation",
    "mnist_reconstruction",
    "mnist_representation",
    "mnist_retrieval",
    "mnist_selection",
    "mnist_transformed",
    "fashion_mnist",
    "fashion_mnist_compression",
    "cifar10",
    "photographs",
    "spoken_digit",
    "transferred",
)
