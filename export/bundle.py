"""The whole export of a model: SavedModel, files, checks, measurements and report in one folder."""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from .bars import judge
from .benchmarking import benchmark
from .contents import inspect
from .environment import versions
from .errors import ExportError, InvalidInput
from .explaining import explain_all
from .html import to_html
from .integrity import digests
from .markdown import to_markdown
from .metadata.description import Metadata, labels_of, normalization_of
from .metadata.embedding import write_metadata
from .metadata.sidecar import to_sidecar
from .mixed import MIXED, search
from .precisions import DEFAULT_PRECISIONS, check_precision, check_precisions
from .predictor import load
from .process import TIMEOUT
from .publishing import publish, writing
from .quantization import merged
from .quantization.calibration import count
from .report import Calibration, FileReport, Report
from .saved_model import to_saved_model
from .signatures import expected, named_models
from .tflite import check_calibration, derive, float_conversion
from .verification import verify
from .weighing import weigh


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
    work = _Work(
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


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The checked arguments of one export."""

    model: object
    parts: dict
    name: str
    notes: tuple
    advice: dict
    metadata: object
    precisions: tuple
    calibration: object
    calibration_description: str
    batches: object
    score: object
    bars: dict
    measuring: dict
    progress: object
    timeout: float
    options: object
    mixed: object
    notes_on: object

    def write(self, directory):
        """Make everything beside its final place, then move it there."""
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(dir=directory, prefix=".writing-"))
        try:
            report = self.build(folder)
            with writing(directory):
                (folder / "report.html").write_text(to_html(report, folder), encoding="utf-8")
                (folder / "report.md").write_text(to_markdown(report), encoding="utf-8")
                (folder / "report.json").write_text(report.to_json(), encoding="utf-8")
                publish(folder, directory)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.progress("done", len(self.precisions), len(self.precisions))
        return report

    def build(self, folder):
        """All files in a folder, and the report on them."""
        self.progress("saved_model", 0, len(self.precisions))
        saved = to_saved_model(self.model, folder / "saved_model", self.parts)
        float_file = float_conversion(self.model, self.parts, saved, self.timeout)
        files, refused, base = [], {}, None
        for name, precision, make in self.plan(float_file):
            self.progress(name, len(files) + len(refused), len(self.precisions))
            try:
                content, how, found = make()
            except ExportError as error:
                refused[name] = str(error)
                continue
            content = self.described(content)
            with writing(folder.parent):
                (folder / f"{name}.tflite").write_bytes(content)
            base = base or content
            file = self.examine(content, precision, base, files[0].metrics if files else None, how)
            files.append(replace(file, file=f"{name}.tflite", mixed=found))
            notes = self.notes_on(load(content))
            with writing(folder.parent):
                self.write_sidecar(folder, files[-1], notes)
        return Report(
            name=self.name,
            files=tuple(files),
            refused=refused,
            required=tuple(self.bars),
            notes=self.notes,
            advice=self.advice,
            calibration=self.described_calibration(),
            environment=versions(),
            sha256=digests(folder),
        )

    def plan(self, float_file):
        """Name and precision of each file, and a function that gives its bytes and how they were found."""
        for precision in self.precisions:
            arguments = self.model, float_file, precision, self.calibration, self.timeout, self.options
            yield precision, precision, lambda given=arguments: (*derive(*given), None)
        if self.mixed is not None:
            given = self.calibration, self.mixed, self.options, self.progress, self.timeout
            yield MIXED, self.mixed.precision, lambda: search(float_file, *given)

    def described(self, content):
        """A file with what the caller says about it inside."""
        if self.metadata is None:
            return content
        return write_metadata(content, replace(self.metadata, name=self.metadata.name or self.name))

    def write_sidecar(self, folder, file, notes):
        metadata = self.metadata or Metadata()
        text = to_sidecar(file, replace(metadata, name=metadata.name or self.name), notes)
        (folder / file.file).with_suffix(".json").write_text(text, encoding="utf-8")

    def examine(self, content, precision, base, reference, how):
        """Check, score and measure one file; `base` is the float32 file, `reference` its metrics."""
        metrics = _scored(self.score, load(content))
        reference = metrics if reference is None else reference
        bar = self.bars.get(precision)
        return FileReport(
            file=f"{precision}.tflite",
            precision=precision,
            contents=inspect(content),
            verification=verify(
                self.model,
                content,
                self.batches,
                self.parts,
                precision,
                float_file=None if base is content else base,
                keep_float=how.kept_float if how else (),
            ),
            benchmark=benchmark(content, timeout=self.timeout, profile=True, **self.measuring),
            metrics=metrics,
            difference={name: value - reference[name] for name, value in metrics.items()},
            verdict=judge(bar, metrics, reference) if bar else None,
            explanations=() if base is content else explain_all(base, content, self.batches, self.timeout),
            quantization=how,
            weights=weigh(content),
        )

    def described_calibration(self):
        if self.calibration is None:
            return None
        return Calibration(samples=count(self.calibration), description=self.calibration_description)


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
