"""From a `keras.Model` to a SavedModel and `.tflite` files that were run, checked and measured.

Importing this package loads neither TensorFlow nor Keras: every name is fetched on first use.
"""

from importlib import import_module

_HOMES = {
    "Bar": "bars",
    "Benchmark": "benchmarking",
    "Contents": "contents",
    "ExportError": "errors",
    "InvalidFile": "errors",
    "InvalidInput": "errors",
    "PRECISIONS": "precisions",
    "Predictor": "predictor",
    "Report": "report",
    "Verification": "verification",
    "benchmark": "benchmarking",
    "convert": "tflite",
    "export_model": "bundle",
    "inspect": "contents",
    "load": "predictor",
    "quantize": "quantization",
    "to_saved_model": "saved_model",
    "to_tflite": "tflite",
    "verify": "verification",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})
