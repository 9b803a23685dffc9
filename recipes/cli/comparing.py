"""`edgezoo compare`, and `edgezoo evaluate` over folds and seeds."""

import pathlib
import re
from typing import Annotated

import typer

from recipes.cli import files, output

MOST_SEEDS = 1000


def compare(
    targets: Annotated[
        list[pathlib.Path],
        typer.Argument(
            metavar="RUN|FILE…",
            help="Runs' directories, .tflite or .keras files; the first is what the others are held against.",
        ),
    ],
    recipe: files.RecipeOption = None,
    level: Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")] = 0.95,
    as_json: files.Json = False,
):
    """Compare runs or files on the same test examples: difference, interval, and whether it shows anything.

    Runs of one recipe that differ in their seeds are taken together. What the headline can be bought with, such as
    the bits of a compressed picture, is compared beside it.

    Example: `edgezoo compare runs/a/export/float32.tflite runs/a/export/int8.tflite`,
    `edgezoo compare runs/lenet5_mnist-seed* runs/dense_mnist-seed*`
    """
    from recipes import parts, pipeline
    from recipes.statistics import comparing

    chosen = []
    for path in targets:
        found, predict = files.predictor(path, recipe)
        parts.check_scored(found, files.inputs_of(predict), path)
        chosen.append(comparing.Target(path, found, predict))
    comparing.check(chosen)
    with output.progress(quiet=as_json) as progress:
        data = pipeline.prepare(chosen[0].recipe, progress)
        groups = comparing.grouped(chosen, data, progress)
        compared = comparing.compare(groups, level)
    if as_json:
        output.print_json(_content(groups, compared, level))
        return
    _print(groups, compared, level)


def _content(groups, compared, level):
    import dataclasses

    from recipes import tasks

    return {
        "metric": tasks.get(groups[0].targets[0].recipe.task).HEADLINE,
        "examples": groups[0].values.shape[1],
        "level": level,
        "groups": [_group(group) for group in groups],
        "comparisons": [dataclasses.asdict(each) | {"verdict": each.verdict} for each in compared],
    }


def _group(group):
    (_, headline), *beside = group.spreads.items()
    return {
        "name": group.name,
        "targets": [str(target.path) for target in group.targets],
        **_reached(headline),
        "beside": {name: _reached(found) for name, found in beside},
    }


def _reached(found):
    return {"values": list(found.values), "mean": found.mean, "sd": found.sd}


def _print(groups, compared, level):
    from recipes.statistics.intervals import RESAMPLES

    headline, *beside = groups[0].spreads
    judged = any(each.disagreement for each in compared)
    counts = [">only right here / there"] if judged else []
    verdicts = [
        [*([_mcnemar(each.disagreement)] if judged else []), each.verdict] for each in compared
    ]  # those of the headline alone
    caption = (
        f"Paired bootstrap over {groups[0].values.shape[1]:,} test examples, {RESAMPLES:,} resamples, BCa; "
        "it does not know of other seeds."
    )
    _table(groups, headline, level, [each.difference for each in compared], [*counts, ""], verdicts, caption)
    for name in beside:
        _table(groups, name, level, [each.beside[name] for each in compared])
    for each in compared:
        if each.overlap and each.difference.shows_a_difference:
            output.say(
                f"{each.name} comes out {each.verdict}, but the ranges over seeds overlap: other seeds may "
                "turn it round.",
                "warning: ",
                "yellow",
            )


def _table(groups, measure, level, intervals, columns=(), cells=None, caption=None):
    """What each group reaches in a measure, and how far that is from the first, with more `cells` behind."""
    cells = cells or [[] for _ in intervals]
    blank = [""] * (len(columns) - 1) + ["compared with"] if columns else []
    rows = [[groups[0].name, _told(groups[0], measure), "", "", *blank]]
    for group, found, more in zip(groups[1:], intervals, cells, strict=True):
        interval = f"{found.low:+.4f} to {found.high:+.4f}"
        rows.append([group.name, _told(group, measure), f"{found.value:+.4f}", interval, *more])
    titles = ["", f">{measure}", ">difference", f">{100 * level:g} % interval", *columns]
    output.table(None, titles, rows, caption=caption)


