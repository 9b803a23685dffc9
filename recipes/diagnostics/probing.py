"""A step that is computed beside training and leaves nothing behind: its gradients and activations.

Weights, statistics and random states go in as arrays and none comes out, so that training goes on as if
nobody had looked.
"""

import math

import keras
import numpy as np
from keras import ops

from recipes.diagnostics import watching

_RECTIFIERS = ("relu", "relu6")


class Probe:
    """Looks at the gradients and activations of a compiled `Trainee` on a fixed batch.

    The pass is one of training: it augments, drops units and normalises by the batch, with the same random
    numbers each time.

    Args:
        trainee: A `recipes.training.trainee.Trainee`, compiled and built.
        x, y: The batch, as `fit` gets it.
    """

    def __init__(self, trainee, x, y):
        self.trainee, self.x, self.y = trainee, x, y
        self.layers = [layer for layer in watching.leaves(trainee.model) if _own(layer) or rectifies(layer)]
        self.names = _names(self.layers)
        self._owners = {id(v): name for layer, name in self._named() for v in _own(layer)}
        self._fixed = self._random_states()
        self._order = []
        self._compiled = _ON_BACKEND[keras.backend.backend()](self._measured)

    def weights(self):
        """Copies of the trainable weights, in the order of `trainee.trainable_variables`."""
        return [_copy(v) for v in self.trainee.trainable_variables]

    def __call__(self, weights):
        """What is seen with `weights`, as `weights()` gives them.

        Returns:
            `(loss, norms, activations)`: the loss; by layer the norm of the gradient of the weights that it
            learns; by layer `(minimum, maximum, share of dead units or NaN)`, in the order of computation.
        """
        rest = [self._fixed.get(id(v), _copy(v)) for v in self.trainee.non_trainable_variables]
        scale = np.array(_scale(self.trainee.optimizer), np.float32)
        loss, squares, seen = self._compiled(weights, rest, scale, self.x, self.y)
        norms = {name: math.sqrt(s) / float(scale) for name, s in self._by_layer(squares).items()}
        activations = dict(zip(self._order, (np.array(s, np.float64).tolist() for s in seen), strict=True))
        return float(loss), norms, activations

    def ratios(self, before, after):
        """By layer with kernels, how much these changed: the norm of the change as a share of theirs."""
        kernels = [np.ndim(value) > 1 for value in before]
        with np.errstate(all="ignore"):  # of weights that are no numbers any more
            changes = [_squares(a - b) * k for b, a, k in zip(before, after, kernels, strict=True)]
            sizes = [_squares(b) * k for b, k in zip(before, kernels, strict=True)]
        changes, sizes = self._by_layer(changes), self._by_layer(sizes)
        return {name: math.sqrt(changes[name] / size) for name, size in sizes.items() if size}

    def _measured(self, trainable, rest, scale, x, y):
        """`(scaled loss, (loss, activations))`, a function of its arguments alone."""
        trainee, seen = self.trainee, {}
        names = {id(layer): name for layer, name in self._named()}

        def see(layer, outputs):
            name, new = names[id(layer)], _range(layer, outputs)
            seen[name] = _merged(seen[name], new) if name in seen else new
            return outputs

        variables = [*trainee.trainable_variables, *trainee.non_trainable_variables]
        mapping = list(zip(variables, [*trainable, *rest], strict=True))
        trainee._losses_override.clear()  # what the JAX trainer left there belongs to its own step
        with keras.StatelessScope(mapping, collect_losses=True), watching.watched(self.layers, see):
            output = trainee(x, training=True)
            loss = ops.cast(trainee.compute_loss(x, y, output, training=True), "float32")
        self._order = list(seen)
        return loss * scale, (loss, [_summary(values) for values in seen.values()])

    def _named(self):
        return zip(self.layers, self.names, strict=True)

    def _random_states(self):
        """What random generators begin with, by the `id` of the variables that hold their states."""
        variables = self.trainee.non_trainable_variables
        states = {id(v): _copy(v) for v in variables if v.name == "seed_generator_state"}
        for state in states.values():
            state[1] = 0  # a state is the seed and how often it was drawn from
        return states

    def _by_layer(self, values):
        """Sums of `values`, one a trainable variable, over the variables of each layer."""
        sums = {}
        for value, variable in zip(values, self.trainee.trainable_variables, strict=True):
            if owner := self._owners.get(id(variable)):
                sums[owner] = sums.get(owner, 0.0) + float(value)
        return sums


