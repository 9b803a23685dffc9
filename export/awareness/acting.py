"""Layers that do in training what no file does: they draw noise, or ask a price of what passes.

They stay in float while their neighbours compute in integers, between the tensors of the file that stand for
what they take and what they give.
"""

import copy
import dataclasses
import inspect

import keras
from keras import ops


@dataclasses.dataclass(frozen=True, kw_only=True)
class Acting:
    """A layer that acts in training, and where.

    Attributes:
        name: Of the layer.
        layer: Its configuration, as Keras serialises it.
        taken: The shape of one example of what it takes.
        source: Index of the file's tensor that it takes.
        ties: For variables of it that the file has too, by number: the place of the operator that has them,
            and whether as `kernel`, turned round, or as `bias`.
        frozen: Places of the operators between the two tensors that must not learn, and with them the layer.
        same: Whether it gives in training what it gives at inference.
        values: Of its variables; none to begin with new ones.
    """

    name: str
    layer: dict
    taken: list
    source: int
    ties: dict
    frozen: list
    same: bool
    values: tuple = ()

    def config(self):
        """All but the values, as what JSON can hold."""
        found = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del found["values"]
        return found

    def made(self, name, operators, shape):
        """The `InTraining` that stands behind the tensor of `shape`; `operators` are layers by place."""
        layer = keras.saving.deserialize_keras_object(copy.deepcopy(self.layer))  # which takes it to pieces
        if not layer.built:
            layer.build((None, *self.taken))
        for variable, value in zip(layer.variables, self.values, strict=False):
            variable.assign(value)
        for place in self.frozen:
            operators[place].trainable = False
        ties = {int(number): (operators[place], part) for number, (place, part) in self.ties.items()}
        options = {"same": self.same, "name": name, "dtype": "float32"}
        return InTraining(layer, self.taken, shape, ties, bool(self.frozen), **options)


class InTraining(keras.layers.Layer):
    """From what a layer takes and what integers make of it: in training, what the layer makes of it.

    At inference the second is handed on. What the layer adds to the losses counts at both times.

    Args:
        layer: A built Keras layer.
        taken: The shape of one example of what it takes.
        shape: Of what it gives, as the file has it.
        ties: By the number of one of its variables the `QuantizedOperator` whose weights it is, and which part.
        frozen: Whether the layer's own variables stay as they are; those beside `ties` do.
        same: Whether it gives the same at both times: then integers give the value, and the layer the gradient.
    """

    def __init__(self, layer, taken, shape, ties, frozen, same, **options):
        super().__init__(**options)
        self.layer, self.taken, self.file_shape, self.same = layer, tuple(taken), tuple(shape), same
        variables = layer.variables
        self.tied = [(variables[number], *held) for number, held in ties.items()]
        if frozen or ties:
            layer.trainable = False
        self.built = True

    def call(self, inputs, training=False):
        before, after = inputs
        given = self._run(ops.reshape(before, (-1, *self.taken)), training)
        if not training:
            return after
        given = ops.reshape(given, (-1, *self.file_shape))
        return given + ops.stop_gradient(after - given) if self.same else given

    def compute_output_spec(self, inputs, training=False):
        return keras.KerasTensor((None, *self.file_shape), "float32")

    def _run(self, x, training):
        how = {"training": training} if takes_training(self.layer) else {}
        if not self.tied:
            return self.layer(x, **how)
        held = {id(variable): self._held(*where) for variable, *where in self.tied}
        learnt, state = (
            [held.get(id(variable), variable.value) for variable in variables]
            for variables in (self.layer.trainable_variables, self.layer.non_trainable_variables)
        )
        given, state, losses = self.layer.stateless_call(learnt, state, x, return_losses=True, **how)
        for variable, value in zip(self.layer.non_trainable_variables, state, strict=True):
            if id(variable) not in held:
                variable.assign(value)
        for loss in losses:
            self.add_loss(loss)
        return given

    def _held(self, operator, part):
        return operator.bias_values() if part == "bias" else ops.transpose(operator.quantised_kernel())


def takes_training(layer):
    """Whether a layer is told if it is training."""
    return "training" in inspect.signature(layer.call).parameters
