"""What the maker of a model says about its files."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InvalidInput

CHANNELS = (1, 3)
"""Of an image: grey or RGB."""


@dataclass(frozen=True)
class Normalization:
    """How pixels from 0 to 255 become a model's input: `(pixel - mean) / std`.

    One value for all channels, or one a channel. A model of images in [0, 1] has mean 0 and std 255, one of
    images in [-1, 1] has 127.5 twice.
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (255.0,)

    def __post_init__(self):
        for name in ("mean", "std"):
            object.__setattr__(self, name, _numbers(getattr(self, name), name))
        if not all(self.std):
            raise InvalidInput("Normalization: std must not be 0; it is what pixels are divided by.")


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What is written into every file and beside it.

    Attributes:
        name: What the model is called; the export's name by default.
        description: What it does, in a sentence or a few.
        version: Of the model.
        author: Who made it.
        license: The licence of the file, best as an SPDX identifier such as `Apache-2.0`.
        labels: The classes by number, for the last axis of the main signature's first output; or a mapping
            from the names of outputs to such sequences.
        normalization: A `Normalization`, for every input that is an image `(1, h, w, 1 or 3)`; or a mapping
            from the names of inputs.
        recipe: How the model was made, as a mapping that can become JSON.
    """

    name: str = ""
    description: str = ""
    version: str = ""
    author: str = ""
    license: str = ""
    labels: tuple[str, ...] | Mapping[str, tuple[str, ...]] = ()
    normalization: Normalization | Mapping[str, Normalization] | None = None
    recipe: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self):
        for name in ("name", "description", "version", "author", "license"):
            if not isinstance(getattr(self, name), str):
                raise InvalidInput(f"Metadata: {name} must be a text, not {getattr(self, name)!r}.")
        if isinstance(self.labels, str):
            raise InvalidInput(f"Metadata: labels must be a sequence of texts, not {self.labels!r}.")


def labels_of(metadata, signatures):
    """The labels of the outputs that have some.

    Args:
        metadata: A `Metadata`.
        signatures: A file's `Contents.signatures`, or those that `signatures.expected` gives.

    Returns:
        A dict from `(signature, output)` to a tuple of texts.

    Raises:
        InvalidInput: There is no such output, or it is not as long as its labels.
    """
    given, main = metadata.labels, next(iter(signatures))
    if not given:
        return {}
    if not isinstance(given, Mapping):
        given = {signatures[main].outputs[0].name: given}
    places = _places(given, {name: part.outputs for name, part in signatures.items()}, "output")
    return {
        place: _checked_labels(given[place[1]], tensor)
        for place, tensor in places.items()
        if not isinstance(metadata.labels, tuple | list) or place[0] == main
    }


def normalization_of(metadata, signatures):
    """The normalisation of the inputs that have one; see `labels_of`.

    Returns:
        A dict from `(signature, input)` to a `Normalization`.

    Raises:
        InvalidInput: There is no such input, it is no image, or has another number of channels.
    """
    given, inputs = metadata.normalization, {name: part.inputs for name, part in signatures.items()}
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        images = {t.name for tensors in inputs.values() for t in tensors if is_image(t)}
        if not images:
            shapes = ", ".join(f"{t.name!r} {t.shape}" for tensors in inputs.values() for t in tensors)
            raise InvalidInput(
                f"Metadata: a normalization is for images (1, height, width, 1 or 3); the inputs are"
                f" {shapes}. Leave it out."
            )
        given = dict.fromkeys(images, given)
    places = _places(given, inputs, "input")
    return {place: _checked_normalization(given[place[1]], tensor) for place, tensor in places.items()}


def is_image(tensor):
    """Whether a tensor can be an image, `(1, height, width, channels)`."""
    return len(tensor.shape) == 4 and tensor.shape[-1] in CHANNELS


def _places(given, tensors, what):
    """The tensors, by signature and name, that a mapping by name is about."""
    found = {(name, t.name): t for name, part in tensors.items() for t in part if t.name in given}
    possible = dict.fromkeys(t.name for part in tensors.values() for t in part)
    for name in given:
        if name not in possible:
            raise InvalidInput(
                f"Metadata: there is no {what} {name!r}. The model's are {', '.join(possible)}."
            )
    return found


def _checked_labels(labels, tensor):
    labels = tuple(labels)
    for label in labels:
        if not isinstance(label, str) or not label.strip() or len(label.splitlines()) > 1:
            raise InvalidInput(f"Metadata: a label must be a text of one line, not {label!r}.")
    if len(labels) != tensor.shape[-1]:
        raise InvalidInput(
            f"Metadata: {len(labels)} labels were given; output {tensor.name!r} of shape {tensor.shape} needs"
            f" {tensor.shape[-1]}, one for each entry of its last axis."
        )
    return labels


def _checked_normalization(given, tensor):
    if not isinstance(given, Normalization):
        raise InvalidInput(f"Metadata: expected an export.Normalization, not {given!r}.")
    if not is_image(tensor):
        raise InvalidInput(
            f"Metadata: input {tensor.name!r} of shape {tensor.shape} is no image (1, height, width, 1 or 3)."
        )
    if {len(given.mean), len(given.std)} - {1, tensor.shape[-1]}:
        raise InvalidInput(
            f"Metadata: the normalization has {len(given.mean)} means and {len(given.std)} deviations, input"
            f" {tensor.name!r} has {tensor.shape[-1]} channels. Give one value, or one a channel."
        )
    return given


def _numbers(values, name):
    try:
        numbers = tuple(float(value) for value in (values if hasattr(values, "__iter__") else (values,)))
    except (TypeError, ValueError):
        numbers = ()
    if not numbers or not all(map(math.isfinite, numbers)):
        raise InvalidInput(f"Normalization: {name} must be a number or one a channel, not {values!r}.")
    return numbers
