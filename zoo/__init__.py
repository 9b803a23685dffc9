"""Architectures for the edge as untrained Keras 3 models, on every Keras backend.

    model = zoo.create("separable_cnn", input_shape=(32, 32, 3), classes=10)

Importing this package loads neither Keras nor a backend; `create` does.
"""

import importlib

from zoo import serialization

_HOMES = {
    "Description": "zoo.description",
    "Facts": "zoo.table",
    "UnknownArchitecture": "zoo.registry",
    "create": "zoo.registry",
    "describe": "zoo.description",
    "facts": "zoo.table",
    "list_models": "zoo.registry",
    "output_size": "zoo.window",
    "pixels_seen": "zoo.seen",
}

__all__ = sorted(_HOMES)

serialization.register_with_keras()


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(
            f"module 'zoo' has no attribute {name!r}; it offers {', '.join(__all__)}"
        )
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
