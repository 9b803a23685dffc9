"""What a check against a target found: as objects, as JSON and as text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..markdown import size


@dataclass(frozen=True, kw_only=True)
class Finding:
    """An operator or tensor that a device does not run, and what to do about it.

    `subject` is the operator's name, or what kind of tensor it is; `places` are the names of the
    tensors, for an operator those it gives. `stops` says whether the file can't be used at all; else
    something slower takes over, which `problem` names.
    """

    subject: str
    problem: str
    remedy: str
    places: tuple[str, ...] = ()
    stops: bool = True

    def __str__(self):
        where = f" ({_listed(self.places)})" if self.places else ""
        return f"{self.subject} {self.problem}{where}. {self.remedy}".rstrip()


@dataclass(frozen=True, kw_only=True)
class TargetCheck:
    """A file checked against a target.

    `checked_by` says what the verdict rests on, `measured` holds figures in the units their names
    say, `notes` are remarks that are no problem.
    """

    target: str
    bytes: int
    sha256: str
    findings: tuple[Finding, ...]
    checked_by: tuple[str, ...]
    measured: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def passed(self):
        """Whether the whole file runs, if need be with a part of it on something slower."""
        return not any(finding.stops for finding in self.findings)

    @property
    def problems(self):
        """What keeps the file from running, in sentences."""
        return tuple(str(finding) for finding in self.findings if finding.stops)

    def to_json(self):
        """The check as JSON text."""
        plain = {
            "target": self.target,
            "passed": self.passed,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "findings": [vars(finding) for finding in self.findings],
            "measured": dict(self.measured),
            "checked_by": self.checked_by,
            "notes": self.notes,
        }
        return json.dumps(plain, indent=2, allow_nan=False, ensure_ascii=False) + "\n"

    def to_markdown(self):
        """The check as text for people."""
        verdict = "The whole file runs there." if not self.findings else ""
        if self.findings:
            verdict = (
                "The file runs there, in part on something slower."
                if self.passed
                else "The file does not run there."
            )
        lines = [f"# {self.target}", "", verdict, ""]
        lines += [f"- {finding}" for finding in self.findings]
        lines += [f"- {label}: {text}" for label, text in figures(self.measured)]
        lines += [f"- {note}" for note in self.notes]
        lines += [
            f"- Checked by {', '.join(self.checked_by)}.",
            f"- sha256 {self.sha256}, {size(self.bytes)}",
        ]
        return "\n".join(lines) + "\n"


def figures(measured):
    """`(label, text)` of what was measured, with units a person would choose."""
    for name, value in measured.items():
        label = name.removesuffix("_bytes").removesuffix("_hz").replace("_", " ")
        if name.endswith("_hz"):
            yield label, f"{value / 1e6:,.0f} MHz"
        elif isinstance(value, float):
            yield label, f"{value:,.1f}"
        elif isinstance(value, int) and name.endswith("_bytes"):
            yield label, f"{value:,} bytes"
        else:
            yield label, f"{value:,}" if isinstance(value, int) else str(value)


def grouped(findings):
    """Findings of the same problem as one with all their places, in the order of the first."""
    together = {}
    for finding in findings:
        key = (finding.subject, finding.problem, finding.remedy, finding.stops)
        together.setdefault(key, []).extend(finding.places)
    return tuple(
        Finding(
            subject=subject,
            problem=problem,
            remedy=remedy,
            stops=stops,
            places=tuple(dict.fromkeys(places)),
        )
        for (subject, problem, remedy, stops), places in together.items()
    )


def _listed(places, most=3):
    # The converter joins the names of all that it folded into an operator.
    text = ", ".join(place.split(";")[0] for place in places[:most])
    return f"{text} and {len(places) - most} more" if len(places) > most else text
