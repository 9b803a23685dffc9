"""Whether the training step is compiled by XLA, and why."""

from typing import NamedTuple

import keras

from recipes.errors import RecipeError
from recipes.training.regularization import DEPTHWISE

_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)


class Choice(NamedTuple):
    """Whether to compile, `jit_compile` of `keras.Model.compile`, and the reason to tell."""

    compile: bool
    reason: str


def check(values, model):
    """Raise a `RecipeError` where `engine.xla` asks for what the backend can't do, or does badly."""
    backend = keras.backend.backend()
    if values.xla == "off" and backend == "jax":
        raise RecipeError("engine.xla=off: JAX compiles everything by XLA; leave engine.xla=auto")
    slow = _depthwise(model)
    if values.xla == "on" and backend == "tensorflow" and slow and not _accelerator():
        raise RecipeError(
            f"engine.xla=on: on a CPU, XLA makes depthwise convolutions many times slower, and {model.name} has "
            f"{len(slow)} ({slow[0]}, …); leave engine.xla=auto"
        )


def chosen(values, trainee):
    """The `Choice` for `trainee`, a `recipes.training.trainee.Trainee`, on the backend and the devices there are."""
    check(values, trainee.model)
    backend = keras.backend.backend()
    if backend == "torch":
        compiled = values.xla == "on"
        return Choice(compiled, "torch.compile" if compiled else "PyTorch's eager steps")
    if backend == "jax":
        for layer in (*trainee.augmentation, *trainee.mixing):
            layer.supports_jit = True  # Keras rules some out for TensorFlow's sake, and would compile nothing
        return Choice(True, "compiled by XLA, as always under JAX")
    if values.xla == "off":
        return Choice(False, "XLA off, as asked for")
    return _under_tensorflow(values, trainee)


def _under_tensorflow(values, trainee):
    kind = _accelerator()
    if values.xla == "auto" and not kind:
        return Choice(False, "XLA off: a CPU gains nothing")
    if values.xla == "auto" and trainee._distribute_strategy:
        return Choice(False, "XLA off: several devices train")
    beyond = [layer.name for layer in trainee._flatten_layers() if not layer.supports_jit]
    if beyond:
        return Choice(False, f"XLA off: it cannot compile {', '.join(beyond)}")
    return Choice(True, "XLA on, as asked for" if values.xla == "on" else f"XLA on: a {kind} is there")


def _depthwise(model):
    """Names of the depthwise convolutions, grouped ones and those within separable ones among them."""
    return [
        layer.name
        for layer in model._flatten_layers()
        if isinstance(layer, (*DEPTHWISE, *_SEPARABLE)) or getattr(layer, "groups", 1) > 1
    ]


def _accelerator():
    """`GPU` or `TPU` where TensorFlow sees one, else nothing."""
    import tensorflow as tf

    return next((kind for kind in ("TPU", "GPU") if tf.config.get_visible_devices(kind)), "")
