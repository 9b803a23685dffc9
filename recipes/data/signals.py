"""Sets of signals, `(length, channels)` float32 each, in arrays as they are stored."""

import numpy as np

from recipes.errors import RecipeError


def arrays(loaded, split, features, progress=None):
    """`(x, y)` of one split: `(n, length, channels)` float32 and `(n,)` int32.

    Raises:
        RecipeError: The features are for images or audio.
    """
    for value, wanted in (("image_size", None), ("front_end", "none"), ("binarize", False)):
        if getattr(features, value) != wanted:
            raise RecipeError(
                f"features.{value}={getattr(features, value)}: {loaded.name!r} holds signals; leave it out"
            )
    parts, done = [], 0
    for part in loaded.batches(split, None):
        parts.append(part)
        done += len(part[1])
        if progress:
            progress(f"preparing {loaded.name} ({split})", done, loaded.splits[split])
    x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    return x.astype(np.float32, copy=False), y.astype(np.int32)
