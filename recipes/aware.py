"""`aware.csv` and `docs/quantization_aware.md`: what fine-tuning with simulated integers is worth.

python -m recipes.aware OUT RUN…    fine-tune finished runs under OUT, and take their figures over
python -m recipes.aware             write the page from the table
"""

import pathlib
import shutil
import sys

import msgspec

from recipes import files, rundir

FILE = pathlib.Path(__file__).with_name("aware.csv")
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "quantization_aware.md"
COLUMNS = (
    "recipe",
    "metric",
    "float",
    "after",
    "aware",
    "aware_file",
    "exact",
    "within_one",
    "largest",
    "same_class",
    "seed",
    "learnt_from",
)
_AT_ONCE = 256  # examples that are compared
_TOP = """# Quantisation-aware training

Written by `python -m recipes.aware OUT RUN…` from finished runs: each trained model is fine-tuned with
simulated integers for a few epochs (`--set quantization=aware`), exported, and both are scored on the test
split. `float` is the model before, `int8 after` its file quantised after training, `int8 aware` that of the
fine-tuned model, which learnt from the `labels` alone or from what the model gave in `float`
(`awareness.distillation`). The last four columns compare the fine-tuned Keras model with its file on the test split,
in steps of the file's 8-bit outputs: how many are the same, how many at most one step apart, the largest
distance, and how often both choose the same class; of a file with several signatures, in the one where they
agree least.

| recipe | metric | float | int8 after | int8 aware | learnt from | same | within 1 step | largest | same class |
|---|---|---|---|---|---|---|---|---|---|
"""


def read():
    """The rows of the shipped table, dicts of text; empty where there is none."""
    return files.read_csv(FILE)


def begin(finished, folder):
    """A run under `folder` that goes on from a finished one with simulated integers; made once."""
    path = pathlib.Path(folder) / f"{finished.path.name}-aware"
    if not (path / "recipe.json").exists():
        precisions = ("float32", finished.recipe.awareness.precision)
        recipe = msgspec.structs.replace(finished.recipe, quantization="aware", precisions=precisions)
        run = rundir.create(path, recipe)
        shutil.copy(finished.model_file, run.float_file)
    return rundir.open_run(path)


def measure(finished, folder, progress=None):
    """Fine-tune a finished run's model, and the row of the table."""
    from recipes import pipeline, tasks
    from recipes.training import tuning_integers

    run = begin(finished, folder)
    result = pipeline.finish(run, progress)
    metric, precision = tasks.get(run.recipe.task).HEADLINE, run.recipe.awareness.precision
    after = rundir.read_json(finished.path / "export" / "report.json")["files"]
    found = _simulation(run, precision, progress)
    return {
        "recipe": run.recipe.name,
        "metric": metric,
        "float": _short(result.metrics[f"float_{metric}"]),
        "after": _short(next(f["metrics"][metric] for f in after if f["precision"] == precision)),
        "aware": _short(result.metrics[metric]),
        "aware_file": _short(result.report.file(precision).metrics[metric]),
        "exact": f"{found.exact:.5f}",
        "within_one": f"{found.within_one:.5f}",
        "largest": found.largest,
        "same_class": "" if found.same_class is None else f"{found.same_class:.5f}",
        "seed": run.recipe.seed,
        "learnt_from": "float" if tuning_integers.teacher_of(run.recipe, None) else "labels",
    }


def _simulation(run, precision, progress):
    """How closely the file does what training simulated; of several signatures, the one that does it least."""
    import export
    from recipes import pipeline, tasks

    data, model = pipeline.prepare(run.recipe, progress), run.model()
    file, task = run.path / "export" / f"{precision}.tflite", tasks.get(run.recipe.task)
    context, size = tasks.Context(run.recipe, data), len(data.test.y)

    def inputs(start, stop):
        return task.signature_inputs(model, context.images(data.test.take(range(start, stop))), run.recipe)

    if not getattr(model, "signatures", None):
        parts = (inputs(start, min(start + _AT_ONCE, size)) for start in range(0, size, _AT_ONCE))
        return export.simulation(model, file, (batch for part in parts for batch in part))
    whole = inputs(0, size)
    found = [export.simulation(model, file, whole[name], name) for name in model.signatures]
    return min(found, key=lambda one: (one.within_one, one.exact))


def take_over(row):
    """Put a row into the table, in the place of the recipe's last one."""
    rows = {known["recipe"]: known for known in read()} | {row["recipe"]: row}
    files.write_csv(FILE, (rows[name] for name in sorted(rows)), COLUMNS)


def page():
    """The text of the page."""
    return _TOP + "".join(_line(row) for row in read())


def _line(row):
    shown = (
        row["recipe"],
        row["metric"],
        *(f"{float(row[name]):.4f}" for name in ("float", "after", "aware_file")),
        row["learnt_from"],
        *(f"{100 * float(row[name]):.2f} %" for name in ("exact", "within_one")),
        row["largest"],
        f"{100 * float(row['same_class']):.2f} %" if row["same_class"] else "–",
    )
    return f"| {' | '.join(shown)} |\n"


def _short(value):
    return f"{value:.5g}"


def main(arguments):
    if arguments:
        from recipes.cli import output

        output.load_keras()
        folder, *runs = arguments
        for path in runs:
            with output.progress() as progress:
                take_over(measure(rundir.open_run(path), folder, progress))
    files.write_text(PAGE, page())


if __name__ == "__main__":
    main(sys.argv[1:])
