"""What to train in the place of an architecture whose int8 file is cut into parts, by the operator that cuts."""

BATCH_NORM = '{model} with `normalization="batch"`, which folds into its convolutions'
FOLDING = "`mobilenet_v2` or `resnet_small`, whose batch normalisation folds into the convolutions"
MEMBERS = "`dilated_cnn` or `resnet8`, which neither divide nor take roots"

VARIANTS = {
    "alexnet": dict.fromkeys(("EXP", "LOG"), BATCH_NORM.format(model="`alexnet`")),
    "capsnet": dict.fromkeys(("ADD", "BATCH_MATMUL", "RSQRT", "SOFTMAX", "SQRT"), MEMBERS),
    "convnext_v2": dict.fromkeys(("ADD", "GELU", "RSQRT", "SQRT"), FOLDING),
    "googlenet": dict.fromkeys(("EXP", "LOG"), BATCH_NORM.format(model="`googlenet`")),
    "neocognitron": dict.fromkeys(("DIV", "SQRT"), MEMBERS),
    "stn_cnn": {"BATCH_MATMUL": "`stn_cnn` with `transformer=False`, where the images need no turning"},
    "upsampling_decoder": {
        "RESIZE_NEAREST_NEIGHBOR": "`deconvolutional_decoder`, with transposed convolutions"
    },
}
"""By architecture: a dict from operators to a variant in words."""


def of(model):
    """What `export.export_model` takes as `advice` for an architecture, by name; empty where there is no variant."""
    return VARIANTS.get(model, {})
