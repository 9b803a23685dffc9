"""One scale where a file changes from one to another only to join values.

What is concatenated has to have one scale, so the quantiser puts a QUANTIZE in front. Its kernel rounds the
ratio of the scales to 8 bits, and it costs time. Training can learn one range for both sides.
"""

import numpy as np

from .. import flatbuffer
from . import weights
from .ranges import HIGHEST, LOWEST
from .structure import read


def without_requantising(content):
    """The file without QUANTIZE operators between integers, except behind scales that are fixed.

    Tensors that then have to share a scale get one that holds the values of all.
    """
    model = flatbuffer.parse(content)
    for entry in model.signatureDefs:
        structure = read(content, entry.signatureKey.decode(), model)
        removed = [operator for operator in structure.operators if _is_removable(structure, operator)]
        if removed:
            _join(structure, removed)
            _unlink(structure, removed)
    flatbuffer.drop_unused(model)
    return flatbuffer.serialise(model)


def _is_removable(structure, operator):
    if operator.kind != "QUANTIZE":
        return False
    before, after = structure.group.get(operator.inputs[0]), structure.group.get(operator.outputs[0])
    ends = {int(i) for i in (*structure.graph.outputs, *structure.graph.inputs)}
    free = not {before, after} & structure.fixed and operator.outputs[0] not in ends
    return before is not None and after is not None and free


def _join(structure, removed):
    """Give both sides of each operator, and all that share their scales, the same scale."""
    merged = {number: number for number in structure.group.values()}

    def find(number):
        while merged[number] != number:
            number = merged[number]
        return number

    for operator in removed:
        merged[find(structure.group[operator.inputs[0]])] = find(structure.group[operator.outputs[0]])
    families = {}
    for index, number in structure.group.items():
        families.setdefault(find(number), []).append(index)
    joined = {find(structure.group[operator.outputs[0]]) for operator in removed}
    for number in joined:
        _share(structure, families[number])


def _share(structure, tensors):
    reach = [
        ((LOWEST - zero) * scale, (HIGHEST - zero) * scale) for scale, zero in map(structure.scale, tensors)
    ]
    low, high = min(0.0, *(low for low, _ in reach)), max(0.0, *(high for _, high in reach))
    scale = (high - low) / (HIGHEST - LOWEST)
    zero = int(np.clip(round(LOWEST - low / scale), LOWEST, HIGHEST))
    for index in tensors:
        weights.rescale(structure, index, scale, zero)


def _unlink(structure, removed):
    """Let the readers of each operator's output read its input."""
    instead = {operator.outputs[0]: operator.inputs[0] for operator in removed}
    kept = []
    for operator in structure.graph.operators:
        if int(operator.outputs[0]) in instead:
            continue
        operator.inputs = [_followed(int(i), instead) for i in operator.inputs]
        kept.append(operator)
    structure.graph.operators = kept


def _followed(index, instead):
    while index in instead:
        index = instead[index]
    return index
