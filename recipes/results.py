"""`results.csv`: one row a recipe, gathered from finished runs by this program, never typed.

python -m recipes.results RUN…    take the runs' figures over into the table
"""

import collections
import pathlib
import statistics
import sys

import msgspec

from recipes import files, measures, rundir
from recipes.errors import RecipeError

FILE = pathlib.Path(__file__).with_name("results.csv")
_PRECISIONS = ("float32", "float16", "dynamic_int8", "int8", "int16x8")
COLUMNS = (
    "recipe",
    "model",
    "data",
    "parameters",
    "metric",
    "mean",
    "min",
    "max",
    "seeds",
    "expected",
    "shift_consistency",
    *(f"{p}_{what}" for p in _PRECISIONS for what in ("metric", "bytes", "ms")),
    "training_minutes",
    "processor",
    "cores",
    "date",
    "keras",
    "tensorflow",
)


def read():
    """The rows of the shipped table, dicts of text; empty where there is none."""
    return files.read_csv(FILE)


def sentence(row):
    """`accuracy 0.9901 (0.9895 to 0.9910, 3 seeds)`, from a row of the table."""
    if not row:
        return "not measured"
    seeds = row["seeds"].split()
    if len(seeds) == 1:
        return f"{row['metric']} {float(row['mean']):.4g} (1 seed)"
    spread = f"{float(row['min']):.4g} to {float(row['max']):.4g}, {len(seeds)} seeds"
    return f"{row['metric']} {float(row['mean']):.4g} ({spread})"


def gather(paths):
    """Take finished runs over into the tables: here one row a recipe, over its runs' seeds.

    Rows of recipes that no path belongs to stay as they are.
    """
    groups = collections.defaultdict(list)
    for path in paths:
        run = rundir.open_run(path)
        groups[run.recipe.name].append(run)
    rows = {row["recipe"]: row for row in read()}
    rows |= {name: _row(sorted(runs, key=lambda r: r.recipe.seed)) for name, runs in groups.items()}
    files.write_csv(FILE, (rows[name] for name in sorted(rows)), COLUMNS)
    measures.take_over(groups)


def _check(runs):
    """Raise a `RecipeError` unless these are finished runs of the same values, each with a seed of its own."""
    import export

    first, seeds = runs[0], [run.recipe.seed for run in runs]
    if twice := [seed for seed in seeds if seeds.count(seed) > 1]:
        raise RecipeError(f"two runs of {first.recipe.name!r} have seed {twice[0]}; give one run a seed")
    for run in runs:
        if not (run.metrics() and (run.path / "export" / "report.json").is_file()):
            raise RecipeError(f"{run.path} is not finished; go on with `edgezoo run --resume {run.path}`")
        try:
            export.load_report(run.path / "export")
        except export.InvalidFile as error:
            raise RecipeError(f"{run.path}: {error}") from error
        if msgspec.structs.replace(run.recipe, seed=first.recipe.seed) != first.recipe:
            raise RecipeError(
                f"{run.path} and {first.path} were run with different values of {first.recipe.name!r}"
            )


def _row(runs):
    from recipes import tasks

    _check(runs)
    recipe, first = runs[0].recipe, runs[0]
    metric = recipe.expected.metric if recipe.expected else tasks.get(recipe.task).HEADLINE
    reached = [run.metrics()["test"][metric] for run in runs]
    environment = rundir.read_json(first.path / "environment.json")
    minutes = [rundir.read_json(r.path / "environment.json")["training_seconds"] / 60 for r in runs]
    row = {
        "recipe": recipe.name,
        "model": recipe.model,
        "data": recipe.data,
        "parameters": first.metrics()["parameters"],
        "metric": metric,
        "mean": _short(statistics.fmean(reached)),
        "min": _short(min(reached)),
        "max": _short(max(reached)),
        "seeds": " ".join(str(r.recipe.seed) for r in runs),
        "expected": str(recipe.expected or ""),
        "shift_consistency": _mean([run.metrics()["test"].get("shift_consistency") for run in runs]),
        "training_minutes": f"{statistics.fmean(minutes):.1f}",
        "processor": environment["processor"],
        "cores": environment["cores"],
        "date": environment["started"][:10],
        "keras": environment["packages"].get("keras", ""),
        "tensorflow": environment["packages"].get("tensorflow", ""),
    }
    return row | _exported(runs, tasks.get(recipe.task).HEADLINE)


def _exported(runs, metric):
    """Per precision the headline metric's mean, the file's bytes and its median latency."""
    values = collections.defaultdict(list)
    for run in runs:
        for file in rundir.read_json(run.path / "export" / "report.json")["files"]:
            values[f"{file['precision']}_metric"].append(file["metrics"][metric])
            values[f"{file['precision']}_bytes"].append(file["contents"]["bytes"])
            values[f"{file['precision']}_ms"].append(file["benchmark"]["median_ms"])
    averages = {key: statistics.fmean(found) for key, found in values.items()}
    return {key: round(v) if key.endswith("_bytes") else _short(v) for key, v in averages.items()}


def _mean(values):
    """The mean as text; nothing where a value is missing."""
    return "" if None in values else _short(statistics.fmean(values))


def _short(value):
    return f"{value:.5g}"


if __name__ == "__main__":
    try:
        gather(sys.argv[1:])
    except RecipeError as error:
        sys.exit(f"error: {error}")
