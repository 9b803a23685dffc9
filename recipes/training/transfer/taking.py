"""Weights handed from one model to another of the same architecture, layer by layer."""

from typing import NamedTuple

from recipes.errors import RecipeError
from recipes.training.transfer import layers


class Taken(NamedTuple):
    """What was handed over.

    Attributes:
        layers: Paths of the layers that have the source's weights.
        left_out: Why the others begin anew, by path.
    """

    layers: list
    left_out: dict


def take(model, donor, head, classes=()):
    """Give `model` the weights of `donor`'s layers of the same path and shapes.

    Args:
        model: A Keras model.
        donor: A `recipes.training.transfer.beginning.Donor`.
        head: `auto`, `new` or `kept`, as a recipe has it.
        classes: Names of the classes that `model` tells apart, where it does.

    Raises:
        RecipeError: No layer fits, or one has to be kept that doesn't.
    """
    theirs, last = layers.weighted(donor.model), layers.head(model)
    anew = _reason(head, classes, donor.classes)
    taken, left_out = [], {}
    for path, layer in layers.weighted(model).items():
        reason = anew if path in last and anew else _difference(layer, theirs.get(path))
        if reason:
            left_out[path] = reason
        else:
            layer.set_weights(theirs[path].get_weights())
            taken.append(path)
    _check(model, donor, head, last, taken, left_out)
    return Taken(taken, left_out)


def _reason(head, classes, theirs):
    """Why the last layer begins anew even where shapes are equal; nothing where it need not."""
    if head == "new":
        return "begins anew, as asked for"
    if head == "auto" and classes and theirs and tuple(classes) != tuple(theirs):
        return f"begins anew: {_named(classes)} in the place of {_named(theirs)}"
    return ""


def _named(classes):
    shown = ", ".join(map(str, classes[:3]))
    return f"{len(classes)} classes ({shown}{', …' if len(classes) > 3 else ''})"


def _difference(layer, other):
    """What keeps `layer` from having the weights of `other`; nothing where it can."""
    if other is None:
        return "the source has no such layer"
    own, their = ([tuple(w.shape) for w in one.weights] for one in (layer, other))
    return "" if own == their else f"its shapes are {_text(own)}, the source's {_text(their)}"


def _text(shapes):
    return " ".join("×".join(map(str, shape)) or "1" for shape in shapes)


def _check(model, donor, head, last, taken, left_out):
    if not taken:
        path, reason = next(iter(left_out.items()))
        raise RecipeError(
            f"transfer.source={donor.name}: none of its layers fits {model.name} ({path}: {reason}); give the "
            "arguments that it was made with, or another source"
        )
    if head == "kept" and (lost := sorted(last & set(left_out))):
        raise RecipeError(
            f"transfer.head=kept: {lost[0]} can't be kept, {left_out[lost[0]]}; give transfer.head=auto"
        )
