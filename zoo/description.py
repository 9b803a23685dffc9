"""What a model is made of, layer by layer: sizes, parameters, operations, receptive field, memory."""

import dataclasses
import math

import keras

from zoo import receptive_field, window
from zoo.graph import inputs_of, walk
from zoo.macs import macs
from zoo.memory import Lifetimes

FLOAT32 = 4  # bytes a value


@dataclasses.dataclass(frozen=True)
class Row:
    """One call of a layer.

    `name` holds the names of the models around it, `encoder/block1_conv`. Shapes are without the
    batch axis. `parameters` is 0 from the second call of a shared layer on. `macs` is None where it
    can't be told. `receptive_field` and `jump` are in pixels of the input, one number a spatial
    axis; `jump` is None where each value sees the whole input, and both are None where the input
    has no spatial axes. `activation_bytes` are those of the output in float32, four times those in
    int8. `untiled` says why windows without padding do not tile their input, so that pixels at its
    edge are never seen; it is None where they do.
    """

    name: str
    type: str
    output_shape: tuple
    parameters: int
    macs: int | None
    receptive_field: tuple | None
    jump: tuple | None
    activation_bytes: int | None = None
    untiled: str | None = None


@dataclasses.dataclass(frozen=True)
class Description:
    """A model's rows and their sums, for one image. `print` it for a table.

    `activation_bytes` are what the feature maps take at their peak in float32 (see `zoo.memory`),
    four times those in int8.
    """

    name: str
    input_shape: tuple
    rows: tuple
    parameters: int
    macs: int | None
    activation_bytes: int | None

    def __getitem__(self, name):
        """The first row of the layer `name`."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name!r} is no layer of {self.name}: it has {[r.name for r in self.rows]}")

    def __str__(self):
        head = ("layer", "type", "output", "parameters", "MACs", "sees", "jump", "bytes")
        body = [_cells(row) for row in self.rows]
        sums = (f"{self.parameters:,}", _number(self.macs), "", "", _number(self.activation_bytes))
        return _table([head, *body, (self.name, "", "", *sums)])


def describe(model):
    """Describes a functional or sequential model, nested models included.

    Sizes, MACs (see `zoo.macs`) and receptive fields (see `zoo.receptive_field`) are those of one
    image.

    Raises:
        ValueError: `model` has no graph of layers, or its input shape is not known.
    """
    inputs = inputs_of(model)
    survey = _Survey(inputs)
    walk(model, inputs, survey.visit)
    counts = [row.macs for row in survey.rows]
    return Description(
        name=model.name,
        input_shape=_shape(inputs[0]),
        rows=tuple(survey.rows),
        parameters=model.count_params(),
        macs=None if None in counts else sum(counts),
        activation_bytes=_bytes(survey.peak()),
    )


class _Survey:
    """Collects a row a visit, and the receptive field of every tensor on the way."""

    def __init__(self, inputs):
        self.rows = []
        self._whole = _spatial(_shape(inputs[0]))
        self._fields = {id(x): receptive_field.of_input(_shape(x)) for x in inputs}
        # Fields are kept by identity, so no tensor may be freed before the walk ends.
        self._tensors = list(inputs)
        self._counted = set()
        self._lifetimes = Lifetimes(inputs)
        self.peak = self._lifetimes.peak

    def visit(self, path, layer, inputs, outputs):
        fields = [self._fields[id(x)] for x in inputs]
        given, shape = _shape(inputs[0]) if inputs else (), _shape(outputs[0])
        field = receptive_field.after(layer, fields, len(shape), self._whole)
        self._fields.update((id(x), field) for x in outputs)
        self._tensors += outputs
        self._lifetimes.call(layer, inputs, outputs)
        row = Row(
            name=path,
            type=type(layer).__name__,
            output_shape=shape,
            parameters=self._new_parameters(layer),
            macs=macs(layer, given, shape),
            receptive_field=field and field.pixels,
            jump=field and field.jump and tuple(map(_simple, field.jump)),
            activation_bytes=_bytes(None if None in shape else math.prod(shape)),
            untiled=window.untiled(layer, given),
        )
        self.rows.append(row)

    def _new_parameters(self, layer):
        known = id(layer) in self._counted
        self._counted.add(id(layer))
        return 0 if known or not hasattr(layer, "count_params") else layer.count_params()


def _bytes(values):
    return values if values is None else FLOAT32 * values


def _shape(tensor):
    return tuple(tensor.shape[1:])


def _spatial(shape):
    return shape[1:] if keras.config.image_data_format() == "channels_first" else shape[:-1]


def _simple(jump):
    return int(jump) if jump == int(jump) else float(jump)


def _cells(row):
    return (
        row.name,
        row.type,
        _times(row.output_shape) + (" (edge unseen)" if row.untiled else ""),
        f"{row.parameters:,}",
        _number(row.macs),
        _times(row.receptive_field),
        _times(row.jump),
        _number(row.activation_bytes),
    )


def _number(count):
    return "?" if count is None else f"{count:,}"


def _times(sizes):
    return " x ".join(map(str, sizes)) if sizes else "-"


def _table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(lines)
