"""Printing: tables for people, JSON for scripts, bars that show what is going on."""

import contextlib
import json
import os
import sys


def print_json(content):
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def table(title, columns, rows, caption=None):
    """Print a table. A column whose name begins with `>` is aligned to the right.

    Cells are shown as they are: a file's name may hold brackets. A `rich` object keeps its colours.
    """
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD)
    for column in columns:
        right = column.startswith(">")
        drawn.add_column(column.removeprefix(">"), justify="right" if right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(cell if hasattr(cell, "__rich_console__") else escape(str(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:  # a pipe is as wide as the table
        console = Console(width=200)
    if title:
        console.print(title, style="bold", markup=False, highlight=False)
    console.print(drawn)
    if caption:
        console.print(caption, style="dim", markup=False, highlight=False)


def say(message, lead="", style=""):
    """A line on standard error, where progress goes, after a `lead` in `style`."""
    from rich.console import Console
    from rich.text import Text

    text = Text.assemble((lead, style), message)
    Console(stderr=True, soft_wrap=True).print(text, highlight=False)


def load_keras():
    """Import Keras and its backend, without the lines that TensorFlow prints before it can be told not to."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import keras  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def progress(quiet=False):
    """Yield `progress(stage, done, total)`, drawn as bars on a terminal, as lines elsewhere.

    A `total` of 0 says that `stage` is a message.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if quiet:
        yield None
        return
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def report(stage, done, total):
            if total == 0:
                if console.is_terminal and tasks:
                    bars.update(list(tasks.values())[-1], description=stage)
                else:
                    console.print(stage, highlight=False, soft_wrap=True, markup=False)
                return
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
                if not console.is_terminal:
                    console.print(f"{stage} …", highlight=False)
            bars.update(tasks[stage], completed=done, total=total)

        yield report


def bytes_text(count):
    """Bytes as people read them: `57.3 kB` (1,000 bytes)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return ""
