"""The trials that no other beats in every objective, and their picture."""

import itertools

from recipes import plots

_WIDE, _HIGH = 20, 12  # pixels that a trial's name takes
_NAMED = 3  # of trials that lie on one another


def front(records, objectives):
    """The records that no other equals in all objectives and beats in one, sorted by the first objective."""
    costs = {r.trial: [o.cost(r.objectives[o.name]) for o in objectives] for r in records}

    def dominated(record):
        own = costs[record.trial]
        return any(
            other != own and all(c <= o for c, o in zip(other, own, strict=True)) for other in costs.values()
        )

    kept = [record for record in records if not dominated(record)]
    return sorted(kept, key=lambda record: costs[record.trial])


def draw(path, records, kept, objectives, default):
    """All trials and their front, a panel for each pair of objectives.

    Args:
        path: Of the PNG.
        records: Of completed trials.
        kept: Those of the front.
        objectives: Two or more `recipes.tuning.objectives.Objective`s.
        default: The record of the recipe as it is, or `None`.
    """
    import numpy as np

    pairs = list(itertools.combinations(objectives, 2))
    figure, axes = plots.blank(1, len(pairs), (5.2 * len(pairs), 4.2))
    for axis, (x, y) in zip(np.ravel(axes), pairs, strict=True):
        _panel(axis, records, kept, x, y)
        if default:
            point = [default.objectives[o.name] for o in (x, y)]
            axis.plot(*point, "s", color="black", mfc="none", ms=11, label="the recipe as it is")
        axis.legend(frameon=False, fontsize=8)
    plots.save(figure, path)


def _panel(axis, records, kept, x, y):
    points = [(r.objectives[x.name], r.objectives[y.name]) for r in records]
    axis.plot(*zip(*points, strict=True), "o", color="tab:gray", alpha=0.5, ms=5, label="trials")
    shown = sorted(front(kept, (x, y)), key=lambda record: record.objectives[x.name])  # of these two alone
    line = [(r.objectives[x.name], r.objectives[y.name]) for r in shown]
    axis.plot(*zip(*line, strict=True), "o-", color="tab:red", ms=6, label="front", drawstyle=_steps(x, y))
    for scale, objective in ((axis.set_xscale, x), (axis.set_yscale, y)):
        values = [r.objectives[objective.name] for r in records]
        if not objective.higher_is_better and min(values) > 0 and max(values) > 3 * min(values):
            scale("log")
    arrows = {True: "more is better", False: "less is better"}
    axis.set(
        xlabel=f"{x.name.replace('_', ' ')} ({arrows[x.higher_is_better]})",
        ylabel=f"{y.name.replace('_', ' ')} ({arrows[y.higher_is_better]})",
    )
    axis.grid(alpha=0.3)
    _name(axis, [record.trial for record in shown], line)


def _name(axis, names, places):
    """The trials' names beside their points; points too close for names of their own share one."""
    seen = axis.transData.transform(places)
    groups = []
    for name, place, spot in zip(names, places, seen, strict=True):
        near = next((g for g in groups if abs(g[1] - spot)[0] < _WIDE and abs(g[1] - spot)[1] < _HIGH), None)
        if near:
            near[2].append(name)
        else:
            groups.append((place, spot, [name]))
    for place, _, together in groups:
        more = f" and {len(together) - _NAMED} more" if len(together) > _NAMED else ""
        text = ", ".join(together[:_NAMED]) + more
        axis.annotate(text, place, (4, 5), textcoords="offset points", fontsize=7)


def _steps(x, y):
    """How the line goes from one point to the next, so that all it leaves out is beaten."""
    return "steps-post" if x.higher_is_better is False else "steps-pre"
