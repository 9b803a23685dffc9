"""A data set as its facts alone: shapes, classes and counts, with arrays that hold nothing.

Planning asks for no example, so a set that recipes use need not be there.
"""

import re

import msgspec
import numpy as np

from recipes.data import prepared
from recipes.data.known import DATASETS
from recipes.errors import RecipeError

_DIGITS = tuple("0123456789")
_CLASSES = {  # in the order of their numbers
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "digits": _DIGITS,
    "digits_canvas": ("background", *_DIGITS),
    "digits_transformed": _DIGITS,
    "ecg5000": ("normal", "abnormal"),
    "fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "mnist": _DIGITS,
    "mnist_canvas": ("background", *_DIGITS),
    "mnist_transformed": _DIGITS,
    "photographs": ("photograph",),
    "spoken_digit": _DIGITS,
}
_SHARES = {"ecg5000": (2919, 2081)}  # beats of each class, where the classes are far from equal
_BANDS = {"log_mel": (49, 20, 1), "mfcc": (49, 10, 1)}  # as `recipes.data.speech` computes them


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """The facts about a data set.

    Attributes:
        name: As the recipe gives it.
        shape: Of one example.
        classes: Their names.
        train: Examples in the training split, validation included.
        test: Examples in the test split.
        per_pixel: Whether each pixel has a class.
        shares: By class, in proportion; of about the same size by default.
    """

    name: str
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    train: int
    test: int
    per_pixel: bool
    shares: tuple[float, ...] = ()

    def arrays(self):
        """A `recipes.data.prepared.Prepared` of these facts; all examples are zeros and take no memory."""
        splits = [self._split(count) for count in (self.train, self.test)]
        return prepared.Prepared(self.name, *splits, self.classes, "facts alone")

    def _split(self, count):
        x = np.broadcast_to(np.float32(0), (count, *self.shape))
        if self.per_pixel:
            return prepared.Split(x, np.broadcast_to(np.uint8(0), (count, *self.shape[:2])))
        bounds = np.cumsum(self.shares or (1,) * len(self.classes))
        places = (np.arange(count) + 0.5) / count * bounds[-1]
        return prepared.Split(x, np.searchsorted(bounds, places).astype(np.int32))


def describe(recipe, progress=None):
    """The `Described` data of a recipe: from what is known of it, else from the set itself, prepared if need be.

    Raises:
        RecipeError: The set is unknown, or the recipe's features do not fit it.
    """
    known = {facts.name: facts for facts in DATASETS if facts.name in _CLASSES}
    if recipe.data in known:
        return _known(known[recipe.data], recipe.features)
    data = prepared.prepare(recipe.data, recipe.features, progress)
    return Described(
        name=recipe.data,
        shape=data.shape,
        classes=data.classes,
        train=len(data.train.y),
        test=len(data.test.y),
        per_pixel=data.per_pixel,
        shares=()
        if data.per_pixel
        else tuple(np.bincount(data.train.y, minlength=len(data.classes)).tolist()),
    )


def _known(facts, features):
    train, test = facts.train, facts.test
    if features.folds:  # a part of the training split is the test split
        train, test = train - train // features.folds, train // features.folds
    return Described(
        name=facts.name,
        shape=_shape(facts, features),
        classes=_CLASSES[facts.name],
        train=train,
        test=test,
        per_pixel=facts.name.endswith("_canvas"),
        shares=_SHARES.get(facts.name, ()),
    )


def _shape(facts, features):
    audio = not re.fullmatch(r"\d+(x\d+)*", facts.shape)
    if audio != (features.front_end != "none"):
        kind = "give features.front_end=log_mel or mfcc" if audio else "leave features.front_end out"
        raise RecipeError(f"features.front_end={features.front_end} with data={facts.name}: {kind}")
    if audio:
        return _BANDS[features.front_end]
    shape = tuple(map(int, facts.shape.split("x")))
    if features.image_size is None:
        return shape
    if len(shape) == 2:
        raise RecipeError(f"features.image_size: {facts.name!r} holds signals; leave it out")
    return (*features.image_size, shape[-1])
