"""What each TFLite operator computes, in real numbers, on any Keras backend.

A function takes its operands and options and gives its result. Values carry the batch in front of the
file's own shape, `(n, *shape)`, whose first axis is the file's batch of 1: so no operator can mistake
one for the other, and a transposition of axis 0 is as good as any.

Sources of the semantics: the kernels of LiteRT (`tflite/kernels/internal/reference`) and the schema.
"""

from . import arithmetic, images, linear, moving, reducing

SEMANTICS = {
    **arithmetic.SEMANTICS,
    **images.SEMANTICS,
    **linear.SEMANTICS,
    **moving.SEMANTICS,
    **reducing.SEMANTICS,
}

MOVES = frozenset(moving.SEMANTICS)
"""Operators that only move values: what they give is on the grid of what they take."""

TIED = MOVES | {
    "AVERAGE_POOL_2D",
    "MAX_POOL_2D",
    "MAXIMUM",
    "MINIMUM",
    "REDUCE_MAX",
    "REDUCE_MIN",
    "RESIZE_BILINEAR",
    "RESIZE_NEAREST_NEIGHBOR",
    "SELECT",
    "SELECT_V2",
    "TOPK_V2",
}
"""Operators that have one scale for what they take and what they give."""

FIXED = frozenset({"L2_NORMALIZATION", "LOGISTIC", "LOG_SOFTMAX", "SOFTMAX", "TANH"})
"""Operators whose output has the scale that the quantisation specification says."""

KERNELS = {
    "BATCH_MATMUL": (1, None),
    "CONV_2D": (1, 2),
    "DEPTHWISE_CONV_2D": (1, 2),
    "FULLY_CONNECTED": (1, 2),
    "TRANSPOSE_CONV": (1, 3),
}
"""Operators with weights: the places of the kernel and of the bias among their inputs."""
