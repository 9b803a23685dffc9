"""Part of a training split: what a small data set would have held."""

import numpy as np

from recipes.errors import RecipeError


def chosen(recipe, labels):
    """Positions of the examples among `labels` that the recipe's `examples` leaves to be learnt, sorted.

    Classes keep their shares, to about one example, and what is chosen for one number is among what is chosen
    for a greater one. Labels of pixels `(n, h, w)` are chosen at random.

    Args:
        recipe: A `recipes.recipe.Recipe`; its seed chooses.
        labels: `(n,)` or `(n, h, w)`.

    Raises:
        RecipeError: There are fewer than it asks for.
    """
    labels = np.asarray(labels)
    if recipe.examples is None:
        return np.arange(len(labels))
    if not 2 <= recipe.examples <= len(labels):
        raise RecipeError(
            f"examples={recipe.examples}: give 2 to {len(labels)}, as many as {recipe.data} lets a model learn; "
            "none for all"
        )
    return np.sort(_order(labels, recipe.seed)[: recipe.examples])


def _order(labels, seed):
    """A random order of which every beginning holds the classes by their shares."""
    rng = np.random.default_rng((seed, 20100511))
    mixed = rng.permutation(len(labels))
    if labels.ndim > 1:
        return mixed
    places = np.empty(len(labels))
    for label in np.unique(labels):
        own = mixed[labels[mixed] == label]
        places[own] = (np.arange(len(own)) + 0.5) / len(own)
    return mixed[np.argsort(places[mixed], kind="stable")]
