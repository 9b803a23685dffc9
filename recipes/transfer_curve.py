"""`transfer.csv` and `docs/transfer.md`: what weights from another data set are worth, by the number of examples.

python -m recipes.transfer_curve OUT RUN…    fine-tune the sources' runs under OUT, and take the figures over
python -m recipes.transfer_curve             write the page and its picture from the table
"""

import dataclasses
import pathlib
import statistics
import sys

from recipes import files, registry, rundir

FILE = pathlib.Path(__file__).with_name("transfer.csv")
PAGE = pathlib.Path(__file__).parents[1] / "docs" / "transfer.md"
PICTURE = PAGE.with_name("transfer.png")
COLUMNS = ("recipe", "source", "model", "examples", "epochs", "seed", "fine_tuned", "from_scratch")
SEEDS = (0, 1, 2)
_STEPS, _EPOCHS, _BATCH = 300, 10, 16  # at least so many steps and epochs, whatever the number of examples
_TOP = """# Fine-tuning by the number of examples

Written by `python -m recipes.transfer_curve OUT RUN…`. Each row trains one network twice on the same examples
of a training split, validation among them, for the same epochs at the same learning rate: once with the
weights of the source (but for its last layer, where classes differ), once from scratch. Accuracy on the whole
test split, taken once a run; the mean over the seeds, which choose the examples too, and the range. The
first source has seen digits like those that are learnt; the second has seen clothes.

![accuracy by the number of examples](transfer.png)

| recipe | source | network | examples | epochs | fine-tuned | from scratch | gain | seeds |
|---|---|---|---:|---:|---:|---:|---:|---:|
"""


@dataclasses.dataclass(frozen=True)
class Pair:
    """A recipe that is learnt from few examples, and the recipe whose weights it begins with."""

    recipe: str
    source: str
    sizes: tuple[int, ...]


PAIRS = (
    Pair("lenet5_digits", "lenet5_mnist", (50, 100, 300, 1000)),
    Pair("lenet5_mnist", "lenet5_modern_fashion_mnist", (100, 300, 1000, 3000)),
)


def read():
    """The rows of the shipped table, dicts of text; empty where there is none."""
    return files.read_csv(FILE)


def measure(pair, source, examples, seed, out, progress=None):
    """Train one network both ways, or take what was trained, and return the row of the table.

    Args:
        pair: A `Pair`.
        source: A run of its source, a `recipes.rundir.Run`.
        examples: How many of the training split.
        seed: Of the examples and of everything random.
        out: Folder of the runs.
        progress: Called as `progress(stage, done, total)`.
    """
    from recipes import pipeline

    path = pathlib.Path(out) / f"{pair.recipe}-from-{pair.source}-{examples}-seed{seed}"
    if not (path / "recipe.json").exists():
        pipeline.start(_recipe(pair, source, examples, seed), path, progress)
    run = rundir.open_run(path)
    pipeline.train(run, progress)
    scores = pipeline.evaluate(run, progress)["test"]
    figures = (run.recipe.epochs, seed, f"{scores['accuracy']:.5g}", f"{scores['from_scratch_accuracy']:.5g}")
    return dict(zip(COLUMNS, (pair.recipe, pair.source, run.recipe.model, examples, *figures), strict=True))


def _recipe(pair, source, examples, seed):
    steps = max(1, int(0.9 * examples) // _BATCH)  # an epoch; a tenth is for validation
    return registry.get(
        pair.recipe,
        model=source.recipe.model,
        examples=examples,
        seed=seed,
        validation=0.1,
        batch_size=_BATCH,
        epochs=max(_EPOCHS, -(-_STEPS // steps)),
        **{
            "optimizer.learning_rate": 1e-3,
            "transfer.source": str(source.path),
            "transfer.compare": True,
        },
    )


def take_over(row):
    """Put a row into the table, in the place of the last one of the same network, examples and seed."""
    rows = {_key(known): known for known in read()} | {_key(row): {k: str(v) for k, v in row.items()}}
    files.write_csv(FILE, (rows[key] for key in sorted(rows)), COLUMNS)


def _key(row):
    return row["recipe"], row["source"], int(row["examples"]), int(row["seed"])


def curves():
    """By `(recipe, source)`, and by the number of examples, the rows of all seeds."""
    found = {}
    for row in read():
        sizes = found.setdefault((row["recipe"], row["source"]), {})
        sizes.setdefault(int(row["examples"]), []).append(row)
    return found


def page():
    """The text of the page."""
    return _TOP + "".join(
        _line(size, rows) for sizes in curves().values() for size, rows in sorted(sizes.items())
    )


def _line(size, rows):
    first = rows[0]
    tuned, scratch = ([float(row[name]) for row in rows] for name in ("fine_tuned", "from_scratch"))
    gain = statistics.mean(tuned) - statistics.mean(scratch)
    shown = (
        f"`{first['recipe']}`",
        f"`{first['source']}`",
        first["model"],
        size,
        first["epochs"],
        _spread(tuned),
        _spread(scratch),
        f"{gain:+.3f}",
        len(rows),
    )
    return f"| {' | '.join(map(str, shown))} |\n"


def _spread(values):
    return f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"


def draw(path):
    """The accuracy by the number of examples, one picture a pair."""
    from recipes import plots

    found = curves()
    figure, axes = plots.blank(1, len(found), (5 * len(found), 3.6))
    for axis, ((recipe, source), sizes) in zip(getattr(axes, "flat", [axes]), found.items(), strict=True):
        for name, label in (("fine_tuned", f"from {source}"), ("from_scratch", "from scratch")):
            numbers = sorted(sizes)
            values = [[float(row[name]) for row in sizes[size]] for size in numbers]
            (line,) = axis.plot(numbers, [statistics.mean(v) for v in values], marker="o", label=label)
            axis.fill_between(
                numbers, [min(v) for v in values], [max(v) for v in values], color=line.get_color(), alpha=0.2
            )
        axis.set(xscale="log", xlabel="training examples", ylabel="accuracy, test split", title=recipe)
        axis.set_xticks(numbers, numbers)
        axis.minorticks_off()
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    plots.save(figure, path)


def main(arguments):
    if arguments:
        from recipes.cli import output

        output.load_keras()
        out, *paths = arguments
        runs = {run.recipe.name: run for run in map(rundir.open_run, paths)}
        for pair in PAIRS:
            for size in pair.sizes if pair.source in runs else ():
                for seed in SEEDS:
                    with output.progress() as progress:
                        take_over(measure(pair, runs[pair.source], size, seed, out, progress))
    files.write_text(PAGE, page())
    draw(PICTURE)


if __name__ == "__main__":
    main(sys.argv[1:])
