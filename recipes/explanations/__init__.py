"""Why a classifier gives an image its class: maps of what its score depends on, checked for whether they mean it.

`explain` gives all of them, of any Keras classifier of images, `picture` draws them. Each method is also a function of
its own in the module of its name: `explanations.grad_cam.grad_cam(model, images, classes)`.
"""

import importlib

_HOMES = {
    "Explanation": "recipes.explanations.explaining",
    "METHODS": "recipes.explanations.explaining",
    "explain": "recipes.explanations.explaining",
    "picture": "recipes.explanations.drawing",
    "randomised": "recipes.explanations.sanity",
}
_METHODS = ("attention", "grad_cam", "integrated_gradients", "occlusion", "saliency", "sanity")
__all__ = sorted([*_HOMES, *_METHODS])


def __getattr__(name):
    if name in _METHODS:
        return importlib.import_module(f"recipes.explanations.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'recipes.explanations' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return __all__