def _told(group, measure):
    found = group.spreads[measure]
    return str(found) if len(group.targets) > 1 else f"{found.mean:.4f}"


def _mcnemar(found):
    return "" if found is None else f"{found.second} / {found.first}, McNemar p {found.p_value:.2g}"


def repeat(names, folds, seeds, values, folder, as_json, strategy=None):
    """Run recipes over folds or seeds, and print and write what came out.

    Args:
        names: Of recipes.
        folds: Number of folds, or None.
        seeds: Text such as `0..4`, or None.
        values: `key=value` texts.
        folder: Where runs lie and new ones go.
        as_json: Print JSON.
        strategy: As `--strategy` was given, or `None`.
    """
    from recipes import registry
    from recipes.errors import RecipeError

    if folds is not None and seeds is not None:
        raise RecipeError("give --folds or --seeds; the seed of a cross-validation is given by --set seed=N")
    numbers = _seeds(seeds) if seeds is not None else ()
    assignments = registry.parse_assignments(values or [])
    if seeds is not None and "seed" in assignments:
        raise RecipeError("give --seeds or --set seed=N, not both")
    chosen = [registry.get(name, **assignments) for name in names]
    output.load_keras()
    from recipes.statistics import repeating

    repeating.check_comparable(chosen)
    planned = [
        repeating.over_folds(each, folds, folder)
        if folds is not None
        else repeating.over_seeds(each, numbers, folder)
        for each in chosen
    ]
    with output.progress(quiet=as_json) as progress:
        done = [repeating.measure(each, progress, strategy) for each in planned]
    label = f"seed{chosen[0].seed}-{folds}folds" if folds is not None else f"seeds{seeds}".replace("..", "-")
    file = folder / "evaluations" / f"{'-'.join(each.name for each in chosen)}-{label}"
    content = repeating.report(done, "seeds" if folds is None else "folds", file)
    if as_json:
        output.print_json(content | {"file": f"{file}.json", "plot": f"{file}.png"})
    else:
        _print_repeated(content, file)


def _print_repeated(content, file):
    metric = content["metric"]
    for name, found in content["recipes"].items():
        rows = [
            [metric_name, *(f"{score[metric_name]:.4f}" for score in found["test"]), *_summary(summary)]
            for metric_name, summary in found["summary"].items()
        ]
        runs = [f">{pathlib.Path(path).name.removeprefix(f'{name}-')}" for path in found["runs"]]
        output.table(f"{name} over {content['by']}", ["metric", *runs, ">mean", ">sd", ">min", ">max"], rows)
    output.say(f"The headline is {metric}. Table and plot: {file}.json, {file}.png")
    for text in content["rankings"]:
        output.say(text)
    for text in content["warnings"]:
        output.say(text, "warning: ", "yellow")


def _summary(found):
    return ["–" if found[key] is None else f"{found[key]:.4f}" for key in ("mean", "sd", "min", "max")]


def _seeds(text):
    """`0..4` or `0,3,7` as numbers."""
    from recipes.errors import RecipeError

    seeds = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:\.\.(\d{1,10}))?\s*", part)
        first, last = (int(end) for end in (match[1], match[2] or match[1])) if match else (1, 0)
        if not 0 <= last - first < MOST_SEEDS or last >= 2**31:
            raise RecipeError(f"--seeds {text}: {part!r} is no seed or range of seeds. Give 0..4, or 0,3,7")
        seeds += range(first, last + 1)
    if len(set(seeds)) < len(seeds):
        raise RecipeError(f"--seeds {text}: a seed is given twice")
    return seeds
