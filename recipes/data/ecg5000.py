"""`ecg5000` for tensorflow-datasets: 5,000 heartbeats, from the UCR archive's files in a manual folder.

Goldberger et al., "PhysioBank, PhysioToolkit, and PhysioNet", Circulation, 2000: the BIDMC congestive
heart failure database, record chf07, 20 hours of one patient. Chen et al., "A General Framework for
Never-Ending Learning from Time Series Streams", Data Mining and Knowledge Discovery, 2015, cut it into
heartbeats of 140 samples; Dau et al., "The UCR Time Series Archive", 2019,
https://arxiv.org/abs/1810.07758, publish 5,000 of them.
"""

import collections
import pathlib

import numpy as np
import tensorflow_datasets as tfds

from recipes.errors import RecipeError

SAMPLES = 140  # of a beat
_NORMAL = 1  # of the published classes 1 to 5
_SUFFIXES = (".txt", ".tsv", ".ts", "")  # in which the archive has published its files


class Ecg5000(tfds.core.GeneratorBasedBuilder):
    """5,000 heartbeats of 140 samples, normal or abnormal; every fifth of each kind is in the test split.

    Beats are as published: each has a mean of 0 and a standard deviation of 1. The archive's own two
    parts, of 500 and 4,500 beats, are put together first.
    """

    VERSION = tfds.core.Version("1.0.0")
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Fetch ECG5000.zip from https://timeseriesclassification.com/description.php?Dataset=ECG5000 and "
        "unpack it into a subfolder `ecg5000` of the manual folder: ECG5000_TRAIN and ECG5000_TEST, as .txt, "
        ".tsv or .ts. (An ecg5000.npz with `x` (5000, 140) and `anomaly`, 0 or 1, is read too.)"
    )

    def _info(self):
        features = tfds.features.FeaturesDict(
            {
                "signal": tfds.features.Tensor(shape=(SAMPLES, 1), dtype=np.float32),
                "label": tfds.features.ClassLabel(names=["normal", "abnormal"]),
            }
        )
        return self.dataset_info_from_configs(
            description="Heartbeats of one patient with congestive heart failure.",
            features=features,
            supervised_keys=("signal", "label"),
            homepage="https://timeseriesclassification.com/description.php?Dataset=ECG5000",
        )

    def _split_generators(self, dl_manager):
        x, abnormal = read(pathlib.Path(dl_manager.manual_dir) / "ecg5000")
        return {split: self._generate_examples(x, abnormal, split == "test") for split in ("train", "test")}

    def _generate_examples(self, x, abnormal, test):
        seen = collections.Counter()
        for i, (beat, label) in enumerate(zip(x, abnormal.tolist(), strict=True)):
            seen[label] += 1
            if (seen[label] % 5 == 0) == test:
                yield i, {"signal": beat[:, None], "label": label}


def read(folder):
    """All beats `(n, 140)` float32 and whether each is abnormal, `(n,)` of 0 and 1, from files in `folder`.

    Raises:
        RecipeError: The files are not there, or hold something else.
    """
    parts = [file for part in ("TRAIN", "TEST") if (file := _published(folder, part))]
    if len(parts) == 2:
        tables = [_table(file) for file in parts]
        x, classes = (np.concatenate(column) for column in zip(*tables, strict=True))
        return x, (classes != _NORMAL).astype(np.int64)
    if (archive := folder / "ecg5000.npz").exists():
        return _archived(archive)
    raise RecipeError(
        f"{folder} does not hold ECG5000_TRAIN and ECG5000_TEST.\n{Ecg5000.MANUAL_DOWNLOAD_INSTRUCTIONS}"
    )


def _published(folder, part):
    """The archive's file with the beats of `part`, in `folder` or below; `None` where there is none."""
    names = [f"ECG5000_{part}{suffix}" for suffix in _SUFFIXES]
    found = [file for name in names for file in sorted(folder.glob(f"**/{name}")) if file.is_file()]
    return found[0] if found else None


def _table(file):
    """`(x, classes)` of one of the archive's text files."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [
        line.replace(":", " ").replace(",", " ").split() for line in lines if line[:1] not in ("", "#", "@")
    ]
    try:
        table = np.array(rows, np.float32)
    except ValueError as error:
        raise RecipeError(f"{file} is no table of numbers with {SAMPLES + 1} columns: {error}") from error
    if table.ndim != 2 or table.shape[1] != SAMPLES + 1:
        raise RecipeError(
            f"{file} holds a table of the shape {table.shape}; expected {SAMPLES} samples and a class a line"
        )
    if file.suffix == ".ts":  # the class comes last, after a colon
        return table[:, :-1], table[:, -1]
    return table[:, 1:], table[:, 0]


def _archived(file):
    try:
        with np.load(file) as arrays:
            x, abnormal = arrays["x"].astype(np.float32), arrays["anomaly"].astype(np.int64)
    except (OSError, ValueError, KeyError) as error:
        raise RecipeError(f"{file} has no arrays `x` and `anomaly` that can be read: {error}") from error
    if x.shape[1:] != (SAMPLES,) or abnormal.shape != x.shape[:1]:
        raise RecipeError(
            f"{file} holds `x` {x.shape} and `anomaly` {abnormal.shape}; expected (n, {SAMPLES}) and (n,)"
        )
    return x, abnormal
