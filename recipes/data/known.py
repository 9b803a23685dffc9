"""The data sets that recipes use: what `edgezoo list datasets` shows."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set's name for tensorflow-datasets, or that of a generated one, and the facts about it."""

    name: str
    train: int
    test: int
    shape: str
    licence: str
    summary: str


DATASETS = (
    DataSet("cifar10", 50_000, 10_000, "32x32x3", "not stated", "Colour pictures of ten kinds of things."),
    DataSet(
        "digits",
        1_442,
        355,
        "8x8x1",
        "CC BY 4.0",
        "Handwritten digits; ships with scikit-learn, no download.",
    ),
    DataSet(
        "digits_canvas",
        1_000,
        200,
        "24x24x1",
        "CC BY 4.0",
        "A class a pixel: digits on canvases, from digits.",
    ),
    DataSet(
        "digits_transformed",
        1_442,
        355,
        "14x14x1",
        "CC BY 4.0",
        "Digits turned, scaled and moved, from digits.",
    ),
    DataSet(
        "ecg5000",
        4_001,
        999,
        "140x1",
        "ODC-BY 1.0",
        "Heartbeats of one patient, normal or not; UCR archive, files fetched by hand.",
    ),
    DataSet("fashion_mnist", 60_000, 10_000, "28x28x1", "MIT", "Clothes, ten kinds."),
    DataSet("mnist", 60_000, 10_000, "28x28x1", "CC BY-SA 3.0", "Handwritten digits."),
    DataSet(
        "mnist_canvas",
        16_000,
        2_000,
        "64x64x1",
        "CC BY-SA 3.0",
        "A class a pixel: digits on canvases, from mnist.",
    ),
    DataSet(
        "mnist_transformed",
        60_000,
        10_000,
        "42x42x1",
        "CC BY-SA 3.0",
        "Digits turned, scaled and moved, from mnist.",
    ),
    DataSet(
        "photographs",
        400,
        408,
        "160x160x1",
        "non-commercial",
        "Grey photographs; DnCNN's published folders, fetched by hand.",
    ),
    DataSet(
        "spoken_digit",
        2_000,
        500,
        "8 kHz audio",
        "CC BY-SA 4.0",
        "Spoken digits by five speakers, one held out.",
    ),
)
