"""Recipes: what to train on what, and the road from a recipe to verified edge files.

Importing this package loads neither Keras nor TensorFlow; each name is fetched when first used.
"""

import importlib

_HOMES = {
    "Augmentation": "recipes.recipe",
    "Clustering": "recipes.compressing",
    "Distillation": "recipes.compressing",
    "Features": "recipes.recipe",
    "Optimizer": "recipes.recipe",
    "Pruning": "recipes.compressing",
    "Recipe": "recipes.recipe",
    "RecipeError": "recipes.errors",
    "Regularization": "recipes.recipe",
    "TrainingError": "recipes.errors",
    "get": "recipes.registry",
    "names": "recipes.registry",
    "run": "recipes.pipeline",
    "tune": "recipes.tuning.searching",
}
__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'recipes' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return __all__
