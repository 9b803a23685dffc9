"""Layers and blocks that the architectures share and Keras lacks.

A layer that `zoo.describe` can't know from Keras describes itself with two methods, both optional:

- `macs(input_shape, output_shape)` gives the multiply-accumulates of one call as an integer, for
  shapes of the first input and the first output without the batch axis. A layer that multiplies no
  weights and has no such method counts as 0.
- `window()` gives `(kernel, strides, dilation)` of the window that slides over the input, each an
  integer or a tuple with one integer a spatial axis; a stride of `Fraction(1, 2)` says that the
  output is twice as large. None says that each value of the output sees the whole input. A layer
  without this method sees one position. A `padding` attribute of "valid" has the tiling checked.
"""
