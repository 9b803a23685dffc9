"""The values of a recipe for its files of integers: how they are made, and how training prepares for them."""

from typing import Annotated, Literal

import msgspec

from recipes.values import Fraction, Positive, Size, Values


class PostTraining(Values, kw_only=True):
    """How the files of integers are made from a trained model; `export.QuantizationOptions` says more.

    Attributes:
        ranges: How calibration samples become the range of an activation.
        momentum: Of the moving average of ranges.
        percentile: Share of values, in percent, below the upper end of a range, where ranges are percentiles.
        equalize: Whether the weights of consecutive layers are brought to equal ranges; `auto` where it helps.
        correct_bias: Whether biases make up for rounded weights; by default where it helps a file of int4.
        keep_float: Layers, as names or patterns, that stay in float.
    """

    ranges: Literal["min_max", "moving_average", "percentile"] = "min_max"
    momentum: Fraction = 0.9
    percentile: Annotated[float, msgspec.Meta(gt=50, le=100)] = 99.99
    equalize: Literal["auto", "always", "never"] = "never"
    correct_bias: Literal["auto", "always", "never"] | None = None
    keep_float: tuple[str, ...] = ()


class Awareness(Values, kw_only=True):
    """How a trained model is fine-tuned with simulated integers, where `quantization` is `aware`.

    Attributes:
        precision: Of the file it is tuned for, `int8` or `int4`.
        epochs: Passes over the training split, after those in float.
        steps: Updates, at least: of a small split there are more passes.
        learning_rate: Peak of the Adam optimiser's; it falls to zero along a cosine.
        ranges: How ranges of activations are learnt; `export.quantization_aware` says more.
        distillation: Share of the loss, where the outputs are classes, that is the divergence from the model in
            float; the rest is learnt from the labels.
    """

    precision: Literal["int8", "int4"] = "int8"
    epochs: Size = 3
    steps: Size = 500
    learning_rate: Positive = 1e-4
    ranges: Literal["moving_average", "learned"] = "moving_average"
    distillation: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
