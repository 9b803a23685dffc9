"""A run's directory: it explains itself and can be gone on with.

`recipe.json`, `environment.json`, `history.csv`, `checkpoints/`, `model.keras`, `metrics.json`,
`labels.txt` (a class a line), `plots/*.png` and `export/`. A file that is there is whole, so its presence
says which part is done.
"""

import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import sys
import zipfile

import msgspec

from recipes import files, registry
from recipes.errors import RecipeError
from recipes.recipe import Recipe

_PACKAGES = (
    "edgezoo",
    "keras",
    "tensorflow",
    "jax",
    "numpy",
    "tensorflow-datasets",
    "ai-edge-litert",
    "ai-edge-quantizer",
)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's directory and the recipe it was started with."""

    path: pathlib.Path
    recipe: Recipe

    @property
    def trained(self):
        """Whether training has ended."""
        return self.model_file.exists()

    @property
    def model_file(self):
        return self.path / "model.keras"

    @property
    def float_file(self):
        """Where the model is as it was before it was fine-tuned with simulated integers."""
        return self.path / "float.keras"

    @property
    def scratch_file(self):
        """Where the model is as it would be without weights that were learnt before."""
        return self.path / "from_scratch.keras"

    def metrics(self):
        """The content of `metrics.json`; empty before the run was evaluated."""
        return read_json(self.path / "metrics.json") if (self.path / "metrics.json").exists() else {}

    def model(self):
        """The trained Keras model.

        Raises:
            RecipeError: Training has not ended, or the file is damaged.
        """
        if not self.trained:
            raise RecipeError(
                f"{self.path} holds no trained model yet; go on with `edgezoo train --resume {self.path}`"
            )
        return load_model(self.model_file)

    def history(self):
        """One dict an epoch, as written."""
        rows = files.read_csv(self.path / "history.csv")
        return [{k: float(v) for k, v in row.items()} for row in rows]


def create(path, recipe):
    """A new run directory at `path`.

    Raises:
        RecipeError: The directory holds something already; nothing in it is touched.
    """
    check_free(path)
    path = pathlib.Path(path)
    files.write_text(path / "recipe.json", msgspec.json.format(msgspec.json.encode(recipe)).decode() + "\n")
    files.write_json(path / "environment.json", environment())
    return Run(path, recipe)


def check_free(path):
    """Raise a `RecipeError` unless `path` is an empty directory or nothing at all."""
    path = pathlib.Path(path)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RecipeError(_occupied(path))


def open_run(path):
    """The run at `path`.

    Raises:
        RecipeError: There is none.
    """
    path = pathlib.Path(path)
    file = path / "recipe.json"
    if not file.is_file():
        raise RecipeError(f"{path} is not a run directory: it has no recipe.json")
    return Run(path, registry.from_json(file.read_bytes(), file))


def default_path(recipe):
    """`runs/{recipe}-seed{seed}` under the working directory."""
    return pathlib.Path("runs") / f"{recipe.name}-seed{recipe.seed}"


def load_model(file):
    """The Keras model in `file`, a `.keras` archive.

    Raises:
        RecipeError: The file is missing, truncated, or not such an archive.
    """
    if str(file).endswith(".keras") and os.path.isfile(file) and not zipfile.is_zipfile(file):
        raise RecipeError(
            f"{file} cannot be loaded as a Keras model: it is damaged, or no .keras archive. Copy it again, or train "
            "again"
        )
    import keras

    import export.awareness.several  # noqa: F401
    import zoo  # noqa: F401  (layers of both can then be loaded)

    try:
        return keras.saving.load_model(file, compile=False)
    except Exception as error:  # a damaged archive ends in zip, HDF5, JSON, type and value errors
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RecipeError(f"{file} cannot be loaded as a Keras model: {reason}") from error


def read_json(file):
    """The content of a JSON file of a run; a damaged one is named."""
    try:
        return json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecipeError(f"{file} cannot be read: {error}") from error


def add_seconds(run, seconds):
    """Add to the training time that `environment.json` holds, which resuming goes on counting."""
    file = run.path / "environment.json"
    content = read_json(file)
    content["training_seconds"] = round(content.get("training_seconds", 0.0) + seconds, 1)
    files.write_json(file, content)


def note(run, **values):
    """Put values into `environment.json`, in the place of those of the same names."""
    file = run.path / "environment.json"
    content = read_json(file)
    files.write_json(file, content | values)


def noted(run, name):
    """The value called `name` in `environment.json`; `None` where there is none."""
    file = run.path / "environment.json"
    return read_json(file).get(name) if file.exists() else None


def environment():
    """Versions and machine, as a dict."""
    import keras

    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": " ".join([pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "packages": versions,
        "backend": keras.config.backend(),
        "platform": platform.platform(terse=True),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


def processor():
    """The processor's name, as the system gives it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def _occupied(path):
    if path.is_file():
        return f"{path} is a file; give another directory with --out"
    if (path / "recipe.json").is_file():
        try:
            held = open_run(path)
        except RecipeError:
            return f"{path} holds another run; give another directory with --out"
        state = "finished" if held.trained else "unfinished"
        return (
            f"{path} holds a {state} run of {held.recipe.name!r} already. Go on with it: "
            f"`edgezoo run --resume {path}`; or give another directory with --out"
        )
    return f"{path} is not empty; give another directory with --out"
