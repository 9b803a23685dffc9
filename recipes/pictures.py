"""Pictures of what a convolutional model holds: its filters, its feature maps, and what they see.

Every picture is a `matplotlib.figure.Figure`: a notebook shows it, `figure.savefig(path)` writes it.
"""

import math

import keras
import numpy as np

import zoo
from recipes import gradients

_PANEL = 1.25  # inches


def filters(model, layer, most=16):
    """The kernel of a convolution: a column a filter, a row an input channel; red is positive.

    Args:
        model: A Keras model.
        layer: Name of a convolution: plain, depthwise or transposed, over an image.
        most: Largest number of filters and of input channels that are drawn.

    Raises:
        ValueError: The model has no such layer, or it is no convolution over images.
    """
    kernel = _kernel(_layer(model, layer))  # (h, w, in, out)
    channels, count = kernel.shape[2:]
    shown = kernel[:, :, :most, :most]
    rows, columns = shown.shape[2:]
    figure, axes = _panels(rows, columns, 0.75, room=0.7)
    limit = np.abs(shown).max() or 1.0
    for (row, column), axis in np.ndenumerate(axes):
        drawn = axis.imshow(shown[:, :, row, column], cmap="RdBu_r", vmin=-limit, vmax=limit)
        if row == 0:
            axis.set_title(column, fontsize=8)
        if column == 0:
            axis.set_ylabel(row, fontsize=8, rotation=0, ha="right", va="center")
    figure.colorbar(drawn, ax=axes, aspect=8 * rows, ticks=(-limit, 0, limit), format="%.2g", label="weight")
    figure.suptitle(f"{layer}: {_some(columns, count, 'filter')}", fontsize=10)
    figure.supylabel(_some(rows, channels, "input channel"), fontsize=8)
    return figure


