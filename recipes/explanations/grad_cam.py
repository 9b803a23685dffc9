"""Where the last convolution finds what speaks for a class.

Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", 2017,
section 3, https://arxiv.org/abs/1610.02391
"""

import numpy as np
from keras import ops

from recipes import gradients
from recipes.diagnostics import watching
from recipes.explanations import scores


def grad_cam(model, images, classes, layer=None):
    """The maps of a layer, weighed by the mean gradients of the score, equations 1 and 2: `(n, h', w')`.

    Args:
        model: A Keras classifier of images.
        images: `(n, h, w, c)`, as the model is fed them.
        classes: `(n,)`, the class whose score is explained.
        layer: Name of a layer whose output is `(n, h', w', maps)`; `last_maps(model)` by default.

    Raises:
        ValueError: There is no such layer, or it gives no maps.
    """
    images = np.asarray(images, "float32")
    chosen = _layer(model, layer or last_maps(model))
    maps = _outputs(model, [chosen], images)
    if len(maps) != 1 or maps[0][1].ndim != 4:
        given = ", ".join(str(values.shape[1:]) for _, values in maps)
        raise ValueError(
            f"{chosen.name!r} of {model.name} gives {given or 'nothing'}, not maps (height, width, channels) "
            f"once. Layers that do: {', '.join(_mapping(model, images[:1]))}"
        )
    maps = maps[0][1]

    def score(change):
        with watching.watched([chosen], lambda _, output: output + ops.cast(change, output.dtype)):
            return ops.sum(scores.of_classes(model, images, classes))

    slopes = gradients.of_images(score, np.zeros(maps.shape, "float32"))
    weights = slopes.mean(axis=(1, 2), keepdims=True)  # (n, 1, 1, maps)
    return np.maximum((weights * maps).sum(axis=-1), 0)


def last_maps(model):
    """The layer behind the last convolution that still has places: normalised, activated, shortcut added.

    Raises:
        ValueError: The model has no such convolution.
    """
    image = np.zeros((1, *model.inputs[0].shape[1:]), "float32")
    found = [pair for pair in _outputs(model, watching.leaves(model), image) if pair[1].ndim == 4]
    convolved = [values.shape for layer, values in found if _convolves(layer) and max(values.shape[1:3]) > 1]
    if not convolved:
        raise ValueError(f"{model.name} has no convolution over images, whose maps Grad-CAM weighs")
    return [layer.name for layer, values in found if values.shape == convolved[-1]][-1]


def _convolves(layer):
    return hasattr(layer, "kernel_size") and bool(layer.weights)


def _mapping(model, images):
    """Names of the layers that give maps with more than one place."""
    outputs = _outputs(model, watching.leaves(model), images)
    return [layer.name for layer, values in outputs if values.ndim == 4 and max(values.shape[1:3]) > 1]


def _layer(model, name):
    for layer in watching.leaves(model):
        if layer.name == name:
            return layer
    from recipes import registry

    names = [layer.name for layer in watching.leaves(model)]
    raise ValueError(
        f"{name!r} is no layer of {model.name}.{registry.closest(name, names)} One of: {', '.join(names)}"
    )


def _outputs(model, layers, images):
    """`(layer, output)` of every call of one of `layers`, in the order of computation."""
    found = []

    def see(layer, outputs):
        if ops.is_tensor(outputs):
            found.append((layer, ops.convert_to_numpy(outputs)))
        return outputs

    with watching.watched(layers, see):
        model(images, training=False)
    return found
