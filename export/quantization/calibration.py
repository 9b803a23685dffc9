"""Calibration data: training samples that show the range of every activation."""

from collections.abc import Iterable, Mapping

import numpy as np

from ..errors import InvalidFile, InvalidInput


def check_given(calibration, precision):
    """The calibration in a form that can be read once per precision.

    Raises:
        InvalidInput: There is none.
    """
    if calibration is None:
        raise InvalidInput(
            f"{precision} needs calibration: pass a few hundred training samples as float32 arrays "
            "(n, *input_shape), e.g. calibration=[train_images[:200]]. Never use the test split."
        )
    if isinstance(calibration, Mapping):
        return {name: _listed(part, name) for name, part in calibration.items()}
    return _listed(calibration, "calibration")


def samples_for(signatures, calibration, precision):
    """Single samples for every signature of a file.

    Args:
        signatures: A mapping from names to `contents.Signature`, of which the inputs count.
        calibration: An iterable of batches, or a mapping from signature to such an iterable.
        precision: What it is for, to say in an error.

    Returns:
        A dict from signature to a dict from input name to one array `(n, *input_shape)`.

    Raises:
        InvalidFile: A signature has no inputs.
        InvalidInput: Data is missing, empty, of another shape or type, or not finite.
    """
    calibration = check_given(calibration, precision)
    names = list(signatures)
    if not isinstance(calibration, Mapping):
        if len(names) > 1:
            raise InvalidInput(
                f"The model has the signatures {', '.join(names)}: pass calibration as a mapping"
                " with an iterable of arrays for each of them."
            )
        calibration = {names[0]: calibration}
    _check_names(calibration, names)
    return {name: _stacked(calibration[name], signatures[name].inputs, name) for name in names}


def count(calibration):
    """The number of samples in checked calibration: of the signature that has the most."""
    if isinstance(calibration, Mapping):
        return max(map(count, calibration.values()))
    return sum(len(_first_array(batch)) for batch in calibration)


def _first_array(batch):
    return next(iter(batch.values())) if isinstance(batch, Mapping) else batch


def _listed(batches, name):
    if isinstance(batches, np.ndarray):
        return [batches]
    if isinstance(batches, (str, bytes)) or not isinstance(batches, Iterable):
        raise InvalidInput(
            f"{name}: calibration must be an iterable of float32 arrays (n, *input_shape), "
            f"not {type(batches).__name__}."
        )
    return list(batches)


def _check_names(calibration, names):
    missing = [name for name in names if name not in calibration]
    unknown = [name for name in calibration if name not in names]
    if missing or unknown:
        raise InvalidInput(
            f"Calibration was given for {', '.join(map(str, calibration))}; the model's signatures"
            f" are {', '.join(names)}. Give one iterable of arrays for each of these."
        )


def _stacked(batches, inputs, signature):
    if not inputs:
        raise InvalidFile(f"{signature} has no inputs to be calibrated by. Convert the model again.")
    rows = {tensor.name: [] for tensor in inputs}
    for batch in batches:
        if not isinstance(batch, Mapping):
            batch = _by_name(batch, inputs, signature)
        if set(batch) != set(rows):
            raise InvalidInput(
                f"{signature}: a calibration batch has the inputs {', '.join(map(str, batch))},"
                f" expected {', '.join(rows)}."
            )
        lengths = set()
        for tensor in inputs:
            array = _checked(batch[tensor.name], tensor, signature)
            lengths.add(len(array))
            rows[tensor.name].append(array)
        if len(lengths) > 1:
            raise InvalidInput(f"{signature}: the inputs of a calibration batch differ in length: {lengths}.")
    if not any(len(array) for array in rows[inputs[0].name]):
        raise InvalidInput(
            f"{signature}: the calibration data is empty. Pass at least one sample; a few hundred are usual."
        )
    return {name: np.concatenate(arrays) for name, arrays in rows.items()}


def _by_name(batch, inputs, signature):
    if len(inputs) == 1:
        return {inputs[0].name: batch}
    raise InvalidInput(
        f"{signature} has the inputs {', '.join(tensor.name for tensor in inputs)}: pass each"
        " calibration batch as a dict from these names to arrays."
    )


def _checked(values, tensor, signature):
    """One batch of one input as an array, or an error that says what was wrong with it."""
    array = np.asarray(values)
    what = f"{signature}: calibration for input {tensor.name!r}"
    expected = tensor.shape[1:]
    if array.ndim != len(expected) + 1 or array.shape[1:] != expected:
        raise InvalidInput(
            f"{what} has shape {array.shape}, expected (n, {', '.join(map(str, expected))}). "
            "Add the batch axis, or resize the samples as in training."
        )
    if array.dtype.name != tensor.dtype:
        raise InvalidInput(
            f"{what} is {array.dtype.name}, expected {tensor.dtype}. Scale the samples exactly"
            " as in "
            f'training, then convert them with .astype("{tensor.dtype}").'
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).reshape(len(array), -1).any(1).sum())
        raise InvalidInput(
            f"{what} holds NaN or infinite values in {bad} of {len(array)} samples. Drop them."
        )
    return array
