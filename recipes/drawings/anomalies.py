"""What an anomaly detector is looked at by: its errors, its ROC curve, and what it gets most wrong."""

import numpy as np

from recipes import plots

SHOWN = 10  # examples of a kind
_ORDINARY, _ANOMALOUS = "#4477aa", "#cc6677"


def errors(path, values, anomalous, threshold):
    """Histograms of the errors `(n,)` of ordinary examples and of anomalies, and the threshold."""
    figure, axis = plots.blank(1, 1, (6.5, 3.8))
    lowest = max(values.min(), values.max() * 1e-6)
    bins = np.geomspace(lowest, values.max() * (1 + 1e-9), 60)
    kinds = (("ordinary", ~anomalous, _ORDINARY), ("anomalies", anomalous, _ANOMALOUS))
    for label, chosen, colour in kinds:
        count = int(chosen.sum())
        share = np.full(count, 100 / count)
        shown = np.maximum(values[chosen], lowest)
        axis.hist(shown, bins, weights=share, alpha=0.6, color=colour, label=f"{label} ({count:,})")
    axis.axvline(threshold, color="black", linestyle="--", label=f"threshold {threshold:.4g}")
    axis.set(xscale="log", xlabel="error", ylabel="percent of the kind", title="Test split")
    axis.legend(frameon=False)
    plots.save(figure, path)


def roc(path, values, anomalous, threshold):
    """The ROC curve of the errors `(n,)`, with the point that the threshold chooses."""
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, axis = plots.blank(1, 1, (4.4, 4.4))
    area = roc_auc_score(anomalous, values)
    axis.plot(*roc_curve(anomalous, values)[:2], color=_ORDINARY, label=f"area {area:.4f}")
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":", label="guessing")
    point = [(values[kind] > threshold).mean() for kind in (~anomalous, anomalous)]
    axis.plot(*point, "o", color=_ANOMALOUS, label=f"threshold: {point[1]:.3f} at {point[0]:.3f}")
    axis.set(xlabel="false-positive rate", ylabel="true-positive rate", title="Test split", aspect="equal")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, loc="lower right")
    plots.save(figure, path)


def hardest(path, ordinary, hidden):
    """The ordinary examples with the largest errors above the anomalies with the smallest.

    Signals are drawn as lines, images as pictures.

    Args:
        path: The PNG.
        ordinary, hidden: `(originals, reconstructions, errors)` of up to `SHOWN` examples.
    """
    draw = _signals if ordinary[0].ndim == 3 else _images
    figure = draw({"ordinary": ordinary, "anomaly": hidden})
    title = "Ordinary test examples with the largest errors, anomalies with the smallest"
    figure.suptitle(title, fontsize=10)
    plots.save(figure, path)


def _images(groups):
    """For each group a row of originals above one of their reconstructions."""
    figure, axes = plots.blank(2 * len(groups), SHOWN, (0.85 * SHOWN, 2 * len(groups) + 0.4))
    _clear(axes)
    for (name, group), rows in zip(groups.items(), axes.reshape(-1, 2, SHOWN), strict=True):
        for original, rebuilt, error, column in zip(*group, rows.T, strict=False):
            for axis, image in zip(column, (original, rebuilt), strict=True):
                shown = np.clip(image, 0, 1).squeeze()
                axis.imshow(shown, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            column[0].set_title(f"{error:.3g}", fontsize=7)
        for axis, label in zip(rows[:, 0], (name, "rebuilt"), strict=True):
            axis.set_ylabel(label, fontsize=8)
    return figure


def _signals(groups):
    """A panel an example, half of `SHOWN` in a row: the signal, and its reconstruction over it."""
    columns = SHOWN // 2
    figure, axes = plots.blank(2 * len(groups), columns, (2.1 * columns, 2.7 * len(groups) + 0.6))
    _clear(axes)
    for (name, group), panels in zip(groups.items(), axes.reshape(-1, SHOWN), strict=True):
        for original, rebuilt, error, axis in zip(*group, panels, strict=False):
            for signal, colour, label in ((original, _ORDINARY, "signal"), (rebuilt, _ANOMALOUS, "rebuilt")):
                axis.plot(signal[:, 0], color=colour, linewidth=1, label=label)
            axis.set_title(f"error {error:.3g}", fontsize=7)
        for axis in panels[::columns]:
            axis.set_ylabel(name, fontsize=8)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=8)
    return figure


def _clear(axes):
    """No ticks and no frames, so that a place without an example stays empty."""
    for axis in axes.flat:
        axis.set(xticks=(), yticks=(), frame_on=False)
