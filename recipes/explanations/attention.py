"""What a model's own attention says: over places, over time, or from token to token."""

import keras
import numpy as np
from keras import ops

from recipes.diagnostics import watching


def attention_maps(model, images):
    """Maps by the names of what they are of; none where the model attends to no places.

    Layers with a method `attention` give theirs, `(n, h', w')`, or `(n, steps, 1)` over time. Those of the
    kind `keras.layers.MultiHeadAttention` are rolled out together: `rollout`.

    Args:
        model: A Keras model.
        images: `(n, h, w, c)`, as the model is fed them.
    """
    images = np.asarray(images, "float32")
    found = _weights(model, images)
    heads = _head_scores(model, images)
    return found | ({"attention rollout": tokens_to_map(rollout(heads), images.shape[1:3])} if heads else {})


def rollout(heads):
    """How much of each input token comes to each output token, `(n, tokens, tokens)`.

    Abnar & Zuidema, "Quantifying Attention Flow in Transformers", 2020, section 3,
    https://arxiv.org/abs/2005.00928: half of every layer's mean over heads, half of what goes past it, multiplied up.

    Args:
        heads: Attention of each layer, first to last, `(n, heads, tokens, tokens)`.

    Raises:
        ValueError: The layers do not attend to the same tokens.
    """
    shapes = {values.shape[2:] for values in heads}
    if len(shapes) != 1 or len(set(*shapes)) != 1:
        raise ValueError(f"attention between {sorted(shapes)} tokens cannot be multiplied: all must be equal")
    flow = np.eye(heads[0].shape[-1])
    for values in heads:
        mixed = 0.5 * values.mean(axis=1) + 0.5 * np.eye(values.shape[-1])
        flow = mixed / mixed.sum(axis=-1, keepdims=True) @ flow
    return flow


def tokens_to_map(flow, size):
    """What of the tokens comes to the first one, where that stands for the class, else to all: `(n, h', w')`.

    Args:
        flow: `(n, tokens, tokens)`.
        size: `(height, width)` of the image, whose tokens lie on a grid of the same shape.

    Raises:
        ValueError: The tokens make no such grid.
    """
    tokens = flow.shape[-1]
    if grid := _grid(tokens, size):
        return flow.mean(axis=1).reshape(len(flow), *grid)
    if grid := _grid(tokens - 1, size):
        return flow[:, 0, 1:].reshape(len(flow), *grid)
    raise ValueError(f"{tokens} tokens make no grid of the shape of an image of {size[0]} × {size[1]}")


def _grid(tokens, size):
    """`(h', w')` with `h' w' = tokens` and the sides of the image's shape; `None` where there is none."""
    rows = round((tokens * size[0] / size[1]) ** 0.5)
    if rows and tokens % rows == 0 and rows * size[1] == tokens // rows * size[0]:
        return rows, tokens // rows
    return None


def _weights(model, images):
    """What layers with a method `attention` give, by name."""
    found = {}

    def see(layer, weights):
        values = ops.convert_to_numpy(weights)
        if values.ndim == 4 and values.shape[-1] == 1 and max(values.shape[1:3]) > 1:
            found[layer.name] = values[..., 0]
        if values.ndim == 2:
            found[layer.name] = values[..., None]
        return weights

    layers = [layer for layer in watching.leaves(model) if callable(getattr(layer, "attention", None))]
    with watching.watched(layers, see, method="attention"):
        if layers:
            model(images, training=False)
    return found


def _head_scores(model, images):
    """The attention of each layer with several heads, `(n, heads, tokens, tokens)`, in the order of computation."""
    found = []

    def make(layer, plain):
        def call(*args, **kwargs):
            outputs, scores = plain(*args, **{**kwargs, "return_attention_scores": True})
            found.append(ops.convert_to_numpy(scores))
            return (outputs, scores) if kwargs.get("return_attention_scores") else outputs

        return call

    layers = [a for a in watching.leaves(model) if isinstance(a, keras.layers.MultiHeadAttention)]
    with watching.replaced(layers, make):
        if layers:
            model(images, training=False)
    return found
