"""Inputs for untrained models, and batch statistics that fit them: to compare files with models."""

import numpy as np


def settle(model, images):
    """Give batch normalisations the statistics that `images`, `(n, h, w, c)`, have in front of them.

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

    Images are noise, each as bright as it happens to be. The batch statistics are settled on the images.
    """
    rng = np.random.default_rng(0)
    parts = getattr(model, "signatures", None)
    images = rng.random((count, *model.input_shape[1:]), dtype="float32")
    if len(model.input_shape) == 4:
        images *= rng.random((count, 1, 1, 1), dtype="float32")
        settle(model, images)

    def given(part):
        if part.input_shape == model.input_shape and len(part.input_shape) == 4:
            return [images]
        return [rng.standard_normal((count, *part.input_shape[1:])).astype("float32")]

    return {name: given(part) for name, part in parts.items()} if parts else given(model)
