"""`tpu.csv` and `docs/tpu.md`: every recipe's step, compiled for TPUs, written by the program.

python -m recipes.planning               plan the recipes that have no row yet
python -m recipes.planning RECIPE ...    plan these anew
python -m recipes.planning --check       tell whether every recipe has its rows: exit status 0 or 1

A row is written as soon as it is known, so the program can be interrupted and goes on where it was. The
largest batch is looked for where the training split is small, as large batches take long to compile.
"""

import argparse
import pathlib

from recipes import files, registry
from recipes.errors import RecipeError, TrainingError
from recipes.planning.planner import plan

PATH = pathlib.Path(__file__).resolve().parents[1] / "tpu.csv"
DOCUMENT = PATH.parents[1] / "docs" / "tpu.md"
TOPOLOGY, SEVERAL_HOSTS = "v5e:2x2", "v5e:4x4"
ON_SEVERAL_HOSTS = ("ds_cnn_spoken_digit", "resnet8_cifar10")
SEARCHED = (
    "anomaly_ecg",
    "ds_cnn_spoken_digit",
    "lenet5_digits",
)  # few examples: soon compiled for all at once
COLUMNS = (
    "recipe",
    "topology",
    "hosts",
    "batch_size",
    "parameters",
    "result",
    "hbm_bytes",
    "limit_bytes",
    "flops",
    "bytes_moved",
    "collectives",
    "seconds",
    "images_per_second",
    "bound",
    "largest_batch_size",
    "whole_split",
    "compilations",
    "compile_seconds",
    "jax",
    "libtpu",
)
FITS, DOES_NOT_FIT = "fits", "does not fit"
INTRODUCTION = (
    "Written by `python -m recipes.planning`: the training step of each recipe (augmentation, model, loss,",
    "gradients, optimiser, metrics), data parallel over the chips, compiled by the TPU's own compiler on a machine",
    "without a TPU. Memory, FLOPs and bytes are the compiler's, for one chip and one step of the recipe's own",
    "global batch. Bytes moved are those of all operations, also where they stay in memory on the chip.",
    "",
    "**Time is an estimate**, a roofline from [published peaks](https://cloud.google.com/tpu/docs/v5e): what is",
    "slowest of computing, moving bytes and exchanging them. Starting and feeding a step are not in it, and with",
    "models this small they are most of it. Nothing here was measured on a TPU.",
)


def wanted():
    """`(recipe, topology)` of all rows that the table has to have."""
    pairs = [(name, TOPOLOGY) for name in registry.names()]
    return [*pairs, *((name, SEVERAL_HOSTS) for name in ON_SEVERAL_HOSTS)]


def read():
    """The rows, dicts of text; empty where there is no table."""
    return files.read_csv(PATH)


def write(row):
    """Put a row into the table, in the place of the one for the same recipe and topology, and write the page."""
    rows = [other for other in read() if _key(other) != _key(row)] + [row]
    rows.sort(key=lambda each: (each["topology"] != TOPOLOGY, each["recipe"]))
    files.write_csv(PATH, rows, COLUMNS)
    files.write_text(DOCUMENT, document(read()))


def measured(name, topology, limit, progress=None):
    """The row of one recipe; where there is no plan, why."""
    searched = name in SEARCHED and topology == TOPOLOGY
    try:
        return row(plan(registry.get(name), topology, searched, limit, progress))
    except (RecipeError, TrainingError) as error:
        return {"recipe": name, "topology": topology, "result": " ".join(str(error).split())[:300]}


def row(plan):
    """The row of a `Plan`."""
    found = {
        "recipe": plan.recipe,
        "topology": plan.topology,
        "hosts": plan.hosts,
        "batch_size": plan.batch_size,
        "parameters": plan.parameters,
        "result": {True: FITS, False: DOES_NOT_FIT, None: plan.proof}[plan.fits],
        **{package: plan.versions.get(package, "") for package in ("jax", "libtpu")},
    }
    if facts := plan.facts:
        found |= {
            "hbm_bytes": facts.hbm_bytes,
            "limit_bytes": facts.limit_bytes,
            "flops": f"{facts.flops:.5g}",
            "bytes_moved": f"{facts.bytes_moved:.5g}",
            "collectives": "; ".join(f"{each.count} {each.kind} {each.bytes}" for each in facts.collectives),
            "compile_seconds": facts.seconds,
        }
    if times := plan.estimate:
        rate = f"{times.images_per_second:.4g}"
        found |= {"seconds": f"{times.seconds:.4g}", "images_per_second": rate, "bound": times.bound}
    if found_batch := plan.largest:
        found |= {
            "largest_batch_size": found_batch.batch_size,
            "whole_split": int(found_batch.whole_split),
            "compilations": found_batch.compilations,
        }
    return found


