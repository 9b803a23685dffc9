"""The values of a recipe that make a model smaller while it trains; all off by default."""

from typing import Annotated, Literal

import msgspec

from recipes.values import Fraction, Positive, Share, Size, Values


class Pruning(Values, kw_only=True):
    """How weights become zero as training goes on; `export.pruning` says more.

    Attributes:
        sparsity: Share of zeros at the end; 0 is off. A pattern `M:N` has its own, such as 0.5 for `2:4`.
        schedule: `polynomial`, slower and slower (Zhu and Gupta, 2017, equation 1), or `constant`.
        begin: Share of all steps after which pruning begins.
        end: Share of all steps after which `sparsity` is reached; the rest lets the others make up for it.
        every: Steps from one choice of weights to the next.
        pattern: `unstructured`; `2:4` or any `M:N`, where of N neighbouring inputs M stay; or blocks such
            as `4x1` of outputs by inputs.
        scope: `layer` for the same share everywhere; `global` compares weights of all layers.
        skip: Layers, as names or patterns, that are not pruned.
    """

    sparsity: Fraction = 0.0
    schedule: Literal["polynomial", "constant"] = "polynomial"
    begin: Fraction = 0.1
    end: Share = 0.6
    every: Size = 50
    pattern: str = "unstructured"
    scope: Literal["layer", "global"] = "layer"
    skip: tuple[str, ...] = ()


class Clustering(Values, kw_only=True):
    """How the weights of a layer come to share few values; `export.cluster` says more.

    Attributes:
        clusters: The most values that a layer has in a file of integers; 0 is off.
        begin: Share of all epochs after which weights share values, which the rest of them learns.
        init: Where centroids start: `linear`, `density` or `kmeans++`.
        skip: Layers, as names or patterns, that are not clustered.
    """

    clusters: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    begin: Fraction = 0.7
    init: Literal["linear", "density", "kmeans++"] = "linear"
    skip: tuple[str, ...] = ()


class Distillation(Values, kw_only=True):
    """How a model learns from another's outputs beside the labels (Hinton et al., 2015, section 2).

    Attributes:
        teacher: A recipe, whose run beside this one or under `runs` is used, or trained first; or the
            directory of a run. None by default.
        temperature: What logits are divided by in the soft part of the loss, which counts its square times.
        weight: Share of the soft part in the training loss; the validation loss is that on the labels alone.
    """

    teacher: str = ""
    temperature: Positive = 4.0
    weight: Share = 0.7