def rectifies(layer):
    """Whether a layer gives zero for whatever is below it."""
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    return getattr(getattr(layer, "activation", None), "__name__", "") in _RECTIFIERS


def _own(layer):
    """The weights that belong to a layer itself, not to one of its sublayers."""
    inner = {id(v) for sub in layer._flatten_layers(include_self=False) for v in sub.weights}
    return [v for v in layer.weights if id(v) not in inner]


def _names(layers):
    """The layers' names; their paths where two have the same name, numbered where those are the same too."""
    names = [layer.name for layer in layers]
    paths = [layer.path if names.count(layer.name) > 1 else layer.name for layer in layers]
    return [f"{p}#{paths[:i].count(p) + 1}" if paths.count(p) > 1 else p for i, p in enumerate(paths)]


def _range(layer, outputs):
    """`(minimum, maximum, largest value of each unit)` of outputs `(n, ...)`; `None` for what rectifies nothing."""
    values, largest = ops.cast(keras.tree.flatten(outputs)[0], "float32"), None
    if rectifies(layer):
        unit = 1 if getattr(layer, "data_format", None) == "channels_first" else len(values.shape) - 1
        largest = ops.max(values, axis=[axis for axis in range(len(values.shape)) if axis != unit])
    return ops.min(values), ops.max(values), largest


def _merged(one, other):
    """The ranges of two calls of a shared layer."""
    largest = None if one[2] is None else ops.maximum(one[2], other[2])
    return ops.minimum(one[0], other[0]), ops.maximum(one[1], other[1]), largest


def _summary(values):
    """`(minimum, maximum, dead)` in one array; a layer that rectifies nothing has NaN dead units."""
    minimum, maximum, largest = values
    dead = float("nan") if largest is None else ops.mean(ops.cast(largest <= 0, "float32"))
    return ops.stack([minimum, maximum, ops.convert_to_tensor(dead, "float32")])


def _copy(variable):
    """A variable's value; a copy, since JAX hands buffers on from step to step."""
    return np.array(ops.convert_to_numpy(variable))


def _squares(values):
    return float(np.sum(np.square(values, dtype=np.float64)))


def _scale(optimizer):
    """What a loss is multiplied by, so that gradients in 16 bits do not become zero."""
    scale = getattr(optimizer, "dynamic_scale", None)
    return 1.0 if scale is None else float(ops.convert_to_numpy(scale))


def _on_tensorflow(measured):
    import tensorflow as tf

    @tf.function(jit_compile=False)
    def look(trainable, rest, scale, x, y):
        with tf.GradientTape() as tape:
            tape.watch(trainable)
            value, (loss, seen) = measured(trainable, rest, scale, x, y)
        none = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(value, trainable, unconnected_gradients=none)
        return loss, [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients], seen

    return look


def _on_jax(measured):
    import jax

    @jax.jit
    def look(trainable, rest, scale, x, y):
        (_, (loss, seen)), gradients = jax.value_and_grad(measured, has_aux=True)(
            trainable, rest, scale, x, y
        )
        return loss, [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients], seen

    return look


def _on_torch(measured):
    import torch

    def look(trainable, rest, scale, x, y):
        trainable = [ops.convert_to_tensor(value).requires_grad_() for value in trainable]
        value, (loss, seen) = measured(trainable, rest, scale, x, y)
        gradients = torch.autograd.grad(value, trainable, allow_unused=True)
        squares = [0.0 if g is None else float(torch.sum(torch.square(g))) for g in gradients]
        return float(loss), squares, [ops.convert_to_numpy(values) for values in seen]

    return look


_ON_BACKEND = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}