def document(rows):
    """The rows as a Markdown page, a table a topology."""
    lines = ["# Every recipe on a TPU that nobody has rented yet", "", *INTRODUCTION]
    for topology in dict.fromkeys(row["topology"] for row in rows):
        own = [row for row in rows if row["topology"] == topology]
        done = [row for row in own if row["result"] in (FITS, DOES_NOT_FIT)]
        hosts = f"{done[0]['hosts']} hosts" if done and done[0]["hosts"] != "1" else "one host"
        lines += ["", f"## `{topology}`, {hosts}", "", *_table(done)]
        lines += [f"- `{row['recipe']}`: {row['result']}" for row in own if row not in done]
    there = {_key(row) for row in rows}
    missing = [f"`{name}` on `{topology}`" for name, topology in wanted() if (name, topology) not in there]
    lines += ["", f"Not compiled yet: {', '.join(missing)}."] if missing else []
    packages = {(row["jax"], row["libtpu"]) for row in rows if row["libtpu"]}
    made_by = "; ".join(f"JAX {jax}, libtpu {libtpu}" for jax, libtpu in sorted(packages))
    return "\n".join([*lines, "", f"Compiled by {made_by}." if made_by else ""]).rstrip() + "\n"


def _table(rows):
    heads = (
        *("recipe", "batch", "fits", "HBM a chip", "FLOPs", "bytes moved", "exchanges"),
        *("time a step, estimate", "images a second, estimate", "largest batch that fits", "compiled in"),
    )
    lines = [heads, [":---", *["---:"] * (len(heads) - 1)], *map(_line, rows)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _line(row):
    from recipes.cli.output import bytes_text

    fits = row["result"] == FITS
    return (
        f"`{row['recipe']}`",
        row["batch_size"],
        "yes" if fits else "**no**",
        f"{bytes_text(int(row['hbm_bytes']))} of {bytes_text(int(row['limit_bytes']))}",
        f"{float(row['flops']):.3g}" if fits else "–",
        bytes_text(float(row["bytes_moved"])) if fits else "–",
        _exchanges(row["collectives"]) if fits else "–",
        f"{float(row['seconds']) * 1e3:.3g} ms, {row['bound']}" if fits else "–",
        f"{float(row['images_per_second']):,.0f}" if fits else "–",
        _largest(row),
        f"{float(row['compile_seconds']):.0f} s",
    )


def _exchanges(text):
    from recipes.cli.output import bytes_text

    parts = [each.split(" ") for each in text.split("; ") if each]
    return ", ".join(f"{count} {kind} ({bytes_text(int(size))})" for count, kind, size in parts) or "none"


def _largest(row):
    if not row["largest_batch_size"]:
        return "not looked for"
    whole = ", all that is learnt" if row["whole_split"] == "1" else ""
    return f"{int(row['largest_batch_size']):,}{whole} ({row['compilations']} compilations)"


def _key(row):
    return row["recipe"], row["topology"]


def main(arguments=None):
    """Plan, or check; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m recipes.planning", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="RECIPE", help="recipes; those without a row by default")
    parser.add_argument("--limit", type=int, default=1800, help="seconds a recipe may take")
    parser.add_argument("--check", action="store_true", help="plan nothing; tell whether all have rows")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in registry.names()]:
        parser.error(f"there is no recipe {unknown[0]!r}; `edgezoo list recipes` shows all")
    there = {_key(row) for row in read()}
    missing = [pair for pair in wanted() if pair not in there]
    if options.check:
        named = ", ".join(f"{name} on {topology}" for name, topology in missing)
        print(f"no rows for {named}: run `python -m recipes.planning`" if missing else "complete")
        return int(bool(missing))
    for name, topology in [pair for pair in wanted() if pair[0] in options.names] or missing:
        found = measured(name, topology, options.limit)
        write(found)
        print(f"{name} on {topology}: {found['result']}", flush=True)
    return 0
