"""What `edgezoo predict` answers: classes, masks, pictures, curves and arrays, as rows of JSON."""

import itertools
import pathlib

_COLUMNS = 10  # of a sheet of pictures


def classify(name, example, asked, labels, top, promised=None):
    """The `top` likeliest classes of logits, with their probabilities; and the sets that a file promises."""
    import numpy as np
    from scipy.special import softmax

    probabilities = softmax(np.asarray(asked(example), np.float64)[0])
    names = _names(labels, len(probabilities))
    best = probabilities.argsort()[::-1][:top]
    row = {
        "input": name,
        "classes": [{"class": names[i], "probability": float(probabilities[i])} for i in best],
    }
    return row | (_sets(probabilities, names, promised) if promised else {})


def _sets(probabilities, names, promised):
    """The classes in each kind of set, the likeliest first, by the quantiles beside the file."""
    from recipes.statistics import conformal

    order = probabilities.argsort()[::-1]
    found = {
        method: conformal.sets(probabilities[None], method, promised[method]["quantile"])[0]
        for method in conformal.METHODS
    }
    sets = {method: [names[i] for i in order if chosen[i]] for method, chosen in found.items()}
    return {"coverage": promised["coverage"], "sets": sets}


def mask(name, example, asked, labels, top, out):
    """A picture whose values are the classes and whose palette their colours; and the commonest classes."""
    import numpy as np
    from PIL import Image

    from recipes.palette import colours

    logits = np.asarray(asked(example))[0]  # (h, w, classes)
    classes, palette = logits.argmax(-1), colours(logits.shape[-1])
    if len(palette) <= 256:
        drawn = Image.frombytes("P", classes.shape[::-1], classes.astype(np.uint8).tobytes())
        drawn.putpalette(palette.tobytes())
    else:
        drawn = Image.fromarray(palette[classes])
    names, shares = _names(labels, len(palette)), np.bincount(classes.ravel()) / classes.size
    best = [i for i in shares.argsort()[::-1][:top] if shares[i] > 0]
    pixels = [{"class": names[i], "share": float(shares[i])} for i in best]
    return {"input": name, "picture": _written(drawn.save, name, out, format="png"), "pixels": pixels}


def pictures(name, given, out, beside=None):
    """One picture of all that was given.

    Args:
        name: Of the input.
        given: Pictures `(n, h, w, c)`, which lie side by side; signals `(n, length, channels)`, drawn as
            curves; or anything else, which is written as `arrays` does.
        out: The folder.
        beside: Signals of the same shape to draw with these, by the name to give to them.
    """
    from PIL import Image

    if isinstance(given, dict) or given.ndim not in (3, 4) or given.shape[-1] not in (1, 3):
        return arrays(name, given, out)
    if given.ndim == 4:
        return {
            "input": name,
            "picture": _written(Image.fromarray(_sheet(given)).save, name, out, format="png"),
        }
    from recipes.drawings import signals

    curves = {**(beside or {}), "output": given}
    return {"input": name, "picture": _written(lambda path: signals.curves(path, curves), name, out)}


def arrays(name, given, out):
    """A `.npy` of each output `(n, ...)`, which `edgezoo predict` takes as an input."""
    import numpy as np

    outputs = given if isinstance(given, dict) else {"": given}
    rows = []
    for output, values in outputs.items():
        stem = "-".join(filter(None, (name, output)))
        file = _written(lambda path, values=values: np.save(path, values), stem, out, ".npy")
        rows.append({"output": output, "file": file, "shape": list(values.shape)})
    return {"input": name, "arrays": rows}


def text(row):
    """A row as a person reads it."""
    guesses = [f"{g['class']} {100 * g['probability']:.1f} %" for g in row.get("classes", [])]
    pixels = [f"{g['class']} {100 * g['share']:.1f} % of the pixels" for g in row.get("pixels", [])]
    if "sets" in row:
        chosen = ", ".join(row["sets"]["lac"]) or "none"
        guesses.append(f"with probability {row['coverage']:g} one of: {chosen}")
    files = [f"{a['file']} ({', '.join(map(str, a['shape']))})" for a in row.get("arrays", [])]
    return ", ".join([*filter(None, [row.get("picture"), _verdict(row)]), *files, *guesses, *pixels])


def _verdict(row):
    if "error" not in row:
        return ""
    said = f"error {row['error']:.4g}"
    if "anomaly" not in row:
        return said
    kind = "an anomaly, above" if row["anomaly"] else "ordinary, not above"
    return f"{said}: {kind} the threshold {row['threshold']:.4g}"


def _names(labels, count):
    return labels if len(labels) == count else [str(i) for i in range(count)]


def _sheet(given):
    """Pictures `(n, h, w, c)` in [0, 1] side by side, ten a row, as `(h, w)` or `(h, w, 3)` bytes."""
    import numpy as np

    pixels = np.rint(np.clip(given, 0, 1) * 255).astype(np.uint8)
    columns = min(len(pixels), _COLUMNS)
    rows = -(-len(pixels) // columns)
    missing = rows * columns - len(pixels)
    pixels = np.pad(pixels, ((0, missing), *((0, 0),) * 3), constant_values=255)
    height, width, channels = pixels.shape[1:]
    tiles = pixels.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    sheet = tiles.reshape(rows * height, columns * width, channels)
    return sheet[..., 0] if channels == 1 else sheet


def _written(save, name, out, suffix=".png", **options):
    """Write a file for the input `name` by `save(path)`, whole; returns its path."""
    from recipes import files

    stem = pathlib.Path(name.replace("[", "-").replace("]", "")).name.replace(".", "-")
    place = free_place(out, stem, suffix)
    with files.replacing(place) as scratch:
        save(scratch, **options)
    return str(place)


def free_place(folder, stem, suffix):
    """`STEM.png`, or `STEM-2.png` where that is taken: inputs of two folders may share a name."""
    for i in itertools.count(1):
        place = folder / (f"{stem}{suffix}" if i == 1 else f"{stem}-{i}{suffix}")
        if not place.exists():
            return place
