"""What one look at a layer says, and how all of them are kept in a file."""

import csv
import math
from typing import NamedTuple

from recipes import files

FILE = "diagnostics.csv"


class Reading(NamedTuple):
    """What a layer was seen to do before one step.

    Attributes:
        step: Steps done before.
        epoch: Counted from 1.
        layer: Its name.
        gradient_norm: Euclidean norm of the loss's gradient, over all its weights; `None` without weights.
        update_ratio: Norm of what the step added to its kernels as a share of their norm; `None` without
            kernels.
        dead: Share of its units that are zero on all examples and at all places; `None` if it rectifies nothing.
        minimum, maximum: Of its outputs.
    """

    step: int
    epoch: int
    layer: str
    gradient_norm: float | None
    update_ratio: float | None
    dead: float | None
    minimum: float
    maximum: float


def write(folder, readings):
    """Write `readings` to `diagnostics.csv` under `folder`, whole."""
    with files.replacing(folder / FILE) as scratch, open(scratch, "w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(Reading._fields)
        writer.writerows(readings)


def read(folder, before=math.inf):
    """The readings under `folder` of steps below `before`; none where there is no such file."""
    if not (folder / FILE).exists():
        return []
    with open(folder / FILE, newline="", encoding="utf-8") as lines:
        found = [_reading(row) for row in csv.DictReader(lines)]
    return [reading for reading in found if reading.step < before]


def looks(readings):
    """The readings in lists, one a step."""
    found = {}
    for reading in readings:
        found.setdefault(reading.step, []).append(reading)
    return list(found.values())


def _reading(row):
    numbers = {name: float(row[name]) if row[name] else None for name in Reading._fields[3:]}
    return Reading(int(row["step"]), int(row["epoch"]), row["layer"], **numbers)
