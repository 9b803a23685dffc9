"""What of an operator exceeds a runtime's `Limits`, in words."""

import numpy as np

from .. import flatbuffer
from .pieces import is_constant, runtime_inputs


def exceeded(model, graph, operator, limits):
    """`(problem, remedy)` for each limit that an operator of a graph does not keep."""
    for rule in (_version, _types, _ranks, _options, _constants, _elements, _batch, _dilation, _scales):
        yield from rule(_Used(model, graph, operator), limits)


class _Used:
    """An operator with its tensors at hand."""

    def __init__(self, model, graph, operator):
        self.model, self.graph, self.operator = model, graph, operator
        self.inputs = [graph.tensors[index] if index >= 0 else None for index in operator.inputs]

    @property
    def shape(self):
        """Of the first input; empty if there is none."""
        return flatbuffer.shape_of(self.inputs[0]) if self.inputs and self.inputs[0] is not None else ()

    @property
    def computed(self):
        """The tensors that the graph computes or is given, on both sides."""
        indices = [*runtime_inputs(self.model, self.graph, self.operator), *self.operator.outputs]
        return [self.graph.tensors[index] for index in indices]

    def constant(self, position):
        """The value of an input, or None if there is none or the graph computes it."""
        tensor = self.inputs[position] if position < len(self.inputs) else None
        return None if tensor is None else flatbuffer.constant(self.model, tensor)

    def option(self, name):
        return getattr(self.operator.builtinOptions, name, None)


def _version(used, limits):
    found = used.model.operatorCodes[used.operator.opcodeIndex].version
    if limits.version is not None and found > limits.version:
        yield (
            f"is of version {found}, the newest known there is {limits.version}",
            "Convert with an older converter, or update the runtime.",
        )


def _types(used, limits):
    found = {flatbuffer.type_name(tensor.type) for tensor in used.computed}
    wrong = sorted(found - {*limits.types, "int32", "int64", "bool"}) if limits.types else []
    if wrong:
        yield (f"has no kernel for {', '.join(wrong)}, only for {', '.join(limits.types)}", limits.remedy)


def _ranks(used, limits):
    if limits.ranks and len(used.shape) not in limits.ranks:
        axes = " or ".join(map(str, limits.ranks))
        yield (
            f"takes tensors of {axes} axes; its input has the shape {used.shape}",
            f"Reshape its input to {limits.ranks[-1]} axes.",
        )


def _options(used, limits):
    for name, allowed in limits.options.items():
        found = used.option(name)
        if found is not None and found not in allowed:
            yield (_option_problem(name, found), _OPTION_REMEDIES.get(name, "Replace the layer."))


_OPTION_REMEDIES = {
    "beta": "Multiply the logits by beta in a layer before.",
    "ellipsisMask": "Slice every axis with a start and an end.",
    "fusedActivationFunction": "Put the activation after another layer, such as the convolution before.",
    "mode": "Pad by reflection, or with zeros.",
    "newAxisMask": "Slice first, then add the axis with a reshape.",
    "shrinkAxisMask": "Slice with a length of 1, then drop the axis with a reshape.",
    "weightsFormat": "Convert the model again; shuffled weights are an old format.",
}


def _option_problem(name, found):
    if name == "fusedActivationFunction":
        activation = flatbuffer.word("ActivationFunctionType", found)
        return f"has {activation} fused into it, which is not possible there"
    return f"has {name} {found}, which is not possible there"


def _constants(used, limits):
    for position in limits.constants:
        tensor = used.inputs[position] if position < len(used.inputs) else None
        if tensor is not None and not is_constant(used.model, tensor):
            yield (
                f"computes its input number {position}, which has to be constant",
                "Give sizes and axes as numbers when the model is built.",
            )


def _elements(used, limits):
    count = int(np.prod(used.shape))
    if limits.elements is not None and count > limits.elements:
        yield (
            f"has an input of {count:,} elements, more than {limits.elements:,}",
            "Leave it to the code after the model.",
        )


def _batch(used, limits):
    """Axes 0 of a reduction, or padding in front of and behind the batch axis."""
    values = used.constant(1) if limits.spares_batch else None
    if values is None or not used.shape:
        return
    padding = values.ndim == 2
    touched = values[0].any() if padding else 0 in np.ravel(values) % len(used.shape)
    if touched:
        yield ("works along the batch axis", "Keep the batch axis as it is; it has a length of 1.")


def _dilation(used, limits):
    pair = (used.option("dilationHFactor"), used.option("dilationWFactor"))
    if limits.same_dilation and pair[0] != pair[1]:
        yield (f"is dilated by {pair[0]} and {pair[1]}", "Dilate both axes by the same factor.")


def _scales(used, limits):
    weights = used.inputs[1] if limits.per_tensor and len(used.inputs) > 1 else None
    spread = weights.quantization if weights is not None else None
    if spread is not None and spread.scale is not None and len(spread.scale) > 1:
        yield (
            f"has weights with {len(spread.scale)} scales, one a channel; one for all is known there",
            "Write the dense layer as a 1 × 1 convolution, whose weights may have a scale a channel.",
        )
