"""Gradients with respect to images, on the backend that Keras runs on."""

import keras


def of_images(function, images):
    """Gradient of `function(images)`, a number, as a NumPy array of the images' shape."""
    images = keras.ops.convert_to_tensor(images)
    gradient = _ON_BACKEND[keras.backend.backend()](function, images)
    return keras.ops.convert_to_numpy(gradient)


def _on_jax(function, images):
    import jax

    return jax.grad(function)(images)


def _on_tensorflow(function, images):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(images)
        value = function(images)
    return tape.gradient(value, images)


def _on_torch(function, images):
    import torch

    images.requires_grad_()
    return torch.autograd.grad(function(images), images)[0]


_ON_BACKEND = {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}
