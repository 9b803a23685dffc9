"""An image beside the maps that explain its class, above the same maps with random weights."""

import numpy as np

from recipes import plots

_PANEL = 1.9  # inches
_TITLES, _SCALES = 0.75, 1.7  # inches
_ONE_WAY, _BOTH_WAYS = "inferno", "RdBu_r"  # from little to much; from against to for
_DIMMED = 0.45  # of the image, below a map


def picture(path, image, explanations, title, spectrogram=False):
    """Writes a PNG.

    Args:
        path: The file.
        image: `(h, w, c)` in [0, 1], or a spectrogram `(time, frequency, 1)`.
        explanations: The `Explanation`s of the image.
        title: Above all.
        spectrogram: Whether to draw time to the right and frequency upwards.
    """
    turn = (lambda values: np.swapaxes(values, 0, 1)[::-1]) if spectrogram else lambda values: values
    image = turn(_shown(image))
    checked = any(e.random is not None for e in explanations)
    rows, columns = 1 + checked, 1 + len(explanations)
    height = _PANEL * min(1.5, max(0.5, image.shape[0] / image.shape[1]))
    size = (columns * _PANEL + _SCALES, rows * (height + 0.2) + _TITLES)
    figure, axes = plots.blank(rows, columns, size)
    axes = np.reshape(axes, (rows, columns))
    for axis in axes.flat:
        axis.set(xticks=(), yticks=(), frame_on=False)
    axes[0, 0].imshow(image, interpolation="nearest")
    axes[0, 0].set_title("input", fontsize=9)
    for column, explanation in enumerate(explanations, 1):
        _panel(axes[0, column], image, turn(explanation.values), explanation.signed)
        axes[0, column].set_title(explanation.title, fontsize=9)
        if explanation.random is not None:
            _panel(axes[1, column], image, turn(explanation.random), explanation.signed)
            axes[1, column].set_xlabel(f"rank correlation {explanation.correlation:+.2f}", fontsize=8)
    if checked:
        axes[1, 0].text(1, 0.5, "the same with\nrandom weights", ha="right", va="center", fontsize=9)
    _scales(figure, explanations)
    figure.suptitle(title, fontsize=11)
    plots.save(figure, path)


def _shown(image):
    """An image as colours in [0, 1], `(h, w, 3)`; a spectrogram from its smallest value to its largest."""
    low, high = min(0.0, float(image.min())), max(1.0, float(image.max()))
    image = (image - low) / (high - low)
    return image if image.shape[-1] == 3 else np.repeat(image[..., :1], 3, axis=-1)


def _panel(axis, image, values, signed):
    """A map over its dimmed grey image: the more a place says, the less of the image is seen."""
    import matplotlib

    strength = np.clip(
        np.abs(values) / (np.percentile(np.abs(values), 99.5) or np.abs(values).max() or 1), 0, 1
    )
    if signed:
        colours = matplotlib.colormaps[_BOTH_WAYS](0.5 + 0.5 * np.sign(values) * strength)
    else:
        colours = matplotlib.colormaps[_ONE_WAY](strength)
    grey = _DIMMED * np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    cover = strength[..., None] ** 0.7
    axis.imshow(cover * colours[..., :3] + (1 - cover) * grey, interpolation="nearest")


def _scales(figure, explanations):
    """What the colours mean."""
    from matplotlib.cm import ScalarMappable

    shown = {}
    for explanation in explanations:
        shown[explanation.signed] = _BOTH_WAYS if explanation.signed else _ONE_WAY
    axes = list(figure.axes)
    for signed, colours in shown.items():
        bar = figure.colorbar(
            ScalarMappable(cmap=colours), ax=axes, location="right", fraction=0.03, aspect=18, pad=0.01
        )
        bar.set_ticks([0, 1], labels=["against", "for"] if signed else ["none", "most"], fontsize=7)
