"""Inputs for untrained models, and batch statistics that fit them: to compare files with models."""

import numpy as np


def settle(model, images):
    """Give batch normalisations the statistics that `images`, what the model takes, have in front of them.

    And an offset of 1: without it a deep untrained network of ReLUs is chaotic, two close inputs
    drift apart from layer to layer (Yang et al., "A Mean Field Theory of Batch Normalization", 2019,
    https://arxiv.org/abs/1902.08129), and so do a file and the model. Trained ones are not.
    """
    import keras

    found = [x for x in model._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in found]
    for layer in found:
        layer.momentum = 0.0
        if layer.center:
            layer.beta.assign(keras.ops.ones_like(layer.beta))
    model(images, training=True)
    for layer, momentum in zip(found, momenta, strict=True):
        layer.momentum = momentum


def inputs_of(model, count):
    """By signature, or as a list for the one signature there is: images, or codes of unit variance.

    Images are noise, each as bright as it happens to be; labels are 0 or 1. The batch statistics are
    settled on the images.
    """
    rng = np.random.default_rng(0)
    parts, shape = getattr(model, "signatures", None), tuple(model.inputs[0].shape)
    images = rng.random((count, *shape[1:]), dtype="float32")
    if len(shape) == 4:
        images *= rng.random((count, 1, 1, 1), dtype="float32")

    def values(tensor):
        if len(shape) == 4 and tuple(tensor.shape) == shape:
            return images
        if tensor.dtype == "int32":
            return rng.integers(2, size=(count, *tensor.shape[1:]), dtype="int32")
        return rng.standard_normal((count, *tensor.shape[1:])).astype("float32")

    def given(part):
        if isinstance(part.input, dict):
            return [{name: values(tensor) for name, tensor in part.input.items()}]
        return [values(part.input)]

    if len(shape) == 4:
        settle(model, *given(model))
    return {name: given(part) for name, part in parts.items()} if parts else given(model)
