"""A model's layers with weights: by path, the last of them, and in groups from the first to the last."""

import fnmatch
import re

import keras

from recipes.errors import RecipeError
from recipes.registry import closest

_GROUP = re.compile(r"[A-Za-z]+(_?\d+)?")


def weighted(model, prefix=""):
    """Layers that have weights by their paths, such as `encoder/block1_conv`, in the order of computation."""
    found = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found |= weighted(layer, f"{prefix}{layer.name}/")
        elif layer.weights:
            found[prefix + layer.name] = layer
    return found


def head(model):
    """The paths of the layers that give the model's outputs: the last with weights on every way there.

    A batch normalisation is no such layer itself; it belongs to the one before.
    """
    return _last(keras.tree.flatten(model.outputs), "")


def _last(tensors, prefix):
    found = set()
    for tensor in tensors:
        operation, node, _ = tensor._keras_history
        path = prefix + operation.name
        if isinstance(operation, keras.Model):
            found |= _last(keras.tree.flatten(operation.outputs), f"{path}/")
            continue
        weights = getattr(operation, "weights", [])
        if weights:
            found.add(path)
        if not weights or isinstance(operation, keras.layers.BatchNormalization):
            found |= _last(operation._inbound_nodes[node].input_tensors, prefix)
    return found


def matched(model, patterns, value):
    """The layers of `weighted` whose path, or name, one of the shell `patterns` matches.

    Raises:
        RecipeError: A pattern matches none; `value` names where it was given.
    """
    layers = weighted(model)
    for pattern in patterns:
        if not any(_matches(path, pattern) for path in layers):
            raise RecipeError(
                f"{value}={pattern}: no layer of {model.name} with weights is called so."
                f"{closest(pattern, layers)} There are: {', '.join(layers)}"
            )
    return {p: layer for p, layer in layers.items() if any(_matches(p, pattern) for pattern in patterns)}


def _matches(path, pattern):
    return any(fnmatch.fnmatchcase(name, pattern) for name in (path, path.rpartition("/")[2]))


def groups(model):
    """Layers with trainable weights, in lists by group, the first group first.

    A group is a run of the same block: `block1_conv` and `block1_bn` are one, `conv2_block1_conv` and
    `conv2_block3_bn` too. Its name is what the paths have in common: `block1`, `conv2`.
    """
    found = {}
    for path, layer in weighted(model).items():
        if layer.trainable_weights:
            found.setdefault(_group(path), []).append(layer)
    return found


def _group(path):
    before, _, name = path.rpartition("/")
    matched_name = _GROUP.match(name)
    return f"{before}/" * bool(before) + (matched_name[0] if matched_name else name)
