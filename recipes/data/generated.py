"""Data sets that are made from others with a fixed seed: what is on the machine is enough for them."""

import dataclasses

from recipes.errors import RecipeError

VERSION = 1  # of what is drawn; a change makes every generated set be made anew
_SEED = 2015


@dataclasses.dataclass(frozen=True)
class Generated:
    """How a set is made.

    Attributes:
        origin: Data set of single figures that it draws from, split by split.
        kind: `canvas`, figures placed on a background, with a class a pixel; or `transformed`, each
            figure turned, scaled and moved, with its own class.
        size: `(height, width)`, unless the recipe's `features.image_size` says otherwise.
        counts: Examples by split, for a canvas; `transformed` has one a figure.
    """

    origin: str
    kind: str
    size: tuple[int, int]
    counts: dict | None = None


SETS = {
    "digits_canvas": Generated("digits", "canvas", (24, 24), {"train": 1_000, "test": 200}),
    "digits_transformed": Generated("digits", "transformed", (14, 14)),
    "mnist_canvas": Generated("mnist", "canvas", (64, 64), {"train": 16_000, "test": 2_000}),
    "mnist_transformed": Generated("mnist", "transformed", (42, 42)),
}


def make(name, features, prepare, progress=None):
    """`(parts, classes, source)` of the set `name`; `parts` holds `(x, y)` by split.

    Args:
        name: A key of `SETS`.
        features: A `recipes.recipe.Features`; its `image_size` is the size of the canvas.
        prepare: `recipes.data.prepared.prepare`, for the set it draws from.
        progress: Called as `progress("drawing NAME (SPLIT)", done, total)`.

    Raises:
        RecipeError: The origin is not to be had, or the features do not fit.
    """
    from recipes.recipe import Features

    plan = SETS[name]
    if features.front_end != "none":
        raise RecipeError(f"features.front_end={features.front_end} is for audio; {name!r} holds images")
    origin = prepare(plan.origin, Features(), progress)
    size = tuple(features.image_size or plan.size)
    _check_size(name, plan, size, origin.shape)
    parts = {
        split: _drawn(name, plan, getattr(origin, split), split, size, progress)
        for split in ("train", "test")
    }
    classes = ["background", *origin.classes] if plan.kind == "canvas" else list(origin.classes)
    return parts, classes, f"{plan.kind} version {VERSION}, seed {_SEED}, of {origin.source}"


def _drawn(name, plan, figures, split, size, progress):
    import numpy as np

    from recipes.data import canvas, transformed

    def tell(done, total):
        if progress:
            progress(f"drawing {name} ({split})", done, total)

    rng = np.random.default_rng((_SEED, ("train", "test").index(split)))
    if plan.kind == "canvas":
        return canvas.draw(figures, plan.counts[split], size, rng, tell)
    return transformed.draw(figures, size, rng, tell)


def _check_size(name, plan, size, shape):
    from recipes.data.canvas import largest_figure

    least = largest_figure(shape[:2]) if plan.kind == "canvas" else shape[:2]
    if any(given < needed for given, needed in zip(size, least, strict=True)):
        raise RecipeError(
            f"features.image_size={size[0]},{size[1]}: {name!r} needs at least {least[0]},{least[1]} "
            f"pixels to hold a figure of {plan.origin}. Leave it out for {plan.size[0]},{plan.size[1]}"
        )
