"""One export at work: every file made, checked and measured, with the report on all of them."""

import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from .bars import judge
from .benchmarking import benchmark
from .contents import inspect
from .environment import versions
from .errors import ExportError
from .explaining import explain_all
from .html import to_html
from .integrity import digests
from .markdown import to_markdown
from .metadata.description import Metadata
from .metadata.embedding import write_metadata
from .metadata.sidecar import to_sidecar
from .mixed import MIXED, search
from .predictor import load
from .publishing import publish, writing
from .quantization.calibration import count
from .report import Calibration, FileReport, Report
from .saved_model import to_saved_model
from .tflite import derive, float_conversion
from .trying import trust
from .verification import verify
from .weighing import weigh


@dataclass(frozen=True, kw_only=True)
class Work:
    """The checked arguments of one export; see `export_model`.

    `parts` are the models by signature, `batches` can be read more than once, and `measuring` is what `benchmark` is
    given beside a file.
    """

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
        described = replace(self.metadata, name=self.metadata.name or self.name)
        return trust(write_metadata(content, described))  # what runs is not touched

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
