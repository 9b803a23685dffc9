"""From a `keras.Model` to a SavedModel and `.tflite` files that were run, checked and measured.

Importing this package loads neither TensorFlow nor Keras: every name is fetched on first use.
"""

from importlib import import_module

_HOMES = {
    "Bar": "bars",
    "Benchmark": "benchmarking",
    "Contents": "contents",
    "DEFAULT_PRECISIONS": "precisions",
    "Delivery": "targets.delivering",
    "EthosRun": "targets.ethos",
    "Explanation": "explaining",
    "ExportError": "errors",
    "Finding": "targets.findings",
    "InvalidFile": "errors",
    "InvalidInput": "errors",
    "LayerError": "explaining",
    "Metadata": "metadata.description",
    "MicroRun": "targets.micro",
    "Mixed": "mixed",
    "MixedSearch": "mixed",
    "Normalization": "metadata.description",
    "OperatorCost": "costs",
    "PRECISIONS": "precisions",
    "Predictor": "predictor",
    "Quantization": "quantization.outcome",
    "QuantizationOptions": "quantization.options",
    "Report": "report",
    "Target": "targets.target",
    "TargetCheck": "targets.findings",
    "Verification": "verification",
    "Weights": "weighing",
    "annotate": "annotating",
    "benchmark": "benchmarking",
    "check_target": "targets.checking",
    "choose": "choosing",
    "cluster": "compression.clustering",
    "compile_ethos": "targets.ethos",
    "convert": "tflite",
    "deliver": "targets.delivering",
    "explain": "explaining",
    "export_model": "bundle",
    "get_target": "targets.target",
    "inspect": "contents",
    "keep_clusters": "compression.clustering",
    "keep_sparsity": "compression.pruning",
    "load": "predictor",
    "load_report": "integrity",
    "operator_costs": "costs",
    "prune": "compression.pruning",
    "pruning": "compression.pruning",
    "quantize": "quantization",
    "remove_metadata": "metadata.embedding",
    "run_micro": "targets.micro",
    "search_mixed": "mixed",
    "take_pixels": "pixels",
    "target_names": "targets.target",
    "to_c": "targets.c_source",
    "quantization_aware": "awareness",
    "simulation": "awareness.agreement",
    "to_saved_model": "saved_model",
    "to_tflite": "tflite",
    "verify": "verification",
    "weigh": "weighing",
    "write_metadata": "metadata.embedding",
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
