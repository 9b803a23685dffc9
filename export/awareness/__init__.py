"""Quantisation-aware training: a Keras model that computes as its integer file will, and learns to.

The model is first converted; what trains is the graph of the integer file itself, operator by operator,
with batch normalisation folded and activations fused as they are in the file. The trained weights and
ranges are then written into that very file.
"""

from ..errors import InvalidInput

METHODS = ("moving_average", "learned")


def quantization_aware(model, precision="int8", calibration=None, ranges="moving_average", signatures=None):
    """A model that trains with simulated integers.

    Args:
        model: A built functional or sequential `keras.Model` that `to_tflite` can convert.
        precision: `int8` or `int4`, of the file it is trained for.
        calibration: Training data from which activations get their first range, see `to_tflite`. Without it
            the first batch in training sets them: train before anything else.
        ranges: `moving_average` follows activations while training, from calibrated ranges only outwards;
            `learned` gives both ends of a range a gradient (learned step size).
        signatures: None, or a mapping from names to models that share variables with `model`, the main one
            first, as `to_tflite` takes them; the calibration is then a mapping from each name to data.

    Returns:
        A `keras.Model` from the same inputs to the same outputs, in float32. Compile and fit it as any
        other. `to_tflite` and `export_model` take it: the integer file does what it does. It has a layer
        for every operator of the file; dropout and all that acts in training only is gone, and batch
        normalisation is part of the weights. Layers that shared weights no longer do.

        With `signatures` it is a `QuantizedSignatures`, whose `signatures` are the models of the file's. They
        share their weights. Where models of signatures are layers of the main one, such as the encoder and the
        decoder of an autoencoder, these compute in integers, and what is between them or inside of them and
        acts in training goes on doing so in float: layers that draw noise or add to the losses, but for
        dropout. All signatures of the file do what their models do.

    Raises:
        ExportError: The model has no integer file.
        InvalidInput: An argument does not fit, or the file has no place for a layer that acts in training.
    """
    from .making import make

    if is_aware(model):
        raise InvalidInput(f"{model.name!r} has simulated integers already: train it, or export it.")
    if precision not in ("int8", "int4"):
        raise InvalidInput(f"Training can simulate int8 or int4, not {precision!r}.")
    if ranges not in METHODS:
        raise InvalidInput(f"ranges is one of {', '.join(METHODS)}, not {ranges!r}.")
    if signatures is not None:
        return _of_several(model, signatures, precision, calibration, ranges)
    return make(model, precision, calibration, ranges)


def _of_several(model, signatures, precision, calibration, ranges):
    from .several import make

    if calibration is None:
        raise InvalidInput(
            "Several signatures need calibration: a mapping from each name to training data, "
            "{'encode': [images], ...}. Training does not run them all, so that it can't find all ranges."
        )
    return make(model, signatures, precision, calibration, ranges)


def is_aware(model):
    """Whether a model came from `quantization_aware`."""
    return template_of(model) is not None


def makes(models, precision):
    """Whether one of named models is quantisation-aware for a precision: its file needs no calibration."""
    return any(is_aware(model) and template_of(model).precision == precision for model in models.values())


def template_of(model):
    """The layer that holds the files which a quantisation-aware model was made from; None for another model."""
    return next((x for x in getattr(model, "layers", ()) if type(x).__name__ == "QuantizedTemplate"), None)


def twins_of(model):
    """The models of a quantisation-aware model's signatures, by name; None of a model without named ones."""
    return getattr(model, "twins", None) if type(model).__name__ == "QuantizedSignatures" else None


def integer_file(model, signatures=None):
    """The bytes of the integer file of a quantisation-aware model: it does what the model does.

    Args:
        model: A model of `quantization_aware`.
        signatures: Names of those that the file is to have, of several; all by default.
    """
    from .writing import integer_file

    return integer_file(model, signatures)


def float_file(model, signatures=None):
    """The bytes of a float32 file with the weights of a quantisation-aware model; see `integer_file`.

    Raises:
        ExportError: They can't be found again in the file that the model was made from.
    """
    from .writing import float_file

    return float_file(model, signatures)
