"""The whole export of a model: SavedModel, files, checks, measurements and report in one folder."""

from collections.abc import Mapping
from pathlib import Path

from .assembling import Work
from .errors import InvalidInput
from .metadata.description import labels_of, normalization_of
from .precisions import DEFAULT_PRECISIONS, check_precision, check_precisions
from .process import TIMEOUT
from .quantization import merged
from .signatures import expected, named_models
from .tflite import check_calibration


def export_model(
    model,
    directory,
    *,
    precisions=DEFAULT_PRECISIONS,
    calibration=None,
    calibration_description="not described",
    batches,
    signatures=None,
    score=None,
    bars=None,
    name=None,
    notes=(),
    advice=None,
    metadata=None,
    threads=1,
    runs=50,
    progress=None,
    timeout=TIMEOUT,
    keep_float=(),
    options=None,
    mixed=None,
    notes_on=None,
):
    """Export a model, check and measure every file, and write it all into a folder.

    It gets `saved_model/`, `{precision}.tflite`, beside each of these a `{precision}.json` that says what
    it is and how to call it, and `report.json`, `report.md` and `report.html`. float32 is always
    made: the others derive from it and are compared with it. An earlier export's files give way
    only when everything new is ready, also those that have no successor.

    Args:
        model, calibration: See `to_tflite`.
        directory: The folder, created where missing.
        precisions: Which of `PRECISIONS` to make, all but `int4` by default; a refusal is recorded with its reason.
        calibration_description: Which samples these are, for the report.
        batches: Data to compare the files with the model on, see `verify`.
        signatures: None, or a mapping from names to models, see `to_tflite`.
        score: None, or a function from `predict(batch, signature=None)` to a dict of floats.
        bars: None, or a mapping from precision to the `Bar` its file has to meet.
        name: What to call it in the report; the model's name by default.
        notes: Sentences for the report that only the caller knows, such as why there is no score.
        advice: None, or a mapping from operators to what to take in the place of a model that has them, where
            they make a file slow here; a general remedy by default.
        metadata: None, or the `Metadata` that is written into every file and the JSON beside it.
        threads, runs: For the latency, see `benchmark`.
        progress, timeout: See `convert`.
        keep_float, options: See `to_tflite`.
        mixed: None, or the `MixedSearch` whose result becomes `mixed.tflite`.
        notes_on: None, or a function from `predict(batch, signature=None)` of a file to a dict that is to stand
            in the JSON beside it; `annotate` adds some later.

    Returns:
        A `Report`; look at `passed` and `problems`.

    Raises:
        ExportError: The model can't be converted at all, or the folder can't be written.
    """
    precisions = check_precisions(("float32", *check_precisions(precisions)))
    parts = named_models(model, signatures)
    calibration = check_calibration(parts, (*precisions, *((mixed.precision,) if mixed else ())), calibration)
    for fitting in (labels_of, normalization_of) if metadata else ():
        fitting(metadata, expected(parts))
    work = Work(
        model=model,
        parts=parts,
        name=name or model.name,
        notes=tuple(notes),
        advice=dict(advice or {}),
        metadata=metadata,
        precisions=precisions,
        calibration=calibration,
        calibration_description=calibration_description,
        batches=_kept(batches),
        score=score,
        bars=_checked_bars(bars, precisions, score),
        measuring={"threads": threads, "runs": runs},
        progress=progress or (lambda stage, done, total: None),
        timeout=timeout,
        options=merged(options, keep_float),
        mixed=mixed,
        notes_on=notes_on or (lambda predict: {}),
    )
    return work.write(Path(directory))


def _kept(batches):
    """Batches in a form that can be read once per file."""
    if isinstance(batches, Mapping):
        return {name: list(part) for name, part in batches.items()}
    return list(batches)


def _checked_bars(bars, precisions, score):
    bars = dict(bars or {})
    for precision in bars:
        if check_precision(precision) not in precisions:
            raise InvalidInput(
                f"There is a bar for {precision!r}, which is not among the precisions to make: "
                f"{', '.join(precisions)}."
            )
    if bars and score is None:
        raise InvalidInput("Bars need a score: pass a function from predict to a dict of metrics.")
    return bars
