"""A penalty on how fast an encoder's output changes with its input.

Rifai, Vincent, Muller, Glorot & Bengio, "Contractive Auto-Encoders: Explicit Invariance During Feature
Extraction", ICML 2011, equations 4 and 5. The estimate for several layers: Hutchinson, "A Stochastic
Estimator of the Trace of the Influence Matrix for Laplacian Smoothing Splines", 1990.
"""

import itertools

import keras
from keras import ops

from zoo import arguments

# The derivative of an activation function, by the value of the function.
SLOPES = {
    "linear": ops.ones_like,
    "relu": lambda h: ops.cast(ops.greater(h, 0), h.dtype),
    "sigmoid": lambda h: h * (1 - h),
    "tanh": lambda h: 1 - ops.square(h),
}


@keras.saving.register_keras_serializable("zoo")
class ContractiveDense(keras.layers.Layer):
    """Dense layers that add `weight * ||J||²` to the model's losses in training.

    J is the Jacobian of the last layer's output with respect to the first one's input, and its
    squared Frobenius norm is averaged over the batch. With one layer it is exact,

        ||J||² = Σ_j φ'_j² Σ_i W_ij²,

    where the derivative φ'_j of the activation is `h_j (1 - h_j)` for the logistic function. With
    several it is estimated without bias, from `E ||J u||² = ||J||²` for u of `N(0, I)`: a direction is
    carried forward by the chain rule, `u -> φ' * (W^T u)` from layer to layer.

    Args:
        units: Widths of the layers, a tuple or one integer.
        weight: What the squared norm is multiplied with.
        activation: "linear", "relu", "sigmoid" or "tanh", of every layer.
        directions: Directions an example from which the norm is estimated.
        seed: An integer for a repeatable sequence of directions.

    `(n, c)` to `(n, units[-1])`. Layers: `dense1`, `dense2`, ...

    Raises:
        ValueError: An argument is none of those.
    """

    def __init__(self, units, weight=0.1, activation="sigmoid", directions=1, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units = arguments.positives((units,) if isinstance(units, int) else units, "units")
        self.weight = arguments.weight(weight, "weight")
        self.activation = arguments.choice(activation, "activation", tuple(SLOPES))
        self.directions = arguments.positive(directions, "directions")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.dense = [
            keras.layers.Dense(width, activation=activation, dtype=self.dtype_policy, name=f"dense{i}")
            for i, width in enumerate(self.units, start=1)
        ]
        self.input_spec = keras.layers.InputSpec(ndim=2)

    def build(self, input_shape):
        for layer, width in zip(self.dense, (input_shape[-1], *self.units[:-1]), strict=True):
            layer.build((None, width))

    def call(self, inputs, training=False):
        x, outputs = inputs, []
        for layer in self.dense:
            x = layer(x)
            outputs.append(x)
        if training:
            self.add_loss(self.weight * self._squared_norm(ops.shape(inputs), outputs))
        return x

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "weight": self.weight,
            "activation": self.activation,
            "directions": self.directions,
            "seed": self.seed,
        }

    def macs(self, input_shape, output_shape):
        return sum(a * b for a, b in itertools.pairwise((*input_shape, *self.units)))

    def _squared_norm(self, shape, outputs):
        """The mean over the batch of ||J||², or of its estimate: a float32 number."""
        # Products of many weights and derivatives leave the range of float16.
        kernels = [ops.cast(layer.kernel, "float32") for layer in self.dense]
        slopes = [SLOPES[self.activation](ops.cast(h, "float32")) for h in outputs]  # (n, units)
        if len(kernels) == 1:
            lengths = ops.sum(ops.square(kernels[0]), axis=0)  # (units,)
            return ops.mean(ops.sum(ops.square(slopes[0]) * lengths, axis=-1))
        seed = self.seed_generator
        moved = keras.random.normal((self.directions, *shape), dtype="float32", seed=seed)
        for kernel, slope in zip(kernels, slopes, strict=True):
            moved = ops.matmul(moved, kernel) * slope  # (directions, n, units)
        return ops.mean(ops.sum(ops.square(moved), axis=-1))
