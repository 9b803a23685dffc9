"""Signals as curves."""

import numpy as np

from recipes import plots


def curves(path, named):
    """A panel a signal, with the curves of every name in it, and of every channel.

    Args:
        path: The PNG.
        named: By name, signals `(n, length, channels)`.
    """
    count = len(next(iter(named.values())))
    figure, axes = plots.blank(count, 1, (6, 0.6 + 1.8 * count))
    for i, axis in enumerate(np.ravel(axes)):
        for number, (name, signals) in enumerate(named.items()):
            lines = axis.plot(signals[i], color=f"C{number}", linewidth=1)
            lines[0].set_label(name)
        axis.set(xlabel="sample" if i == count - 1 else "")
        axis.grid(alpha=0.3)
    figure.legend(*np.ravel(axes)[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(named))
    plots.save(figure, path)
