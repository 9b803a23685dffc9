"""The pictures of a run: learning curves for every task, and what its task is looked at by."""

import numpy as np

from recipes import files

_COLUMNS = 10  # of picture grids


def write(run, data, model, predict):
    """Write `plots/*.png` of a trained run."""
    folder, recipe = run.path / "plots", run.recipe
    learning_curves(folder / "learning_curves.png", run.history(), recipe.name)
    if recipe.task == "classification":
        from recipes.data.feeding import test_batches
        from recipes.tasks.classification import collect

        labels, logits = collect(predict, test_batches(recipe, data))
        confusion_matrix(folder / "confusion_matrix.png", labels, logits.argmax(-1), data.classes)
        return
    from recipes.data.feeding import images

    originals = images(recipe, data.test.take(range(2 * _COLUMNS)))
    if recipe.task == "segmentation":
        guesses = np.asarray(predict(originals)).argmax(-1)
        masks = data.test.y[: len(originals)]
        segmentations(folder / "segmentations.png", originals, masks, guesses, data.classes)
        return
    reconstructions(folder / "reconstructions.png", originals, np.asarray(predict(originals)))
    if recipe.task == "generation":
        noise = np.random.default_rng(0).standard_normal((100, model.encoder.output["mean"].shape[-1]))
        samples(folder / "samples.png", np.asarray(predict(noise.astype(np.float32), "sample")))


def learning_curves(path, history, title):
    """Loss and, where there is one, accuracy by epoch, training beside validation."""
    if not history:
        return
    measures = [k for k in history[0] if k != "epoch" and not k.startswith("val_")]
    measures.sort(key=lambda k: (k != "loss", k))
    figure, axes = _figure(1, len(measures), (5 * len(measures), 3.5))
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
    _save(figure, path)


def confusion_matrix(path, labels, guesses, classes):
    """Share of each true class that was given each label, in percent."""
    from sklearn.metrics import confusion_matrix as count

    shares = 100 * count(labels, guesses, labels=range(len(classes)), normalize="true")
    side = max(4.5, 0.55 * len(classes) + 1.5)
    figure, axis = _figure(1, 1, (side, side))
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
    _save(figure, path)


def reconstructions(path, originals, rebuilt):
    """Originals `(n, h, w, c)` above their reconstructions, `_COLUMNS` a row."""
    rows = []
    for i in range(0, len(originals), _COLUMNS):
        rows += [originals[i : i + _COLUMNS], rebuilt[i : i + _COLUMNS]]
    figure = grid(np.concatenate(rows), "Test images (odd rows) and their reconstructions (even rows)")
    _save(figure, path)


def segmentations(path, originals, masks, guesses, classes):
    """Images `(n, h, w, c)` above their true masks `(n, h, w)` and the predicted ones, a colour a class."""
    from matplotlib.patches import Patch

    from recipes.palette import coloured

    images = np.broadcast_to(originals, (*originals.shape[:-1], 3))
    triples = (images, coloured(masks, len(classes)), coloured(guesses, len(classes)))
    rows = [_row(t[i : i + _COLUMNS]) for i in range(0, len(images), _COLUMNS) for t in triples]
    figure = grid(np.concatenate(rows), "Test images, the classes of their pixels, and the predicted ones")
    shown = coloured(np.arange(len(classes)), len(classes))
    patches = [Patch(color=colour, label=name) for colour, name in zip(shown, classes, strict=True)]
    figure.legend(handles=patches, loc="outside lower center", ncols=min(6, len(classes)), fontsize=7)
    _save(figure, path)


def samples(path, pictures):
    """Pictures `(n, h, w, c)` that a generative model drew."""
    _save(grid(pictures, "Samples from the prior"), path)


def grid(pictures, title):
    """A figure with pictures `(n, h, w, c)` in [0, 1], `_COLUMNS` a row."""
    n, height, width, channels = pictures.shape
    rows = -(-n // _COLUMNS)
    sheet = np.ones((rows * (height + 1), _COLUMNS * (width + 1), channels), np.float32)
    for i, picture in enumerate(np.clip(pictures, 0, 1)):
        y, x = (i // _COLUMNS) * (height + 1), (i % _COLUMNS) * (width + 1)
        sheet[y : y + height, x : x + width] = picture
    figure, axis = _figure(1, 1, (_COLUMNS * 0.7, rows * 0.7 * height / width + 0.4))
    axis.imshow(sheet.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axis.set_title(title, fontsize=10)
    axis.axis("off")
    return figure


def _row(pictures):
    """Pictures `(n, h, w, c)` made up to a whole row with white ones."""
    missing = _COLUMNS - len(pictures)
    return np.pad(pictures, ((0, missing), (0, 0), (0, 0), (0, 0)), constant_values=1)


def _figure(rows, columns, size):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    return (figure, axes)


def _save(figure, path):
    with files.replacing(path) as scratch:
        figure.savefig(scratch, dpi=120)
