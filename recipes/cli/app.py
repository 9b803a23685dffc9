"""The verbs, in the order in which they are met."""

import typer

from recipes.cli import files, listing, predicting, running

app = typer.Typer(
    name="edgezoo",
    help="Train a recipe, export it to the edge at every precision, and prove each file.\n\n"
    "Start with: edgezoo run lenet5_digits",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")):
    """Train a recipe, export it to the edge at every precision, and prove each file."""


app.command("list")(listing.list_)
app.command("show")(listing.show)
app.command("run")(running.run)
app.command("train")(running.train)
app.command("evaluate")(files.evaluate)
app.command("export")(files.export)
app.command("benchmark")(files.benchmark)
app.command("predict")(predicting.predict)
