"""The values of a recipe for training with simulated integers."""

from typing import Literal

from recipes.values import Positive, Size, Values


class Awareness(Values, kw_only=True):
    """How a trained model is fine-tuned with simulated integers, where `quantization` is `aware`.

    Attributes:
        precision: Of the file it is tuned for, `int8` or `int4`.
        epochs: Passes over the training split, after those in float.
        learning_rate: Peak of the Adam optimiser's; it falls to zero along a cosine.
        ranges: How ranges of activations are learnt; `export.quantization_aware` says more.
    """

    precision: Literal["int8", "int4"] = "int8"
    epochs: Size = 3
    learning_rate: Positive = 1e-4
    ranges: Literal["moving_average", "learned"] = "moving_average"
