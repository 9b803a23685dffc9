"""A training at a glance: gradients, updates, dead units and activations, by step and by depth."""

import textwrap

import numpy as np

from recipes import plots
from recipes.diagnostics.readings import looks

_COLOURS = "viridis"  # from the first layer, or look, to the last
_USUAL_UPDATE = 1e-3


def diagnostics(path, readings, findings, title):
    """Writes the picture of `readings`, a list of `Reading`s, with what was found as text."""
    figure, axes = plots.blank(2, 3, (15, 7.6))
    looked = [look for look in looks(readings) if _finite(look)] or looks(readings)[:1]
    _by_step(axes[0, 0], readings, "gradient_norm", "gradient norm of each layer", log=True)
    _by_depth(axes[0, 1], looked)
    _by_step(axes[0, 2], readings, "update_ratio", "update of the kernels, share of their norm", log=True)
    axes[0, 2].axhline(_USUAL_UPDATE, color="grey", linestyle=":", linewidth=1)
    _by_step(axes[1, 0], readings, "dead", "share of dead units")
    _ranges(axes[1, 1], looked[-1])
    _text(axes[1, 2], findings)
    figure.suptitle(title)
    plots.save(figure, path)


def _finite(look):
    return all(np.isfinite([r.minimum, r.maximum, r.gradient_norm or 0.0]).all() for r in look)


def _by_step(axis, readings, field, label, log=False):
    """A line a layer, coloured by depth; the first and the last one are named."""
    lines = {}
    for reading in readings:
        lines.setdefault(reading.layer, []).append((reading.step, getattr(reading, field)))
    lines = {name: points for name, line in lines.items() if (points := _points(line, log))[0]}
    axis.set(xlabel="step", title=label)
    if not lines:
        axis.text(0.5, 0.5, "nothing to show", ha="center", va="center", transform=axis.transAxes)
        axis.set(xticks=(), yticks=())
        return
    names = list(lines)
    for colour, (name, (steps, values)) in zip(_colours(len(lines)), lines.items(), strict=True):
        edge = name in (names[0], names[-1])
        options = {"label": name, "linewidth": 1.8, "zorder": 3} if edge else {"linewidth": 0.9, "alpha": 0.7}
        axis.plot(steps, values, color=colour, marker="." if len(steps) < 3 else None, **options)
    axis.set(**({"yscale": "log"} if log else {"ylim": (-0.02, 1.02)}))
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)


def _by_depth(axis, looked):
    """The gradient norm of each layer with kernels from the first to the last: at the start, in the middle, at the end."""
    chosen = sorted({0, len(looked) // 2, len(looked) - 1})
    for colour, place in zip(_colours(len(chosen)), chosen, strict=True):
        norms = [r.gradient_norm for r in looked[place] if None not in (r.gradient_norm, r.update_ratio)]
        step = f"step {looked[place][0].step:,}"
        axis.plot(*_points(enumerate(norms, 1), log=True), "o-", color=colour, label=step, markersize=3)
    axis.set(
        yscale="log", xlabel="layer with kernels, from the first to the last", title="gradient norm by depth"
    )
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)


def _ranges(axis, look):
    """From the smallest to the largest output of each layer, at the last look."""
    places = np.arange(1, len(look) + 1)
    axis.vlines(
        places, [r.minimum for r in look], [r.maximum for r in look], color=_colours(len(look)), linewidth=3
    )
    axis.axhline(0, color="grey", linewidth=0.8)
    highest = max(max(abs(r.minimum), abs(r.maximum)) for r in look)
    if np.isfinite(highest) and highest > 100:
        axis.set_yscale("symlog")
    axis.set(
        xlabel="layer, from the first to the last", title=f"range of activations at step {look[0].step:,}"
    )
    axis.grid(alpha=0.3)


def _text(axis, findings):
    said = "\n\n".join(textwrap.fill(str(f), 52) for f in findings) or "Nothing to warn of."
    axis.text(0, 1, said, va="top", fontsize=10, transform=axis.transAxes)
    axis.axis("off")


def _points(line, log):
    """Places and values of a line, without what a logarithmic axis cannot show."""
    kept = [(x, y) for x, y in line if y is not None and np.isfinite(y) and (y > 0 or not log)]
    return tuple(zip(*kept, strict=True)) or ((), ())


def _colours(count):
    import matplotlib

    return matplotlib.colormaps[_COLOURS](np.linspace(0, 0.9, count))
