"""The whole export of a model: SavedModel, files, checks, measurements and report in one folder."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .bars import judge
from .benchmarking import benchmark
from .contents import inspect
from .environment import versions
from .errors import ExportError, InvalidInput
from .markdown import to_markdown
from .precisions import PRECISIONS, check_precision, check_precisions
from .predictor import load
from .process import TIMEOUT
from .quantization.calibration import count
from .report import Calibration, FileReport, Report
from .saved_model import to_saved_model
from .signatures import named_models
from .tflite import check_calibration, derive, float_conversion
from .verification import verify


def export_model(
    model,
    directory,
    *,
    precisions=PRECISIONS,
    calibration=None,
    calibration_description="not described",
    batches,
    signatures=None,
    score=None,
    bars=None,
    name=None,
    notes=(),
    threads=1,
    runs=50,
    progress=None,
    timeout=TIMEOUT,
):
    """Export a model, check and measure every file, and write it all into a folder.

    It gets `saved_model/`, `{precision}.tflite`, `report.json` and `report.md`. float32 is always
    made: the others derive from it and are compared with it. An earlier export's files give way
    only when everything new is ready, also those that have no successor.

    Args:
        model, calibration: See `to_tflite`.
        directory: The folder, created where missing.
        precisions: Which of `PRECISIONS` to make; a refusal is recorded with its reason.
        calibration_description: Which samples these are, for the report.
        batches: Data to compare the files with the model on, see `verify`.
        signatures: None, or a mapping from names to models, see `to_tflite`.
        score: None, or a function from `predict(batch, signature=None)` to a dict of floats.
        bars: None, or a mapping from precision to the `Bar` its file has to meet.
        name: What to call it in the report; the model's name by default.
        notes: Sentences for the report that only the caller knows, such as why there is no score.
        threads, runs: For the latency, see `benchmark`.
        progress, timeout: See `convert`.

    Returns:
        A `Report`; look at `passed` and `problems`.

    Raises:
        ExportError: The model can't be converted at all, or the folder can't be written.
    """
    precisions = check_precisions(("float32", *check_precisions(precisions)))
    parts = named_models(model, signatures)
    calibration = check_calibration(parts, precisions, calibration)
    work = _Work(
        model=model,
        parts=parts,
        name=name or model.name,
        notes=tuple(notes),
        precisions=precisions,
        calibration=calibration,
        calibration_description=calibration_description,
        batches=_kept(batches),
        score=score,
        bars=_checked_bars(bars, precisions, score),
        measuring={"threads": threads, "runs": runs},
        progress=progress or (lambda stage, done, total: None),
        timeout=timeout,
    )
    return work.write(Path(directory))


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The checked arguments of one export."""

    model: object
    parts: dict
    name: str
    notes: tuple
    precisions: tuple
    calibration: object
    calibration_description: str
    batches: object
    score: object
    bars: dict
    measuring: dict
    progress: object
    timeout: float

    def write(self, directory):
        """Make everything beside its final place, then move it there."""
        with _writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=directory, prefix=".writing-"))
        try:
            report = self.build(folder)
            with _writing(directory):
                (folder / "report.md").write_text(to_markdown(report), encoding="utf-8")
                (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
                _publish(folder, directory)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.progress("done", len(self.precisions), len(self.precisions))
        return report

    def build(self, folder):
        """All files in a folder, and the report on them."""
        self.progress("saved_model", 0, len(self.precisions))
        saved = to_saved_model(self.model, folder / "saved_model", self.parts)
        float_file = float_conversion(self.model, self.parts, saved, self.timeout)
        files, refused = [], {}
        for done, precision in enumerate(self.precisions):
            self.progress(precision, done, len(self.precisions))
            try:
                content = derive(self.model, float_file, precision, self.calibration, self.timeout)
            except ExportError as error:
                refused[precision] = str(error)
                continue
            with _writing(folder.parent):
                (folder / f"{precision}.tflite").write_bytes(content)
            files.append(self.examine(content, precision, files[0].metrics if files else None))
        return Report(
            name=self.name,
            files=tuple(files),
            refused=refused,
            required=tuple(self.bars),
            notes=self.notes,
            calibration=self.described_calibration(),
            environment=versions(),
        )

    def examine(self, content, precision, reference):
        """Check, score and measure one file; `reference` holds the float32 file's metrics."""
        metrics = _scored(self.score, load(content))
        reference = metrics if reference is None else reference
        bar = self.bars.get(precision)
        return FileReport(
            file=f"{precision}.tflite",
            precision=precision,
            contents=inspect(content),
            verification=verify(self.model, content, self.batches, self.parts, precision),
            benchmark=benchmark(content, timeout=self.timeout, **self.measuring),
            metrics=metrics,
            difference={name: value - reference[name] for name, value in metrics.items()},
            verdict=judge(bar, metrics, reference) if bar else None,
        )

    def described_calibration(self):
        if self.calibration is None:
            return None
        return Calibration(samples=count(self.calibration), description=self.calibration_description)


@contextmanager
def _writing(directory):
    """Failures to write become an `ExportError`; those of the caller's own score do not."""
    try:
        yield
    except OSError as error:
        raise ExportError(
            f"{error.filename or directory} can't be written ({error.strerror or error}). Files"
            " of an earlier export are unchanged; free some space or choose another directory."
        ) from error


def _scored(score, predictor):
    return {} if score is None else {name: float(value) for name, value in score(predictor).items()}


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


def _publish(folder, directory):
    """Move the new files to their places, the reports last, and remove what they do not cover."""
    saved, old = directory / "saved_model", folder / "old_saved_model"
    if saved.exists():
        saved.rename(old)
    (folder / "saved_model").rename(saved)
    for precision in PRECISIONS:
        file = f"{precision}.tflite"
        if (folder / file).exists():
            os.replace(folder / file, directory / file)
        else:
            (directory / file).unlink(missing_ok=True)
    for file in ("report.md", "report.json"):
        os.replace(folder / file, directory / file)
    shutil.rmtree(old, ignore_errors=True)
