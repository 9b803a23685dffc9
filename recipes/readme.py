"""The parts of README.md that the program writes: the table of results and the picture of a run.

python -m recipes.readme                  bring the table up to date with `results.csv`
python -m recipes.readme --check          tell whether it is: exit status 0 or 1
python -m recipes.readme --picture RUN    draw what `edgezoo run` printed about RUN, `docs/run.svg`
"""

import argparse
import contextlib
import io
import os
import pathlib
import re
import sys

from recipes import files, results
from recipes.errors import RecipeError

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
PICTURE = README.with_name("docs") / "run.svg"
BEGIN, END = "<!-- written by python -m recipes.readme -->", "<!-- end of what is written -->"
_COLUMNS = (
    "recipe",
    "model",
    "data",
    "parameters",
    "test split",
    "target",
    "shifted",
    "size",
    "metric",
    "latency",
)
_WIDTH = 108  # characters a line of the picture


def updated(text, rows):
    """`text`, a README, with the table of `rows`, dicts as `results.read()` gives them, between its marks.

    Raises:
        RecipeError: The marks are missing or out of order.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise RecipeError(
            f"the README has no lines {BEGIN!r} and {END!r}, in this order, to write the table between"
        )
    return f"{before}{BEGIN}\n{table(rows)}\n{END}{after}"


def table(rows):
    """The measured results as a Markdown table, and what they were measured on."""
    if not rows:
        return "`recipes/results.csv` holds no result: `python -m recipes.results RUN…` takes finished runs over."
    lines = [_COLUMNS, [":---"] * 3 + ["---:"] * 7, *map(_cells, rows)]
    drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{drawn}\n\n{_circumstances(rows)}"


def _cells(row):
    from recipes import registry, tasks
    from recipes.cli.output import bytes_text

    headline = tasks.get(registry.get(row["recipe"]).task).HEADLINE
    metric = _pair(row, "metric", lambda value: f"{float(value):.4g}")
    return (
        f"`{row['recipe']}`",
        f"`{row['model']}`",
        f"`{row['data']}`",
        f"{int(row['parameters']):,}",
        results.sentence(row).replace("_", " "),
        row["expected"].replace("_", " ") or "–",
        row["shift_consistency"] or "–",
        _pair(row, "bytes", lambda value: bytes_text(int(value))),
        metric if headline == row["metric"] else f"{headline.replace('_', ' ')} {metric}",
        _pair(row, "ms", lambda value: f"{float(value):.3g}") + " ms",
    )


def _pair(row, what, text):
    """`float32 → int8`; a file that was not made is a dash."""
    values = (row[f"{precision}_{what}"] for precision in ("float32", "int8"))
    return " → ".join(text(value) if value else "–" for value in values)


def _circumstances(rows):
    measured = sorted({(r["processor"], r["cores"], r["keras"], r["tensorflow"]) for r in rows})
    machines = "; ".join(f"{p}, {c} cores, Keras {k}, TensorFlow {t}" for p, c, k, t in measured)
    days = sorted({row["date"] for row in rows})
    span = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return (
        "Shifted: how often the class stays the same when an image is shifted in a circle by up to an eighth of "
        "its size. Size, metric and latency are those of the files, float32 → int8; latency is LiteRT's median "
        f"with one thread. Means over the seeds. Measured {span} on {machines}."
    )


def picture(path):
    """What `edgezoo run` prints at the end of the finished run in `path`, as the text of an SVG.

    Raises:
        RecipeError: `path` holds no finished run.
    """
    import msgspec
    from rich.console import Console
    from rich.text import Text

    import export
    from recipes import pipeline, rundir
    from recipes.cli.report import print_result

    run = rundir.open_run(path)
    file = run.path / "export" / "report.json"
    if not file.is_file():
        raise RecipeError(
            f"{path} is not finished: it has no export/report.json. Go on with `edgezoo run --resume {path}`"
        )
    report, scores = msgspec.json.decode(file.read_bytes(), type=export.Report), run.metrics()["test"]
    problems = (*pipeline.shortfalls(run.recipe, scores), *report.problems)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), _colour_terminal():
        print_result(pipeline.Result(run, scores, report, problems))
    console = Console(record=True, width=_WIDTH, file=io.StringIO())
    console.print(Text.from_ansi(printed.getvalue()))
    command = rundir.read_json(run.path / "environment.json")["command"].split(" ")
    return _without_web_fonts(console.export_svg(title=" ".join(["edgezoo", *command[1:]])))


@contextlib.contextmanager
def _colour_terminal():
    """Has Rich write for a terminal of the picture's width, wherever the output goes."""
    before = dict(os.environ)
    os.environ.update(FORCE_COLOR="1", COLUMNS=str(_WIDTH), TERM="xterm-256color", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _without_web_fonts(svg):
    """Without the fonts that Rich has a viewer fetch; `monospace` takes their place."""
    return re.sub(r"\s*@font-face\s*{[^}]*}", "", svg)


def main(arguments=None):
    """Write the table or the picture, or check the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m recipes.readme", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="tell whether the table is current; write nothing"
    )
    parser.add_argument("--picture", metavar="RUN", help="draw a finished run instead")
    options = parser.parse_args(arguments)
    if options.picture:
        files.write_text(PICTURE, picture(options.picture))
        return 0
    text = README.read_text(encoding="utf-8")
    current = updated(text, results.read())
    if options.check:
        if current != text:
            print("README.md is not current: run `python -m recipes.readme`.", file=sys.stderr)
        return int(current != text)
    files.write_text(README, current)
    return 0


if __name__ == "__main__":
    sys.exit(main())
