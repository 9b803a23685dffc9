"""Pictures of results: the spread over runs, and how far probabilities can be believed."""

import numpy as np

from recipes import plots
from recipes.statistics.reliability import from_bins

_BLUE, _RED = "tab:blue", "tab:red"


def spreads(path, found, metric, by):
    """A row a recipe: a dot a run, a bar at the mean, its standard deviation as whiskers.

    Args:
        path: Of the PNG.
        found: A dict from recipe to a `spread.Spread`.
        metric: What the values are.
        by: What the runs differ in, `folds` or `seeds`.
    """
    figure, axis = plots.blank(1, 1, (6.5, 1.3 + 0.7 * len(found)))
    for place, spread in enumerate(found.values()):
        heights = place + np.linspace(-0.15, 0.15, len(spread.values))  # equal values stay apart
        axis.scatter(spread.values, heights, color=_BLUE, s=24, alpha=0.8, linewidths=0, zorder=3)
        axis.errorbar(
            spread.mean, place, xerr=spread.sd, color="black", capsize=5, marker="|", markersize=18, zorder=2
        )
    axis.set_yticks(range(len(found)), list(found))
    axis.set_ylim(len(found) - 0.5, -0.5)
    axis.set(xlabel=f"{metric.replace('_', ' ')}: {by}, mean and standard deviation")
    axis.xaxis.get_major_formatter().set_useOffset(False)
    axis.grid(axis="x", alpha=0.3)
    plots.save(figure, path)


def reliability(path, found):
    """How often the named class is right by how sure it is, in bins; below, how many examples each holds.

    Args:
        path: Of the PNG.
        found: By file what `reliability.measured` gave, `before` and `after`.
    """
    drawn = [
        (f"{file}, {when}", from_bins(part["bins"]))
        for file, pair in found.items()
        for when, part in pair.items()
    ]
    figure, axes = plots.blank(2, len(drawn), (3 * len(drawn), 4.4))
    for column, (title, each) in enumerate(drawn):
        _accuracies(axes[0, column], each, title)
        _counts(axes[1, column], each)
    for row, label in zip(axes, ("share that is right", "examples"), strict=True):
        row[0].set_ylabel(label)
        for axis in row[1:]:
            axis.sharey(row[0])
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    plots.save(figure, path)


def _accuracies(axis, found, title):
    width = 1 / len(found.counts)
    middles = (np.arange(len(found.counts)) + 0.5) * width
    held = found.counts > 0
    axis.bar(
        middles[held],
        found.accuracies[held],
        width,
        color=_BLUE,
        edgecolor="white",
        label="share of a bin that is right",
    )
    axis.plot(
        found.confidences[held], found.accuracies[held], ".", color=_RED, label="at the bin's mean confidence"
    )
    axis.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.set_title(f"{title}\nexpected calibration error {100 * found.error:.2f} %", fontsize=9)


def _counts(axis, found):
    width = 1 / len(found.counts)
    axis.bar(
        (np.arange(len(found.counts)) + 0.5) * width, found.counts, width, color="grey", edgecolor="white"
    )
    axis.set(xlim=(0, 1), xlabel="confidence", yscale="log")
