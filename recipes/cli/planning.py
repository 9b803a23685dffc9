"""`edgezoo plan`."""

from typing import Annotated

import typer

from recipes.cli import output
from recipes.cli.options import Json

Recipe = Annotated[str, typer.Argument(help="A name that `edgezoo list` shows.")]
Topology = Annotated[
    str, typer.Option(metavar="KIND:SHAPE", help="The TPU, such as v5e:2x2, v5e:4x4, v6e:2x2 or v5p:2x2x1.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a value, such as batch_size=4096."),
]
Search = Annotated[
    bool, typer.Option("--search/--no-search", help="Look for the largest batch that fits, too.")
]
Limit = Annotated[int, typer.Option(min=1, metavar="SECONDS", help="Give up after so long.")]

_LOWERED = (
    "This proves that each operation of the step exists for a TPU and that the shapes fit together. It says "
    "nothing of memory or time: those come from the TPU's compiler, which is not installed here. "
)


def plan(
    recipe: Recipe,
    topology: Topology = "v5e:2x2",
    values: Set = None,
    search: Search = True,
    limit: Limit = 3600,
    as_json: Json = False,
):
    """Compile a recipe's training step for a TPU, without one: memory, exchanges, time, the largest batch.

    The exit status is 1 if the step does not fit. No data are needed, and none are downloaded, for the data
    sets that `edgezoo list datasets` shows.

    Example: `edgezoo plan resnet8_cifar10 --topology v5e:4x4 --set batch_size=1024`
    """
    from recipes import planning, registry

    chosen = registry.get(recipe, **registry.parse_assignments(values or []))
    with output.progress(quiet=as_json) as progress:
        made = planning.plan(chosen, topology, search, limit, progress)
    if as_json:
        import msgspec

        output.print_json(msgspec.to_builtins(made) | {"fits": made.fits})
    else:
        _print(made)
    raise typer.Exit(1 if made.fits is False else 0)


def _print(plan):
    title = f"{plan.recipe} on {plan.topology} ({plan.accelerator_type}): {_verdict(plan)}"
    output.table(title, ["what", "value"], [*_rows(plan)], caption=_caption(plan))
    for note in plan.notes:
        output.say(note, "note: ", "bold")
    if plan.fits is False:
        output.say(_advice(plan), "next: ", "bold")
    if plan.facts is None:
        from recipes.planning.planner import EXTRA

        output.say(f"{_LOWERED}Install it: {EXTRA}", "note: ", "bold")


def _verdict(plan):
    return {True: "fits", False: "does not fit", None: "lowered for a TPU, not compiled"}[plan.fits]


def _rows(plan):
    hosts = "one host" if plan.hosts == 1 else f"{plan.hosts} hosts, a process on each"
    yield "chips", f"{plan.chips}, on {hosts}"
    yield "global batch", f"{plan.batch_size:,}, {plan.batch_size // plan.chips:,} a chip"
    yield "parameters", f"{plan.parameters:,}"
    yield "variables of the training, a copy a chip", output.bytes_text(plan.state_bytes)
    if facts := plan.facts:
        yield "HBM a chip", f"{_gib(facts.hbm_bytes)} of {_gib(facts.limit_bytes)} that a program may use"
    if plan.fits:
        yield from _compiled_rows(plan)
    if plan.largest:
        yield "largest global batch that fits", _largest(plan.largest)


def _compiled_rows(plan):
    facts, times = plan.facts, plan.estimate
    yield "FLOPs a step and chip", f"{facts.flops:.4g}"
    yield "bytes moved a step and chip", output.bytes_text(facts.bytes_moved)
    for each in facts.collectives:
        yield f"{each.kind} a step", f"{each.count}, together {output.bytes_text(each.bytes)}"
    if not facts.collectives:
        yield "exchanges between chips", "none"
    yield "time a step, an estimate", f"{_time(times.seconds)}, bound by {times.bound}"
    yield "images a second, an estimate", f"{times.images_per_second:,.0f}"


def _largest(found):
    tries = f"{found.compilations} compilation{'s' if found.compilations > 1 else ''}"
    if found.whole_split:
        return f"{found.batch_size:,}, the whole training split ({tries})"
    if not found.batch_size:
        return f"none: {found.too_large:,} is too large already ({tries})"
    return f"{found.batch_size:,}; {found.too_large:,} does not ({tries})"


def _caption(plan):
    if not plan.estimate:
        return None
    return (
        "The estimate is a roofline from the chip's published peaks: what is slowest of computing, moving bytes "
        "and exchanging them. Starting and feeding a step is not in it; of the bytes moved, the compiler counts "
        "those that stay in memory on the chip too."
    )


def _advice(plan):
    batch = plan.batch_to_try
    if not batch:
        return "no batch fits: take a larger chip, or a smaller architecture"
    sure = "" if plan.largest else ", which memory suggests and nothing has proved yet"
    return f"--set batch_size={batch}{sure}; or more chips, or a larger kind of chip"


def _gib(count):
    return f"{count / 2**30:.4g} GiB" if count >= 2**30 else f"{count / 2**20:.4g} MiB"


def _time(seconds):
    for unit, name in ((1, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds * 1e9:.3g} ns"
