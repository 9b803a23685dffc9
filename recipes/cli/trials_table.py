"""A search as people watch it: a table of its trials while it runs, and what it came to."""

import contextlib

from recipes.cli import output

_ROWS = 14  # of the newest trials, in a table that is redrawn
_INTERVAL = 1.0  # seconds between two looks


@contextlib.contextmanager
def watching(search, quiet=False):
    """Show the trials of `search` within the block: a live table on a terminal, a line a trial elsewhere."""
    from rich.console import Console

    if quiet:
        yield
        return
    console = Console(stderr=True)
    if console.is_terminal:
        from rich.live import Live

        with Live(get_renderable=lambda: _table(search), console=console, refresh_per_second=1):
            yield
        return
    console.print(_headline(search), highlight=False, soft_wrap=True)
    with _lines(search, console):
        yield


@contextlib.contextmanager
def _lines(search, console):
    """A line for each trial that ends within the block."""
    from recipes.tuning.beating import every

    told = {record.trial for record in search.records() if record.status != "running"}

    def look():
        for record in search.records():
            if record.status != "running" and record.trial not in told:
                told.add(record.trial)
                console.print(_line(search, record), highlight=False, soft_wrap=True, markup=False)

    try:
        with every(_INTERVAL, look):
            yield
    finally:
        look()


def _headline(search):
    settings = search.settings
    count = f"{settings.trials} trials" if settings.trials else "all brackets"
    names = ", ".join(search.space.dimensions)
    after = ", ".join(o.name for o in search.objectives)
    return f"{settings.recipe.name}: {settings.algorithm} search, {count}, for {after} over {names}"


def _line(search, record):
    values = ", ".join(f"{name} {value}" for name, value in record.values.items())
    if record.status == "failed":
        return f"trial {record.trial} failed: {record.error.splitlines()[0]} ({values})"
    reached = ", ".join(f"{o.name} {o.text(record.objectives[o.name])}" for o in search.objectives)
    return f"trial {record.trial}: {reached} ({values}; {record.epochs} epochs, {record.seconds:.0f} s)"


def _table(search):
    """The newest trials, and the best before them."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    records = search.records()
    best, ended = _best(search, records), sum(r.status != "running" for r in records)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("trial", "epochs", *(o.name for o in search.objectives), "s"):
        table.add_column(column, justify="right")
    for name in search.space.dimensions:
        table.add_column(name, overflow="fold")
    older = [best] if best and best not in records[-_ROWS:] else []
    for record in [*older, *records[-_ROWS:]]:
        cells = _cells(search, record)
        style = "green" if record is best else "red" if record.status == "failed" else ""
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return Group(Text(f"{_headline(search)}: {ended} ended"), table)


def _cells(search, record):
    done = str(record.epochs)
    if record.status == "running":
        done = f"{_epochs(search, record)}/{record.epochs}"
    reached = [
        o.text(record.objectives[o.name]) if record.objectives else ("failed" if record.error else "…")
        for o in search.objectives
    ]
    values = [str(record.values.get(name, "–")) for name in search.space.dimensions]
    seconds = "…" if record.status == "running" else f"{record.seconds:.0f}"
    return [record.trial, done, *reached, seconds, *values]


def _epochs(search, record):
    """How many epochs a running trial has behind it."""
    try:
        lines = (search.folder(record.trial) / "history.csv").read_text().splitlines()
    except OSError:
        return 0
    return max(0, len(lines) - 1)


def _best(search, records):
    first, found = search.objectives[0], None
    for record in records:
        if record.status == "completed" and (
            found is None or first.better(record.objectives[first.name], found.objectives[first.name])
        ):
            found = record
    return found


def print_outcome(outcome):
    """The best trial beside the recipe as it is, the front, what each value is worth, and the next command."""
    search = outcome.search
    failed = [record for record in outcome.records if record.status == "failed"]
    if outcome.best:
        _print_best(outcome)
    if outcome.front:
        _print_front(outcome)
    if outcome.gains:
        _print_gains(outcome)
    if failed:
        output.say(
            f"{len(failed)} trials failed, the last: {failed[-1].error.splitlines()[0]}", "note: ", "yellow"
        )
    output.say(f"All trials: {search.path / 'trials.csv'}")
    if outcome.best:
        output.say(f"Next: edgezoo run {outcome.recipe_file}")


def _print_best(outcome):
    search, best, default = outcome.search, outcome.best, outcome.default
    rows = [
        [o.name, o.text(best.objectives[o.name]), o.text(default.objectives[o.name]) if default else "–"]
        for o in search.objectives
    ]
    rows += [[name, best.values.get(name, "–"), search.space.own(name)] for name in search.space.dimensions]
    title = f"{search.settings.recipe.name}: trial {best.trial} is the best of {outcome.completed}"
    columns = ["", ">best trial", ">recipe as it is"]
    output.table(title, columns, rows, caption="Measured on the validation split.")


def _print_front(outcome):
    search = outcome.search
    columns = ["trial", *(f">{o.name}" for o in search.objectives), *search.space.dimensions]
    rows = [
        [
            record.trial,
            *(o.text(record.objectives[o.name]) for o in search.objectives),
            *(record.values.get(name, "–") for name in search.space.dimensions),
        ]
        for record in outcome.front
    ]
    drawn = f"Drawn in {search.path / 'front.png'}"
    output.table("Front: no other trial is better in every objective", columns, rows, caption=drawn)


def _print_gains(outcome):
    columns = ["value", "objective", ">gain", ">10 to 90 %", "best", "recipe's own"]
    texts = {objective.name: objective.text for objective in outcome.search.objectives}
    rows = [[g.name, g.objective, *_spread(texts[g.objective], g), g.best, g.own] for g in outcome.gains]
    caption = (
        "By a random forest that learnt from the trials, the other values as in the recipe; 10 to 90 % of its "
        f"trees. Drawn in {outcome.search.path / 'tunability.png'} and curves.png"
    )
    output.table("What each value is worth", columns, rows, caption=caption)


def _spread(text, gain):
    return text(gain.gain), f"{text(gain.low)} to {text(gain.high)}"
