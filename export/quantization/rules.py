"""What `ai-edge-quantizer` is to do with each operator."""

import re

from .. import flatbuffer
from ..layers import select


def rules_for(source, bits, options):
    """The quantiser's recipe for integer activations and weights of 8 bits.

    Args:
        source: The float32 file's bytes.
        bits: Of activations, 8 or 16.
        options: `QuantizationOptions`, of which the kept layers count.

    Returns:
        A list of rules, of which the last that fits an operator counts.

    Raises:
        InvalidInput: A layer to keep does not exist.
    """
    rules = [_static("*", ".*", bits), *_matrices(source, bits)]
    for option, rule in (("keep_int16", _int16), ("keep_float", _float)):
        chosen = select(source, getattr(options, option), option)
        rules += [rule(output) for output in chosen]
    return rules


def _static(operation, scope, bits, granularity="CHANNELWISE"):
    return {
        "regex": scope,
        "operation": operation,
        "algorithm_key": "min_max_uniform_quantize",
        "op_config": {
            "activation_tensor_config": _tensor(bits, bits == 16, "TENSORWISE"),
            "weight_tensor_config": _tensor(8, True, granularity),
            "compute_precision": "INTEGER",
            "explicit_dequantize": False,
            "skip_checks": False,
            "min_weight_elements": 0,
        },
    }


def _tensor(bits, symmetric, granularity):
    return {"num_bits": bits, "symmetric": symmetric, "granularity": granularity, "dtype": "INT"}


def _matrices(source, bits):
    """Products with a constant matrix take one scale: LiteRT's kernel has no scale a channel."""
    model = flatbuffer.parse(source)
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            if flatbuffer.operator_name(model, operator) != "BATCH_MATMUL":
                continue
            if any(flatbuffer.constant(model, graph.tensors[i]) is not None for i in operator.inputs):
                output = graph.tensors[operator.outputs[0]].name.decode()
                yield _static("BATCH_MATMUL", _only(output), bits, "TENSORWISE")


def _int16(output):
    return _static("*", _only(output), 16)


def _float(output):
    return {"regex": _only(output), "operation": "*", "algorithm_key": "no_quantize", "op_config": {}}


def _only(output):
    """A pattern for the operator that gives one tensor: its scope is its outputs' names, joined by `;`."""
    return f"^{re.escape(output)};"
