"""What goes into a model and comes out of it, without the model: enough to build its twin from a file."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interface:
    """A model's name, and the symbolic tensors of its inputs and outputs in the model's own structure.

    `outputs` are the names that the outputs have in a file.
    """

    name: str
    input: object
    output: object
    outputs: list

    @classmethod
    def of(cls, model):
        from ..signatures import output_names

        return cls(model.name, model.input, model.output, output_names(model))

    def config(self):
        """The interface as what JSON can hold."""
        return {
            "name": self.name,
            "input": _plain(self.input),
            "output": _plain(self.output),
            "outputs": self.outputs,
        }

    @classmethod
    def from_config(cls, config):
        return cls(
            config["name"], _tensors(config["input"]), _tensors(config["output"]), list(config["outputs"])
        )


def _plain(part):
    if isinstance(part, dict):
        return {"dict": {name: _plain(value) for name, value in part.items()}}
    if isinstance(part, (list, tuple)):
        return {"list": [_plain(value) for value in part]}
    return {"tensor": [part.name, list(part.shape), part.dtype]}


def _tensors(part):
    import keras

    if "dict" in part:
        return {name: _tensors(value) for name, value in part["dict"].items()}
    if "list" in part:
        return [_tensors(value) for value in part["list"]]
    name, shape, dtype = part["tensor"]
    return keras.KerasTensor(tuple(shape), dtype, name=name)
