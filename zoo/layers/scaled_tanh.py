"""The squashing function of the early convolutional networks."""

import keras
from keras import ops

AMPLITUDE, SLOPE = 1.7159, 2 / 3


@keras.saving.register_keras_serializable("zoo")
def scaled_tanh(x):
    """`1.7159 tanh(2 x / 3)`, which is 1 at 1 and -1 at -1, well before it saturates.

    LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, equation 6 and
    appendix A. Any shape to the same shape.
    """
    return AMPLITUDE * ops.tanh(SLOPE * x)
