"""Units that answer to the distance from a centre.

Broomhead & Lowe, "Multivariable Functional Interpolation and Adaptive Networks", 1988;
multiquadrics: Hardy, "Multiquadric Equations of Topography", 1971; polyharmonic splines: Duchon,
"Splines Minimizing Rotation-Invariant Semi-Norms in Sobolev Spaces", 1977.
"""

import math

import keras
from keras import ops

from zoo import arguments

KINDS = ("gaussian", "multiquadric", "inverse_multiquadric", "polyharmonic_spline")

# Of a squared distance: below it the slopes of roots and logarithms would overflow.
SMALLEST = 1e-12


@keras.saving.register_keras_serializable("zoo")
class RadialBasis(keras.layers.Layer):
    """`y_j = phi(r_j)` with `r_j = |x - c_j| / w_j`; centres `c` and widths `w` are trained.

    | kind                   | phi(r)                                     |
    |------------------------|--------------------------------------------|
    | `gaussian`             | `exp(-r^2)`                                |
    | `multiquadric`         | `sqrt(1 + r^2)`                            |
    | `inverse_multiquadric` | `1 / sqrt(1 + r^2)`                        |
    | `polyharmonic_spline`  | `r^k` for odd `k`, `r^k ln r` for even `k` |

    Widths are stored as logarithms, so that they stay positive: `log_widths`, `(units,)`.

    Args:
        units: How many centres there are.
        kind: One of the above.
        order: `k` of the polyharmonic spline; 2 is the thin-plate spline. The others don't use it.
        width: Value of every width before training.
        centers_initializer: Name of an initialiser for `centers`, `(units, c)`.

    `(n, ..., c)` to `(n, ..., units)`.

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(
        self,
        units,
        kind="gaussian",
        order=2,
        width=1.0,
        centers_initializer="random_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = arguments.positive(units, "units")
        self.kind = arguments.choice(kind, "kind", KINDS)
        self.order = arguments.positive(order, "order")
        if isinstance(width, bool) or not isinstance(width, (int, float)) or not width > 0:
            raise ValueError(f"width={width!r}: expected a number above 0. Pass width=1.0 or another.")
        self.width = float(width)
        self.centers_initializer = keras.initializers.get(centers_initializer)
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    def build(self, input_shape):
        self.centers = self.add_weight(
            name="centers", shape=(self.units, input_shape[-1]), initializer=self.centers_initializer
        )
        self.log_widths = self.add_weight(
            name="log_widths",
            shape=(self.units,),
            initializer=keras.initializers.Constant(math.log(self.width)),
        )

    def call(self, inputs):
        # Sums of squares overflow in float16.
        wide = keras.backend.result_type(inputs.dtype, "float32")
        centers, log_widths = ops.cast(self.centers, wide), ops.cast(self.log_widths, wide)
        # Differences, not |x|^2 - 2xc + |c|^2, which cancels in 8 bits.
        differences = ops.expand_dims(ops.cast(inputs, wide), -2) - centers  # (n, ..., units, c)
        squared = ops.sum(differences * differences, axis=-1) * ops.exp(-2 * log_widths)
        return ops.cast(self._response(squared), inputs.dtype)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "kind": self.kind,
            "order": self.order,
            "width": self.width,
            "centers_initializer": keras.initializers.serialize(self.centers_initializer),
        }

    def macs(self, input_shape, output_shape):
        return math.prod(input_shape) * self.units

    def _response(self, squared):
        if self.kind == "gaussian":
            return ops.exp(-squared)
        if self.kind == "multiquadric":
            return ops.sqrt(1 + squared)
        if self.kind == "inverse_multiquadric":
            return ops.rsqrt(1 + squared)
        return _polyharmonic(squared, self.order)


def _polyharmonic(squared, order):
    """`r^order`, times `ln r` if `order` is even, of `r^2`."""
    safe = ops.maximum(squared, SMALLEST)
    factor = ops.sqrt(safe) if order % 2 else ops.log(safe) / 2
    for _ in range(order // 2):
        factor = factor * squared
    return factor
