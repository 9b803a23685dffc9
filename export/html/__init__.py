"""The report as one HTML page that needs nothing else: no network, no script."""

from pathlib import Path

from ..choosing import choose
from ..costs import operator_costs
from ..markdown import how, remarks
from . import charts, graph, page, tables


def to_html(report, folder):
    """The report as a page for people, in light and dark.

    Args:
        report: A `Report`.
        folder: Where its files lie, to draw their operators from.

    Returns:
        The page's text.
    """
    choice = choose(report)
    shown = choice.file or report.files[0].file
    parts = [
        page.callout(choice.text, report.problems),
        page.section("Files", charts.tradeoff(report, choice.file) + tables.files(report, choice.file)),
        page.section("Worth knowing", page.sentences(remarks(report))),
        page.section("Where precision is lost", _lost(report, shown), tables.LOST),
        page.section("Operators and their cost", _graphs(report, Path(folder), shown), graph.ABOUT),
        page.section("How this was measured", page.sentences(how(report))),
    ]
    return page.whole(report.name, "".join(parts))


def _lost(report, shown):
    """The worst layers of each file that was explained, that of the file to ship open."""
    return "".join(
        page.folded(f"{file.file}, {_named(found, file)}", tables.layers(found), file.file == shown)
        for file in report.files
        for found in file.explanations
    )


def _named(explanation, file):
    samples = f"over {explanation.samples} samples"
    return samples if len(file.explanations) == 1 else f"{explanation.signature}, {samples}"


def _graphs(report, folder, shown):
    return "".join(
        page.folded(_counted(file), _graph(file, folder), file.file == shown) for file in report.files
    )


def _counted(file):
    return f"{file.file}, {sum(file.contents.operators.values())} operators"


def _graph(file, folder):
    errors = {layer.tensor: layer.own_error for found in file.explanations[:1] for layer in found.layers}
    return graph.draw(operator_costs(folder / file.file), errors, file.benchmark.profile)
