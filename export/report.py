"""What was exported, how it was checked, and what it takes: as objects and as JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass

from .bars import Verdict
from .benchmarking import Benchmark
from .choosing import choose
from .contents import Contents
from .explaining import Explanation
from .mixed import Mixed
from .quantization.outcome import Quantization
from .verification import Verification
from .weighing import Weights


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The samples that set the integer ranges: how many, and which, in the caller's words."""

    samples: int
    description: str


@dataclass(frozen=True, kw_only=True)
class FileReport:
    """One file.

    `metrics` come from the caller's score, `difference` is theirs less float32's. `explanations` compare the
    file with the float32 file layer by layer, one for each signature that data was given for.
    `quantization` says how the integers of a calibrated file were found, `mixed` which layers have more bits
    than the others after a search. `weights` says how well the file compresses.
    """

    file: str
    precision: str
    contents: Contents
    verification: Verification
    benchmark: Benchmark
    metrics: Mapping[str, float]
    difference: Mapping[str, float]
    verdict: Verdict | None
    explanations: tuple[Explanation, ...] = ()
    quantization: Quantization | None = None
    mixed: Mixed | None = None
    weights: Weights | None = None

    @property
    def problems(self):
        """What is wrong with the file, in sentences that begin with its name."""
        found = [f"{self.file}: {text}" for text in self.verification.problems]
        found += [
            f"{self.file}: {name} is {value}"
            for name, value in self.metrics.items()
            if not math.isfinite(value)
        ]
        if self.mixed is not None and not self.mixed.met:
            found.append(f"{self.file}: {self.mixed}")
        if self.verdict is not None and not self.verdict.passed:
            found.append(f"{self.file}: {self.verdict}")
        return tuple(found)


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole export.

    `refused` maps each precision that could not be made to the reason; that is a problem only where
    a bar was set for it, and then `required` names it. `notes` are the caller's own remarks, `advice`
    maps operators that make a file slow to what this caller's users can take instead. `sha256` holds
    the digest of every file of the export but the reports, by its path.
    """

    name: str
    files: tuple[FileReport, ...]
    refused: Mapping[str, str]
    required: tuple[str, ...]
    calibration: Calibration | None
    environment: Mapping[str, str]
    notes: tuple[str, ...] = ()
    advice: Mapping[str, str] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)

    @property
    def problems(self):
        """Every problem of every file, and the required precisions that are missing."""
        missing = [
            f"{precision}.tflite is missing: {self.refused[precision]}"
            for precision in self.required
            if precision in self.refused
        ]
        return (*(text for file in self.files for text in file.problems), *missing)

    @property
    def passed(self):
        return not self.problems

    def file(self, precision):
        """The report of one precision's file, or None if it was refused."""
        return next((file for file in self.files if file.precision == precision), None)

    def to_json(self):
        """The report as JSON text; a number that is not finite becomes null."""
        verdict = {"passed": self.passed, "problems": self.problems, "ship": choose(self).file}
        return json.dumps(_plain(self) | verdict, indent=2, allow_nan=False) + "\n"


def _plain(value):
    if is_dataclass(value):
        plain = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return plain | ({"passed": value.passed} if hasattr(value, "passed") else {})
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
