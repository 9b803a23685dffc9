"""Penalties and bounds on a model's kernels while it trains; the model itself stays as it is."""

import contextlib
import inspect

import keras

from recipes.errors import RecipeError
from zoo.layers.locally_connected import LocallyConnected1D, LocallyConnected2D

DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
LOCALLY_CONNECTED = (LocallyConnected1D, LocallyConnected2D)

# Values that an architecture takes as arguments of the same names.
OF_ARCHITECTURES = ("dropout", "drop_connect", "stochastic_pooling")


def architecture_arguments(recipe):
    """The recipe's arguments for its architecture, those of its regularisation among them.

    Raises:
        RecipeError: The architecture has no such argument, or the recipe gives it twice.
    """
    chosen = {name: getattr(recipe.regularization, name) for name in OF_ARCHITECTURES}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    for name in chosen:
        _check(recipe, name)
    return {**recipe.arguments, **chosen}


def _check(recipe, name):
    if name in recipe.arguments:
        raise RecipeError(f"regularization.{name} and arguments.{name} are both given; leave one of them out")
    takers = _takers(name)
    if recipe.model not in takers:
        which = f"Architectures that do: {', '.join(takers)}" if takers else "No architecture does"
        raise RecipeError(
            f"{recipe.model} has no argument {name}, which regularization.{name} needs. {which}"
        )


def _takers(name):
    """The architectures that have an argument `name`."""
    from zoo import registry

    functions = {model: registry.find(model) for model in registry.list_models()}
    return [model for model, function in functions.items() if name in inspect.signature(function).parameters]


@contextlib.contextmanager
def applied(model, values):
    """Within the block, `model`'s kernels are regularised by `values`, a `recipes.recipe.Regularization`.

    L1 and L2 are added to the training and the validation loss; norms are bounded after every step.
    """
    kernels = list(_kernels(model))
    penalty = keras.regularizers.L1L2(values.l1, values.l2) if values.l1 or values.l2 else None
    before = [(kernel, kernel.regularizer, kernel.constraint) for _, kernel in kernels]
    for layer, kernel in kernels:
        if penalty:
            kernel.regularizer = penalty
        if values.max_norm:
            kernel.constraint = keras.constraints.MaxNorm(values.max_norm, incoming_axes(layer, kernel))
    try:
        yield
    finally:
        for kernel, regularizer, constraint in before:
            kernel.regularizer, kernel.constraint = regularizer, constraint


def _kernels(model):
    """`(layer, kernel)` for every trainable kernel, a shared one once; biases and scales are none."""
    seen = set()
    for layer in model._flatten_layers():
        for name in ("kernel", "depthwise_kernel", "pointwise_kernel", "recurrent_kernel"):
            kernel = getattr(layer, name, None)
            if isinstance(kernel, keras.Variable) and kernel.trainable and id(kernel) not in seen:
                seen.add(id(kernel))
                yield layer, kernel


def incoming_axes(layer, kernel):
    """The axes of `kernel` along which the weights that come into one unit lie."""
    axes = tuple(range(len(kernel.shape)))
    if kernel is getattr(layer, "depthwise_kernel", None) or isinstance(layer, DEPTHWISE):
        return axes[:-2]  # (*window, channels, multiplier)
    if isinstance(layer, LOCALLY_CONNECTED):
        return axes[1:-1]  # (positions, taps, filters)
    if isinstance(layer, TRANSPOSED):
        return (*axes[:-2], axes[-1])  # (*window, filters, channels)
    return axes[:-1]
