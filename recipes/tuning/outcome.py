"""What a search came to: the best trial as a recipe, the front, and what each value is worth."""

import dataclasses
import pathlib

import msgspec

from recipes import files, yaml_recipes
from recipes.tuning import pareto, tunability


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A search's result, as far as it has got.

    Attributes:
        search: The `recipes.tuning.search.Search`.
        records: Of all trials that were begun.
        best: The record of the best trial by the first objective; `None` where none was completed.
        default: That of the recipe as it is; `None` where it was not completed at full length.
        front: Records that no other beats in every objective; for several objectives.
        gains: `recipes.tuning.tunability.Gain`s; none for few trials.
        recipe_file: The best trial as a recipe, which `edgezoo run` takes; `None` where there is none.
    """

    search: object
    records: list
    best: object
    default: object
    front: list
    gains: list
    recipe_file: pathlib.Path | None

    @property
    def completed(self):
        """How many trials were completed."""
        return sum(record.status == "completed" for record in self.records)


def conclude(search):
    """Write what a search came to into its directory. Returns an `Outcome`."""
    records = search.records()
    done = [record for record in records if record.status == "completed"]
    longest = max((record.epochs for record in done), default=0)
    whole = [record for record in done if record.epochs == longest]  # of Hyperband's, those that got furthest
    kept = pareto.front(whole, search.objectives) if len(search.objectives) > 1 else []
    outcome = Outcome(
        search=search,
        records=records,
        best=_best(whole, search.objectives[0], kept),
        default=next((r for r in whole if r.values == search.space.default), None),
        front=kept,
        gains=tunability.gains(search, done),
        recipe_file=search.path / "best.yaml" if whole else None,
    )
    _write(outcome, done, whole)
    return outcome


def _best(records, objective, kept):
    """The best by the first objective, the first of equals; of several objectives one of the front."""
    found = None
    for record in kept or records:
        value = record.objectives[objective.name]
        if found is None or objective.better(value, found.objectives[objective.name]):
            found = record
    return found


def _write(outcome, done, whole):
    search, path = outcome.search, outcome.search.path
    if outcome.records:
        files.write_csv(path / "trials.csv", (_row(search, record) for record in outcome.records))
    if outcome.front:
        files.write_csv(path / "front.csv", (_row(search, record) for record in outcome.front))
        files.write_json(path / "front.json", msgspec.to_builtins(outcome.front))
        pareto.draw(path / "front.png", whole, outcome.front, search.objectives, outcome.default)
    if outcome.gains:
        files.write_csv(path / "tunability.csv", map(_worth, outcome.gains))
        tunability.draw(path / "tunability.png", outcome.gains, search.objectives)
        tunability.draw_curves(path / "curves.png", search, outcome.gains, done)
    if outcome.best:
        _write_recipe(outcome)
    files.write_json(path / "summary.json", summary(outcome))


def _row(search, record):
    """A trial as a line of a table; the same columns for all."""
    return {
        "trial": record.trial,
        "status": record.status,
        "epochs": record.epochs,
        "seconds": record.seconds,
        **{o.name: record.objectives.get(o.name, "") for o in search.objectives},
        **{name: record.values.get(name, "") for name in search.space.dimensions},
        "parent": record.parent,
        "error": record.error,
    }


def _worth(gain):
    worth = dataclasses.asdict(gain)
    del worth["curve"]
    return worth


def _write_recipe(outcome):
    search, best = outcome.search, outcome.best
    recipe = search.settings.recipe
    reached = ", ".join(f"{o.name} {o.text(best.objectives[o.name])}" for o in search.objectives)
    lines = [
        f"Trial {best.trial} of a {search.settings.algorithm} search with {outcome.completed} completed trials.",
        f"On the validation split, seed {recipe.seed}: {reached}.",
    ]
    if outcome.default:
        own = ", ".join(f"{o.name} {o.text(outcome.default.objectives[o.name])}" for o in search.objectives)
        lines.append(f"The recipe as it is: {own}.")
    lines.append(f"Run it from this folder: edgezoo run {outcome.recipe_file.name}")
    tuned = search.space.recipe(best.values)
    yaml_recipes.write(outcome.recipe_file, tuned, f"{recipe.name}_tuned", "\n".join(lines))


def summary(outcome):
    """The outcome in plain types, as `edgezoo tune --json` prints it."""
    plain = msgspec.to_builtins
    return {
        "search": str(outcome.search.path),
        "algorithm": outcome.search.settings.algorithm,
        "objectives": [o.name for o in outcome.search.objectives],
        "completed": outcome.completed,
        "best": plain(outcome.best),
        "default": plain(outcome.default),
        "recipe": str(outcome.recipe_file) if outcome.recipe_file else None,
        "front": plain(outcome.front),
        "tunability": [_worth(gain) for gain in outcome.gains],
        "trials": plain(outcome.records),
    }
