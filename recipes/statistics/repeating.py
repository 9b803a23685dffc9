"""A recipe over folds or seeds: runs that are there are read, others made or gone on with."""

import dataclasses
import pathlib

import msgspec

from recipes import files, pipeline, rundir, tasks
from recipes.errors import RecipeError
from recipes.statistics import drawing, spread
from recipes.training import distribution

_ONE_BY_ONE = "runs over folds or seeds are trained and scored one after another, each by one machine"
_INSTEAD = (
    "Train each over the machines by itself (`edgezoo train RECIPE --seed N --strategy multiworker`): a run that is "
    "there is read. Or give --strategy mirrored, cpu or gpu"
)


@dataclasses.dataclass(frozen=True)
class Repeated:
    """What the runs of one recipe reached.

    Attributes:
        recipe: The recipe, of the first run.
        paths: The runs' directories.
        scores: The metrics on the test split of each, dicts of floats.
    """

    recipe: object
    paths: tuple[pathlib.Path, ...]
    scores: tuple[dict, ...]

    @property
    def spreads(self):
        """A `spread.Spread` a metric."""
        return spread.of_runs(self.scores)


def over_folds(recipe, count, folder):
    """`(path, recipe)` of the runs of k-fold cross-validation, each with a fold as its test split."""
    group = f"{recipe.name}-seed{recipe.seed}-{count}folds"
    return [
        (pathlib.Path(folder) / group / f"fold{fold}", _changed(recipe, folds=count, fold=fold))
        for fold in range(count)
    ]


def over_seeds(recipe, seeds, folder):
    """`(path, recipe)` of a run a seed, where `edgezoo run` would put it below `folder`."""
    recipes = [msgspec.structs.replace(recipe, seed=seed) for seed in seeds]
    return [(pathlib.Path(folder) / rundir.default_path(each).name, each) for each in recipes]


def measure(planned, progress=None, strategy=None):
    """Train and score what is left of `planned`, `(path, recipe)` pairs of one recipe.

    Args:
        planned: What `over_folds` or `over_seeds` gave.
        progress: Called as `progress(stage, done, total)`.
        strategy: Where each run trains, one of `recipes.training.distribution.NAMES` but `multiworker`; what the
            machine has by default.

    Returns:
        A `Repeated`.

    Raises:
        RecipeError: A directory holds a run of other values, or a recipe can't be run, or not so; directories
            and devices are looked at before anything is trained.
    """
    for path, recipe in planned:
        _check(path, recipe)
    if left := [recipe for path, recipe in planned if not rundir.Run(path, recipe).trained]:
        taken = distribution.take_here(strategy or "auto", _ONE_BY_ONE, _INSTEAD)
        for recipe in left:
            taken.check(recipe)
    scores = []
    for number, (path, recipe) in enumerate(planned, 1):
        if progress:
            progress(f"{path} ({number} of {len(planned)})", 0, 0)
        scores.append(_scored(path, recipe, progress, strategy))
    return Repeated(planned[0][1], tuple(path for path, _ in planned), tuple(scores))


def report(repeated, by, file):
    """Write `FILE.json` and `FILE.png`; returns what the JSON holds.

    Args:
        repeated: `Repeated`s of one task, one a recipe.
        by: `folds` or `seeds`.
        file: Path without an ending.
    """
    named = {each.recipe.name: each for each in repeated}
    task = tasks.get(repeated[0].recipe.task)
    metric = task.HEADLINE
    headlines = {name: each.spreads[metric] for name, each in named.items()}
    ranked = spread.rankings(headlines, metric, task.HIGHER_IS_BETTER)
    content = {
        "by": by,
        "metric": metric,
        "recipes": {name: _content(each) for name, each in named.items()},
        "rankings": [text for shown, text in ranked if shown],
        "warnings": [text for shown, text in ranked if not shown],
    }
    files.write_json(f"{file}.json", content)
    drawing.spreads(f"{file}.png", headlines, metric, by)
    return content


def check_comparable(recipes):
    """Raise a `RecipeError` unless `recipes` are of one task and data, so that one table can hold them."""
    names = [recipe.name for recipe in recipes]
    if len(set(names)) < len(names):
        raise RecipeError(f"{', '.join(names)}: give each recipe once")
    for other in recipes[1:]:
        for field in ("task", "data", "features", "evaluation"):
            if getattr(other, field) != getattr(recipes[0], field):
                raise RecipeError(
                    f"{recipes[0].name} and {other.name} have different values of {field!r}, so that their "
                    "results are no answers to one question; evaluate them one by one"
                )


def _content(repeated):
    return {
        "runs": [str(path) for path in repeated.paths],
        "test": list(repeated.scores),
        "summary": {
            name: {"mean": found.mean, "sd": found.sd, "min": found.low, "max": found.high}
            for name, found in repeated.spreads.items()
        },
    }


def _scored(path, recipe, progress, strategy):
    there = (path / "recipe.json").is_file()
    run = rundir.open_run(path) if there else pipeline.start(recipe, path, progress)
    pipeline.train(run, progress, strategy)
    return pipeline.evaluate(run, progress)["test"]


def _changed(recipe, **features):
    return msgspec.structs.replace(
        recipe, features=msgspec.structs.replace(recipe.features, **features), expected=None
    )


def _check(path, recipe):
    """Raise a `RecipeError` where `path` holds something else than a run of `recipe`."""
    if not (path / "recipe.json").is_file():
        rundir.check_free(path)
        return
    held, wanted = (_plain(each) for each in (rundir.open_run(path).recipe, recipe))
    for name, value in wanted.items():
        if held.get(name) != value:
            raise RecipeError(
                f"{path} holds a run with {name}={held.get(name)}, and {value} is wanted: it is not counted "
                "as one of these. Give the values it has with --set, or another folder with --runs"
            )


def _plain(recipe):
    """What makes two runs the same, by dotted name; texts about it, and places, do not."""
    values = msgspec.to_builtins(recipe)
    for name in ("summary", "expected"):
        values.pop(name)
    if values["data"].startswith("folder:"):
        from recipes.data.places import absolute

        values["data"] = absolute(values["data"])
    teacher = values["distillation"]
    teacher["teacher"] = pathlib.PurePath(teacher["teacher"]).name
    return dict(_flat(values))


def _flat(values, prefix=""):
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
