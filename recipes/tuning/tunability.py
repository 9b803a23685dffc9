"""What each searched value is worth: the gain over the recipe's own, the others left as they are.

Probst, Boulesteix and Bischl, "Tunability: Importance of Hyperparameters of Machine Learning Algorithms",
JMLR 20, 2019, section 3: a surrogate model learns from the trials how good a configuration is, and the gain of
a value is what the surrogate says of the best one in its range, less what it says of the default. Here it is a
random forest, whose trees, each grown from another sample of the trials, say how sure that is.
"""

import dataclasses

import numpy as np

from recipes import plots
from recipes.tuning.dimensions import Choice, Whole

FEWEST = 6
"""Trials below which nothing is said."""
_TREES = 300


@dataclasses.dataclass(frozen=True)
class Gain:
    """What one value is worth to one objective.

    Attributes:
        name: The value's dotted name.
        objective: The objective's name.
        own: The recipe's own value, or the nearest in range.
        best: The best in range, the others as in the recipe.
        gain: By how much it is better, in the objective's units.
        low, high: Of the gain over the trees, the 10th and the 90th percentile.
        curve: `(value, mean, low, high)` of the objective for values over the range.
    """

    name: str
    objective: str
    own: object
    best: object
    gain: float
    low: float
    high: float
    curve: tuple


def gains(search, records):
    """A `Gain` for each searched value and objective, by objective and size; none for too few trials.

    Args:
        search: A `recipes.tuning.search.Search`.
        records: Of completed trials.
    """
    if len(records) < FEWEST:
        return []
    found = []
    for objective in search.objectives:
        trees = _grown(search, records, objective)
        worth = [_gain(search, trees, objective, name, records) for name in search.space.dimensions]
        found += sorted(worth, key=lambda gain: -gain.gain)
    return found


def _grown(search, records, objective):
    from sklearn.ensemble import RandomForestRegressor

    x = np.array([_row(search.space, r.values, r.epochs) for r in records])
    y = np.array([r.objectives[objective.name] for r in records])
    forest = RandomForestRegressor(_TREES, max_features=0.7, random_state=search.settings.recipe.seed)
    return forest.fit(x, y).estimators_


def _row(space, values, epochs):
    """A configuration as numbers; a value that does not count is the recipe's own."""
    full = {name: values.get(name, space.own(name)) for name in space.dimensions}
    return [*(space.dimensions[name].position(value) for name, value in full.items()), float(epochs)]


def _gain(search, trees, objective, name, records):
    space, epochs = search.space, max(record.epochs for record in records)
    own = space.own(name)
    values = space.dimensions[name].curve()
    rows = [_row(space, space.at(name, value), epochs) for value in (own, *values)]
    said = np.array([tree.predict(np.array(rows)) for tree in trees])  # (trees, 1 + values)
    mean = said.mean(axis=0)
    best = int(np.argmax(mean) if objective.higher_is_better else np.argmin(mean))
    by_tree = objective.gain(said[:, best], said[:, 0])
    low, high = np.percentile(said[:, 1:], (10, 90), axis=0)
    return Gain(
        name=name,
        objective=objective.name,
        own=own,
        best=(own, *values)[best],
        gain=float(by_tree.mean()),
        low=float(np.percentile(by_tree, 10)),
        high=float(np.percentile(by_tree, 90)),
        curve=tuple(zip(values, mean[1:].tolist(), low.tolist(), high.tolist(), strict=True)),
    )


def draw(path, found, objectives):
    """Bars of the gains with their spread, a panel for each objective."""
    names = {gain.name for gain in found}
    size = (5.6 * len(objectives), 1.4 + 0.42 * len(names))
    figure, axes = plots.blank(1, len(objectives), size)
    for axis, objective in zip(np.ravel(axes), objectives, strict=True):
        shown = [gain for gain in found if gain.objective == objective.name][::-1]
        places = range(len(shown))
        axis.barh(places, [g.gain for g in shown], color="tab:blue", alpha=0.7)
        axis.hlines(places, [g.low for g in shown], [g.high for g in shown], color="black", lw=1.2)
        axis.set_yticks(places, [g.name for g in shown])
        axis.set(xlabel=f"gain in {objective.name.replace('_', ' ')} over the recipe's own value")
        axis.axvline(0, color="black", lw=0.8)
        axis.grid(axis="x", alpha=0.3)
    figure.suptitle(
        "What each value is worth, the others left as they are (lines: 10 to 90 % of trees)", fontsize=9
    )
    plots.save(figure, path)


def draw_curves(path, search, found, records):
    """The first objective over each value's range: what the surrogate says, and the trials."""
    objective = search.objectives[0]
    shown = [gain for gain in found if gain.objective == objective.name]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure, axes = plots.blank(rows, columns, (4 * columns, 3 * rows))
    panels = np.ravel(axes)
    for axis in panels[len(shown) :]:
        axis.axis("off")
    for axis, gain in zip(panels, shown, strict=False):
        _curve(axis, search.space.dimensions[gain.name], gain, records, objective)
    figure.suptitle(
        "Line and band: the surrogate, the other values as in the recipe. Points: trials", fontsize=9
    )
    plots.save(figure, path)


def _curve(axis, dimension, gain, records, objective):
    tried = [(r.values[gain.name], r.objectives[objective.name]) for r in records if gain.name in r.values]
    if isinstance(dimension, Choice):
        _options(axis, dimension, gain, tried)
    else:
        values, mean, low, high = zip(*gain.curve, strict=True)
        axis.plot(values, mean, color="tab:blue")
        axis.fill_between(values, low, high, color="tab:blue", alpha=0.2)
        axis.plot([x for x, _ in tried], [y for _, y in tried], "o", color="tab:gray", alpha=0.6, ms=4)
        axis.axvline(gain.own, color="black", ls=":", lw=1)
        if dimension.log:
            axis.set_xscale("log")
        elif isinstance(dimension, Whole):
            axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set(xlabel=gain.name, ylabel=objective.name.replace("_", " "))
    axis.grid(alpha=0.3)


def _options(axis, dimension, gain, tried):
    """What the surrogate says of each option, with its spread: nothing lies between them."""
    values, mean, low, high = zip(*gain.curve, strict=True)
    places = [dimension.options.index(value) for value in values]
    axis.vlines(places, low, high, color="tab:blue", alpha=0.3, lw=8)
    axis.plot(places, mean, "_", color="tab:blue", ms=14, mew=2)
    found = [(dimension.options.index(value), reached) for value, reached in tried]
    axis.plot([x for x, _ in found], [y for _, y in found], "o", color="tab:gray", alpha=0.6, ms=4)
    axis.axvline(dimension.options.index(gain.own), color="black", ls=":", lw=1)
    axis.set_xticks(places, [str(value) for value in values])
    axis.margins(x=0.15)
