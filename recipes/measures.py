"""`measures.csv` and `docs/results.md`: everything the tasks measured, by recipe, written by the program.

python -m recipes.measures    write the page from the table; `python -m recipes.results RUN…` fills the table
"""

import collections
import pathlib
import statistics

from recipes import files, rundir

FILE = pathlib.Path(__file__).with_name("measures.csv")
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "results.md"
COLUMNS = ("recipe", "task", "metric", "mean", "min", "max", "seeds", "float32", "int8")
_TOP = """# Everything measured, by task

Written by `python -m recipes.measures` from finished runs. Test split; the mean over seeds, with the range
in brackets where there is more than one. After the stroke: the same of the `int8` file, scored by the same
code. What is compared with (principal components, filters, codecs) is measured in the same run.
"""


def read():
    """The rows of the shipped table, dicts of text; empty where there is none."""
    return files.read_csv(FILE)


def take_over(groups):
    """Write the measures of `groups`, `{recipe: runs}`; rows of other recipes stay."""
    rows = [row for row in read() if row["recipe"] not in groups]
    for runs in groups.values():
        rows += _rows(runs)
    rows.sort(key=lambda row: row["recipe"])  # metrics stay in the task's order
    files.write_csv(FILE, rows, COLUMNS)


def _rows(runs):
    scores = [run.metrics()["test"] for run in runs]
    reports = [rundir.read_json(run.path / "export" / "report.json")["files"] for run in runs]
    by_file = {p: [f["metrics"] for r in reports for f in r if f["precision"] == p] for p in COLUMNS[-2:]}
    for metric in scores[0]:
        reached = [score[metric] for score in scores]
        yield {
            "recipe": runs[0].recipe.name,
            "task": runs[0].recipe.task,
            "metric": metric,
            "mean": _short(statistics.fmean(reached)),
            "min": _short(min(reached)),
            "max": _short(max(reached)),
            "seeds": " ".join(str(run.recipe.seed) for run in runs),
            **{p: _mean_of(metric, found) for p, found in by_file.items()},
        }


def _mean_of(metric, found):
    """The mean over files; nothing where they are not scored by `metric`."""
    values = [metrics[metric] for metrics in found if metric in metrics]
    return _short(statistics.fmean(values)) if values else ""


def _short(value):
    return f"{value:.5g}"


def page(rows):
    """The page of results: a table for each task, a line a recipe, a column a metric."""
    tasks = collections.defaultdict(lambda: collections.defaultdict(dict))
    for row in rows:
        tasks[row["task"]][row["recipe"]][row["metric"]] = row
    return "\n".join([_TOP, *(_section(task, tasks[task]) for task in sorted(tasks))])


def _section(task, recipes):
    metrics = list(dict.fromkeys(metric for measured in recipes.values() for metric in measured))
    titles = ["recipe", *(metric.replace("_", " ") for metric in metrics)]
    lines = [titles, [":---", *(["---:"] * len(metrics))]]
    for recipe in sorted(recipes):
        lines.append([f"`{recipe}`", *(_cell(recipes[recipe].get(metric)) for metric in metrics)])
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {task.replace('_', ' ').capitalize()}\n\n{drawn}\n"


def _cell(row):
    if row is None:
        return "–"
    text = f"{float(row['mean']):.4g}"
    if row["min"] != row["max"]:
        text += f" ({float(row['min']):.4g} to {float(row['max']):.4g})"
    return f"{text} / {float(row['int8']):.4g}" if row["int8"] else text


if __name__ == "__main__":
    files.write_text(PAGE, page(read()))