def feature_maps(model, layer, image, most=16):
    """The maps that a layer makes of an image: grey from 0 up, or blue to red where some are negative.

    Args:
        model: A functional Keras model with one input.
        layer: Name of a layer whose output is `(n, h, w, c)`.
        image: `(h, w, c)`, as the model is fed it.
        most: Largest number of maps that are drawn, `most` or 8 a row.

    Raises:
        ValueError: The model has no such layer, or its output is no map.
    """
    maps = keras.ops.convert_to_numpy(_features(model, layer)(np.asarray(image)[None], training=False))[0]
    count = maps.shape[-1]
    shown = np.moveaxis(maps, -1, 0)[:most]  # (maps, h, w)
    columns = min(8, most, len(shown))
    figure, axes = _panels(-(-len(shown) // columns), columns, _PANEL, room=0.6)
    highest = np.abs(shown).max() or 1.0
    signed = shown.min() < 0
    for i, axis in enumerate(axes.flat):
        if i >= len(shown):
            axis.set_visible(False)
            continue
        drawn = axis.imshow(
            shown[i], cmap="RdBu_r" if signed else "gray", vmin=-highest * signed, vmax=highest
        )
        axis.set_title(i, fontsize=8)
    figure.colorbar(drawn, ax=axes, aspect=12, label="value")
    size = " × ".join(map(str, maps.shape[:2]))
    figure.suptitle(f"{layer}: {_some(len(shown), count, 'map')} of {size}", fontsize=10)
    return figure


def strongest(model, layer, images, maps=8, most=10):
    """What excites a layer's maps most: a row a map, its `strongest_patches` from left to right.

    Args:
        model, layer, images: As for `strongest_patches`.
        maps: Largest number of maps that are drawn.
        most: Patches a map.
    """
    patches = strongest_patches(model, layer, images, most)
    count, (height, width) = len(patches), patches.shape[2:4]
    shown = np.clip(patches[:maps], 0, 1)
    figure, axes = _panels(len(shown), shown.shape[1], 0.6, room=0.4)
    for (row, column), axis in np.ndenumerate(axes):
        axis.imshow(shown[row, column].squeeze(), cmap="gray", vmin=0, vmax=1)
        if column == 0:
            axis.set_ylabel(row, fontsize=8, rotation=0, ha="right", va="center")
    figure.suptitle(f"{layer}: {_some(len(shown), count, 'map')}, patches of {height} × {width}", fontsize=10)
    return figure


def strongest_patches(model, layer, images, most=10):
    """The pixels behind each map's largest values, `(maps, most, h, w, c)`, strongest first.

    Of each image only the place with the map's largest value is taken, and what the value there can
    depend on is cut out (as Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks",
    2014, figure 2, https://arxiv.org/abs/1311.2901). Zeros stand for what is outside the image.

    Args:
        model: A functional Keras model with one input.
        layer: Name of a layer whose output is `(n, h, w, c)` and whose values do not see all pixels.
        images: `(n, h, w, c)`, as the model is fed them.
        most: Patches a map; fewer where there are fewer images.

    Raises:
        ValueError: The model has no such layer, or its output is no map.
    """
    images = np.asarray(images, "float32")
    values = keras.ops.convert_to_numpy(_features(model, layer)(images, training=False))
    flat = values.reshape(len(values), -1, values.shape[-1])  # (n, places, maps)
    best = np.argsort(-flat.max(axis=1), axis=0, kind="stable")[:most]  # (most, maps)
    place = np.take_along_axis(flat.argmax(axis=1), best, axis=0)  # (most, maps)
    patch = _patches(model, layer, images, values.shape[1:3])
    return np.stack(
        [[patch(*pair) for pair in zip(*chosen, strict=True)] for chosen in zip(best.T, place.T, strict=True)]
    )


def _patches(model, layer, images, grid):
    """A function from an image's index and a flat place of the layer's `grid` to the pixels seen."""
    (top, bottom), (left, right) = zoo.pixels_seen(model, layer, (0, 0))
    height, width = bottom - top + 1, right - left + 1
    down, across = zoo.describe(model)[layer].jump or (0, 0)
    padded = np.pad(images, ((0, 0), (height, height), (width, width), (0, 0)))

    def patch(image, place):
        row, column = np.unravel_index(place, grid)
        y, x = height + top + int(row * down), width + left + int(column * across)
        return padded[image, y : y + height, x : x + width]

    return patch


def receptive_fields(model, layers, images):
    """What the middle value of each layer depends on: how much by brightness, at most by the frame.

    The frame is the theoretical field, the region of `zoo.pixels_seen`; the brightness is
    `effective_field`, each panel to its own maximum. Where the frame leaves the image, the layers
    see padding.

    Args:
        model: A functional Keras model with one input.
        layers: Names of layers whose outputs are `(n, h, w, c)`.
        images: `(n, h, w, c)`, as the model is fed them.
    """
    from matplotlib.patches import Rectangle

    figure, axes = _panels(1, len(layers), 2.1, room=0.45)
    for layer, axis in zip(layers, axes.flat, strict=True):
        field = effective_field(model, layer, images)
        drawn = axis.imshow(field / (field.max() or 1.0), cmap="inferno", vmin=0, vmax=1)
        (top, bottom), (left, right) = zoo.pixels_seen(model, layer)
        corner, sizes = (left - 0.5, top - 0.5), (right - left + 1, bottom - top + 1)
        axis.add_patch(Rectangle(corner, *sizes, fill=False, edgecolor="cyan", linewidth=1.5))
        axis.set(xlim=(-0.5, field.shape[1] - 0.5), ylim=(field.shape[0] - 0.5, -0.5))
        axis.set_title(f"{layer}\nsees {sizes[1]} × {sizes[0]}", fontsize=9)
    figure.colorbar(drawn, ax=axes, aspect=12, label="influence, share of\nthe largest")
    return figure


def effective_field(model, layer, images):
    """How strongly the middle value of a layer depends on each pixel, `(h, w)`, with a sum of 1.

    The absolute gradient of the value at the middle position, summed over channels, averaged over
    images (Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural
    Networks", 2016, section 2, https://arxiv.org/abs/1701.04128). All zero where no pixel matters.

    Args:
        model: A functional Keras model with one input.
        layer: Name of a layer whose output is `(n, h, w, c)`.
        images: `(n, h, w, c)`, as the model is fed them.

    Raises:
        ValueError: The model has no such layer, or its output is no map.
    """
    features = _features(model, layer)
    row, column = (size // 2 for size in features.output.shape[1:3])

    def middle(batch):
        return keras.ops.sum(features(batch, training=False)[:, row, column])

    gradient = gradients.of_images(middle, np.asarray(images, "float32"))  # (n, h, w, c)
    strength = np.abs(gradient).mean(axis=0).sum(axis=-1)
    return strength / (strength.sum() or 1.0)


def _features(model, layer):
    """The model up to `layer`."""
    output = _layer(model, layer).output
    if len(output.shape) != 4:
        raise ValueError(
            f"{layer!r} gives {tuple(output.shape)}, which is no map. Pass a layer whose output is "
            "(n, height, width, channels)."
        )
    return keras.Model(model.input, output)


def _layer(model, name):
    for layer in model.layers:
        if layer.name == name:
            return layer
    names = ", ".join(layer.name for layer in model.layers)
    raise ValueError(f"{name!r} is no layer of {model.name}. Pass one of: {names}.")


def _kernel(layer):
    """The layer's kernel as `(h, w, input channels, filters)`."""
    kernel = getattr(layer, "kernel", None)
    if kernel is None or len(kernel.shape) != 4:
        raise ValueError(
            f"{layer.name!r}, a {type(layer).__name__}, has no filters over images. Pass the name of a "
            "convolution."
        )
    kernel = keras.ops.convert_to_numpy(kernel)
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return kernel.swapaxes(2, 3)
    if isinstance(layer, keras.layers.DepthwiseConv2D):  # a filter sees one channel: (h, w, 1, filters)
        return kernel.reshape(*kernel.shape[:2], 1, math.prod(kernel.shape[2:]))
    return kernel


def _panels(rows, columns, side, room):
    """A figure of square panels without ticks, `side` inches each, `room` inches around them."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * side + 1.1, rows * side + room), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set(xticks=(), yticks=())
    return figure, axes


def _some(shown, count, what):
    """`6 filters`, or `the first 16 of 120 filters`."""
    many = f"{count} {what}{'s' * (count != 1)}"
    return many if shown == count else f"the first {shown} of {many}"
