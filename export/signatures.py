"""The named entry points of a file: which Keras model answers under which name."""

from collections.abc import Mapping

from .awareness import twins_of
from .contents import Signature, Tensor
from .errors import InvalidInput
from .full_precision import check_weights, full_precision

DEFAULT = "serving_default"


def named_models(model, signatures=None):
    """A dict from signature name to model, the main one first.

    Args:
        model: The `keras.Model` to export.
        signatures: None, or a mapping from names to models that share variables with `model`.

    Raises:
        InvalidInput: A value is not a built functional `keras.Model`, or a name can't be used.
    """
    if signatures is None:
        signatures = twins_of(model) or {DEFAULT: model}
    if not isinstance(signatures, Mapping) or not signatures:
        raise InvalidInput(
            f"signatures must be a mapping from names to keras.Model, not {signatures!r}. "
            "Leave it out for a single entry point."
        )
    for name, part in signatures.items():
        _check(name, part)
    return {name: _functional(part) for name, part in signatures.items()}


def main_name(signatures):
    """The name of the main signature."""
    return next(iter(signatures)) if signatures else DEFAULT


def flat_inputs(model):
    """A dict from the names a file's inputs carry to the model's symbolic inputs.

    They are in the order in which Keras flattens them. The names are the keys of a dict of inputs,
    else those of the input layers.
    """
    import keras

    if isinstance(model.input, Mapping):
        return {path[-1]: tensor for path, tensor in keras.tree.flatten_with_path(model.input)}
    return {tensor.name: tensor for tensor in keras.tree.flatten(model.input)}


def expected(models):
    """The inputs and outputs that a float32 file of named models will have."""
    return {
        name: Signature(
            inputs=tuple(_expected(key, tensor) for key, tensor in flat_inputs(model).items()),
            outputs=tuple(
                _expected(key, tensor) for key, tensor in named_outputs(model, model.output).items()
            ),
        )
        for name, model in models.items()
    }


def _expected(name, tensor):
    return Tensor(name=name, shape=(1, *tensor.shape[1:]), dtype=tensor.dtype)


def call(model, batch):
    """The outputs of a model in float32 and inference mode, as a dict from name to tensor.

    Args:
        model: A model of `named_models`.
        batch: An array, or a dict from input name to array.
    """
    import keras

    if isinstance(batch, Mapping) and not isinstance(model.input, Mapping):
        batch = keras.tree.pack_sequence_as(model.input, [batch[name] for name in flat_inputs(model)])
    with full_precision(model):
        return named_outputs(model, model(batch, training=False))


def output_names(model):
    """The names a file's outputs carry: the keys of a dict of outputs, else the layers' names.

    Of a model within the model, it is the layer that its one output comes from.
    """
    if isinstance(model.output, Mapping):
        return list(model.output)
    if told := next((x.file_outputs for x in model.layers if hasattr(x, "file_outputs")), None):
        return told
    layers = {layer.name: layer for layer in model.layers}
    names = []
    for name in (_innermost(layers.get(name), name) for name in model.output_names):
        same = sum(other == name or other.startswith(f"{name}_") for other in names)
        names.append(f"{name}_{same}" if name in names else name)
    return names


def _innermost(layer, name):
    """`name` of a layer, or what a functional or sequential model names its one output."""
    import keras

    if not isinstance(layer, keras.Model) or not getattr(layer, "outputs", None):
        return name
    inner = output_names(_functional(layer))
    return inner[0] if len(inner) == 1 and not isinstance(layer.output, Mapping) else name


def named_outputs(model, outputs):
    """The outputs of a call as a dict from name to tensor or array."""
    import keras

    if isinstance(outputs, Mapping):
        return dict(outputs)
    return dict(zip(output_names(model), keras.tree.flatten(outputs), strict=True))


def _functional(model):
    import keras

    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return model


def _check(name, model):
    import keras

    if not isinstance(name, str) or not name.isidentifier():
        raise InvalidInput(f"A signature's name must be an identifier, not {name!r}.")
    if not isinstance(model, keras.Model):
        raise InvalidInput(
            f"Signature {name!r} must be a keras.Model, not {type(model).__name__}: "
            "wrap it in keras.Model(inputs, outputs)."
        )
    if not getattr(model, "inputs", None):
        raise InvalidInput(
            f"Signature {name!r}: {model.name!r} has no symbolic inputs. Build it as a functional"
            " or sequential model with a keras.Input."
        )
    check_weights(model)
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise InvalidInput(
                f"Input {tensor.name!r} of {model.name!r} has shape {tuple(tensor.shape)}: every"
                " axis but the first must be fixed. Give keras.Input the full shape."
            )
