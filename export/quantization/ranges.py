"""The range of every activation, from running the float32 file on calibration samples."""

import numpy as np

from .. import flatbuffer


def activation_ranges(float_file, samples):
    """The smallest and largest value of every float activation, merged over all samples.

    A moving average over samples, the default of `ai-edge-quantizer`, would cut off what only few
    of them reach. Every operator runs by LiteRT's own kernels, so that every activation is kept.

    Args:
        float_file: The file's bytes.
        samples: A dict from signature to a dict from input name to `(n, *input_shape)`.

    Returns:
        A dict from tensor name to `{"min": array, "max": array}`, of the tensor's rank.
    """
    interpreter = keeping_interpreter(float_file)
    model = flatbuffer.parse(float_file)
    graphs = {entry.signatureKey.decode(): entry.subgraphIndex for entry in model.signatureDefs}
    ranges = {}
    for signature, arrays in samples.items():
        watched = dict(_activations(model, model.subgraphs[graphs[signature]]))
        run = interpreter.get_signature_runner(signature)
        for index in range(len(next(iter(arrays.values())))):
            run(**{name: rows[index : index + 1] for name, rows in arrays.items()})
            for tensor, name in watched.items():
                _merge(ranges, name, interpreter.get_tensor(tensor, graphs[signature]))
    return ranges


def keeping_interpreter(content):
    """An interpreter whose activations can all be read after a run, without a delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_content=bytes(content),
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def _activations(model, graph):
    """Index and name of the float32 tensors that a graph takes or computes."""
    computed = {i for operator in graph.operators or [] for i in operator.outputs}
    for index in sorted({*graph.inputs, *computed}):
        tensor = graph.tensors[index]
        if flatbuffer.type_name(tensor.type) == "float32":
            yield index, tensor.name.decode()


def _merge(ranges, name, values):
    # Padding before a maximum may be -inf, which no scale could hold.
    finite = values if np.isfinite(values).all() else values[np.isfinite(values)]
    if not finite.size:
        return
    rank = (1,) * values.ndim
    low, high = finite.min().reshape(rank), finite.max().reshape(rank)
    known = ranges.setdefault(name, {"min": low, "max": high})
    ranges[name] = {"min": np.minimum(known["min"], low), "max": np.maximum(known["max"], high)}
