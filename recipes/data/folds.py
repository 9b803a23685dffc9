"""A training split cut into parts, each of which is the test split once: k-fold cross-validation.

The data set's own test split stays untouched. Parts are drawn with a fixed seed, so that all recipes and
seeds are measured on the same ones.
"""

import numpy as np

from recipes.errors import RecipeError

_SEED = 0


def cut(data, features):
    """`data`, a `Prepared`, as `features.folds` and `features.fold` say; unchanged where `folds` is 0.

    Classes have the same shares in every part; where each pixel has a class, parts are drawn at random.

    Raises:
        RecipeError: There is no such part, or a class has fewer examples than there are parts.
    """
    count, number = features.folds, features.fold
    if count == 0 and number == 0:
        return data
    if not 2 <= count <= len(data.train.y) or number >= count:
        raise RecipeError(
            f"features.folds={count}, features.fold={number}: give 2 to {len(data.train.y)} folds, and a "
            "fold from 0 to one less than that; 0 and 0 for the data set's own test split"
        )
    rest, held_out = _parts(data, count)[number]
    source = f"{data.source}, fold {number} of {count} of the training split as test split"
    return data._replace(train=_only(data.train, rest), test=_only(data.train, held_out), source=source)


def _parts(data, count):
    """`(rest, part)` indices of each part."""
    from sklearn.model_selection import KFold, StratifiedKFold

    labels = np.asarray(data.train.y)
    if labels.ndim > 1:
        return list(KFold(count, shuffle=True, random_state=_SEED).split(labels))
    sizes = np.bincount(labels)
    rarest = int(np.argmin(np.where(sizes > 0, sizes, len(labels) + 1)))
    if sizes[rarest] < count:
        named = data.classes[rarest] if rarest < len(data.classes) else rarest
        raise RecipeError(
            f"features.folds={count}: class {named!r} of {data.name} has {sizes[rarest]} training examples, "
            f"and every part needs one; give at most {sizes[rarest]} folds"
        )
    folds = StratifiedKFold(count, shuffle=True, random_state=_SEED)
    return list(folds.split(np.zeros(len(labels)), labels))


def _only(split, indices):
    return type(split)(*(values[indices] for values in split))
