"""A search's directory: it explains itself and can be gone on with.

`search.json` says what is searched, `oracle.json` is keras-tuner's memory, and each trial is a run in
`trials/ID/` with a record beside it, `trials/ID.json`. At the end there are `trials.csv`, `front.csv`, `front.json`,
`front.png`, `tunability.csv`, `tunability.png`, `curves.png`, `best.yaml` and `summary.json`.
"""

import dataclasses
import functools
import pathlib
from typing import Literal

import msgspec

from recipes import files
from recipes.errors import RecipeError
from recipes.recipe import Recipe
from recipes.tuning import objectives
from recipes.tuning.space import Space
from recipes.values import Size, Values

Algorithm = Literal["bayesian", "random", "hyperband"]


class Settings(Values, kw_only=True):
    """What was asked for.

    Attributes:
        recipe: The recipe whose values are searched; its seed is the search's.
        space: Ranges by name.
        objectives: Names, the most important first.
        algorithm: How the next trial is chosen.
        trials: How many; `None` for all that Hyperband's brackets have.
        strategy: Where each trial trains, one of `recipes.training.distribution.NAMES`.
    """

    recipe: Recipe
    space: dict[str, str]
    objectives: tuple[str, ...]
    algorithm: Algorithm = "bayesian"
    trials: Size | None = 20
    strategy: str = "auto"


class Record(Values, kw_only=True):
    """What is known of one trial.

    Attributes:
        trial: Its name.
        status: `failed` may still be tried again by the search.
        values: Of the searched values those that count.
        epochs: How long it is trained, from the start.
        objectives: What was measured.
        seconds: Of training and measuring, all attempts together.
        error: Why it failed.
        worker: Who runs, or ran it.
        process: Number of that process.
        parent: The trial that it goes on from.
    """

    trial: str
    status: Literal["running", "completed", "failed"] = "running"
    values: dict = msgspec.field(default_factory=dict)
    epochs: int = 0
    objectives: dict[str, float] = msgspec.field(default_factory=dict)
    seconds: float = 0.0
    error: str = ""
    worker: str = ""
    process: int = 0
    parent: str = ""


@dataclasses.dataclass(frozen=True)
class Search:
    """A search's directory and what was asked for."""

    path: pathlib.Path
    settings: Settings

    @functools.cached_property
    def space(self):
        """The `Space` that is searched."""
        return Space(self.settings.recipe, self.settings.space)

    @functools.cached_property
    def objectives(self):
        """The `Objective`s, the most important first."""
        return objectives.get(self.settings.recipe.task, self.settings.objectives)

    @property
    def oracle_file(self):
        return self.path / "oracle.json"

    def folder(self, trial):
        """Where the run of a trial is."""
        return self.path / "trials" / trial

    def record(self, trial):
        """The `Record` of a trial; `None` where it was not begun."""
        file = self.path / "trials" / f"{trial}.json"
        return msgspec.json.decode(file.read_bytes(), type=Record) if file.exists() else None

    def write(self, record):
        """Keep a trial's record."""
        text = msgspec.json.format(msgspec.json.encode(record)).decode()
        files.write_text(self.path / "trials" / f"{record.trial}.json", text + "\n")

    def records(self):
        """The records of all trials that were begun, in their order."""
        found = [path.stem for path in (self.path / "trials").glob("*.json") if path.stem.isdigit()]
        return [self.record(trial) for trial in sorted(found, key=int)]


def create(path, settings):
    """A new search's directory.

    Raises:
        RecipeError: The directory holds something already.
    """
    check_free(path)
    return keep(pathlib.Path(path), settings)


def keep(path, settings):
    """Write `search.json`. Returns the `Search`."""
    text = msgspec.json.format(msgspec.json.encode(settings)).decode()
    files.write_text(path / "search.json", text + "\n")
    return Search(path, settings)


def check_free(path):
    """Raise a `RecipeError` unless `path` is an empty directory or nothing at all."""
    path = pathlib.Path(path)
    if (path / "search.json").exists():
        raise RecipeError(
            f"{path} holds a search already. Go on with it: `edgezoo tune --resume {path}`; or give another "
            "directory with --out"
        )
    if path.is_file():
        raise RecipeError(f"{path} is a file; give another directory with --out")
    if path.exists() and any(path.iterdir()):
        raise RecipeError(f"{path} is not empty; give another directory with --out")


def open_search(path):
    """The search at `path`.

    Raises:
        RecipeError: There is none, or its settings are damaged.
    """
    path = pathlib.Path(path)
    file = path / "search.json"
    if not file.is_file():
        raise RecipeError(f"{path} is not the directory of a search: it has no search.json")
    try:
        return Search(path, msgspec.json.decode(file.read_bytes(), type=Settings))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{file} is damaged, or of another version: {error}") from error


def default_path(recipe):
    """`searches/{recipe}-seed{seed}` under the working directory."""
    return pathlib.Path("searches") / f"{recipe.name}-seed{recipe.seed}"
