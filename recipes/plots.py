"""What the pictures of a run are made of; `draw` of each task says which it gets."""

import numpy as np

from recipes import files

COLUMNS = 10  # of picture grids


def learning_curves(path, history, title):
    """Loss and, where there is one, accuracy by epoch, training beside validation."""
    if not history:
        return
    measures = [k for k in history[0] if k != "epoch" and not k.startswith("val_")]
    measures.sort(key=lambda k: (k != "loss", k))
    figure, axes = blank(1, len(measures), (5 * len(measures), 3.5))
    epochs = [row["epoch"] for row in history]
    for axis, measure in zip(np.ravel(axes), measures, strict=True):
        axis.plot(epochs, [row[measure] for row in history], label="training (augmented)")
        if f"val_{measure}" in history[0]:
            axis.plot(epochs, [row[f"val_{measure}"] for row in history], label="validation")
        axis.set(xlabel="epoch", ylabel=measure.replace("_", " "))
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend(frameon=False)
    figure.suptitle(title)
    save(figure, path)


def confusion_matrix(path, labels, guesses, classes):
    """Share of each true class that was given each label, in percent."""
    from sklearn.metrics import confusion_matrix as count

    shares = 100 * count(labels, guesses, labels=range(len(classes)), normalize="true")
    side = max(4.5, 0.55 * len(classes) + 1.5)
    figure, axis = blank(1, 1, (side, side))
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    if len(classes) <= 20:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.05:
                colour = "white" if share > 50 else "black"
                axis.text(
                    column,
                    row,
                    f"{share:.0f}" if share >= 1 else "<1",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color=colour,
                )
    axis.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axis.set_yticks(range(len(classes)), classes)
    axis.set(xlabel="predicted", ylabel="true", title="Test split, percent of each true class")
    save(figure, path)


def reconstructions(path, originals, rebuilt):
    """Originals `(n, h, w, c)` above their reconstructions, `COLUMNS` a row."""
    rows = []
    for i in range(0, len(originals), COLUMNS):
        rows += [originals[i : i + COLUMNS], rebuilt[i : i + COLUMNS]]
    figure = grid(np.concatenate(rows), "Test images (odd rows) and their reconstructions (even rows)")
    save(figure, path)


def segmentations(path, originals, masks, guesses, classes):
    """Images `(n, h, w, c)` above their true masks `(n, h, w)` and the predicted ones, a colour a class."""
    from matplotlib.patches import Patch

    from recipes.palette import coloured

    images = np.broadcast_to(originals, (*originals.shape[:-1], 3))
    triples = (images, coloured(masks, len(classes)), coloured(guesses, len(classes)))
    rows = [_row(t[i : i + COLUMNS]) for i in range(0, len(images), COLUMNS) for t in triples]
    figure = grid(np.concatenate(rows), "Test images, the classes of their pixels, and the predicted ones")
    shown = coloured(np.arange(len(classes)), len(classes))
    patches = [Patch(color=colour, label=name) for colour, name in zip(shown, classes, strict=True)]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(6, len(classes)), fontsize=7)
    save(figure, path)


def samples(path, pictures):
    """Pictures `(n, h, w, c)` that a generative model drew."""
    save(grid(pictures, "Samples from the prior"), path)


def grid(pictures, title):
    """A figure with pictures `(n, h, w, c)` in [0, 1], `COLUMNS` a row."""
    n, height, width, channels = pictures.shape
    rows = -(-n // COLUMNS)
    sheet = np.ones((rows * (height + 1), COLUMNS * (width + 1), channels), np.float32)
    for i, picture in enumerate(np.clip(pictures, 0, 1)):
        y, x = (i // COLUMNS) * (height + 1), (i % COLUMNS) * (width + 1)
        sheet[y : y + height, x : x + width] = picture
    figure, axis = blank(1, 1, (COLUMNS * 0.7, rows * 0.7 * height / width + 0.4))
    axis.imshow(sheet.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.axis("off")
    return figure


def _row(pictures):
    """Pictures `(n, h, w, c)` made up to a whole row with white ones."""
    missing = COLUMNS - len(pictures)
    return np.pad(pictures, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=1)


def blank(rows, columns, size):
    """A figure of `size` inches and its axes, without a window system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    return (figure, axes)


def save(figure, path):
    """Writes a figure as a PNG, whole or not at all."""
    with files.replacing(path) as scratch:
        figure.savefig(scratch, dpi=120)
