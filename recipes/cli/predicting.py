"""`edgezoo predict`: an image, a folder or a `.npy` in; classes, masks or pictures out."""

import itertools
import pathlib
from typing import Annotated

import typer

from recipes.cli import files, output

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def predict(
    target: Annotated[
        pathlib.Path, typer.Argument(metavar="RUN|FILE.tflite", help="A run's directory, or a .tflite file.")
    ],
    inputs: Annotated[
        list[pathlib.Path],
        typer.Argument(metavar="INPUT…", help="Images, folders of images, or .npy arrays."),
    ],
    recipe: files.RecipeOption = None,
    out: Annotated[pathlib.Path, typer.Option(help="Folder for written pictures.")] = pathlib.Path(
        "predictions"
    ),
    top: Annotated[int, typer.Option(min=1, help="Classes to name.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
):
    """Classes with probabilities, or a picture or mask written, for each input.

    Example: `edgezoo predict runs/lenet5_mnist-seed0/export/int8.tflite three.png digits/`
    """
    from recipes.errors import RecipeError

    chosen, predictor = files.predictor(target, recipe)
    shape = _input_shape(target, predictor)
    named = [pair for path in inputs for pair in _examples(files.existing(path), shape)]
    if chosen.features.front_end != "none" and any(path.suffix != ".npy" for path in inputs):
        raise RecipeError(
            f"{target} takes {chosen.features.front_end} features {tuple(shape)}, not images: give a .npy"
        )
    answer = {"classification": _classify, "segmentation": _mask}.get(chosen.task, _picture)
    rows = [answer(name, image, predictor, target, out, top) for name, image in named]
    if as_json:
        output.print_json(rows)
        return
    for row in rows:
        typer.echo(f"{row['input']}: {_text(row)}")


def _text(row):
    guesses = [f"{g['class']} {100 * g['probability']:.1f} %" for g in row.get("classes", [])]
    pixels = [f"{g['class']} {100 * g['share']:.1f} % of the pixels" for g in row.get("pixels", [])]
    return ", ".join([*filter(None, [row.get("picture")]), *guesses, *pixels])


def _input_shape(target, predictor):
    """`(height, width, channels)` that the model or file takes."""
    if target.suffix == ".tflite":
        return next(iter(predictor.contents.signatures.values())).inputs[0].shape[1:]
    return predictor.shape


def _examples(path, shape):
    """`(name, image)` pairs with images `(1, *shape)` in [0, 1]."""
    from recipes.errors import RecipeError

    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.suffix.lower() in _IMAGES)
        if not found:
            raise RecipeError(f"{path} holds no image ({', '.join(_IMAGES)})")
        return [pair for file in found for pair in _examples(file, shape)]
    if path.suffix == ".npy":
        return _arrays(path, shape)
    return [(str(path), _image(path, shape)[None])]


def _image(path, shape):
    """An image file as `shape`, resized, in grey where the model takes one channel."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from recipes.errors import RecipeError

    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise RecipeError(f"the model takes arrays of shape {tuple(shape)}, not images: give a .npy")
    try:
        with Image.open(path) as image:
            image = image.convert("L" if shape[-1] == 1 else "RGB")
            image = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR)  # as preparing does
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RecipeError(f"{path} is no image that can be read ({error})") from error
    return np.asarray(image, np.float32).reshape(tuple(shape)) / np.float32(255)


def _arrays(path, shape):
    from recipes.errors import RecipeError

    array = files.load_array(path)
    for candidate in (array, array[None], array[..., None], array[None, ..., None]):
        if candidate.shape[1:] == tuple(shape):
            return [(f"{path}[{i}]", candidate[i : i + 1]) for i in range(len(candidate))]
    raise RecipeError(
        f"{path} has the shape {array.shape}; the model takes {tuple(shape)}, one or several: "
        f"(n, {', '.join(map(str, shape))})"
    )


def _classify(name, image, predictor, target, out, top):
    import numpy as np
    from scipy.special import softmax

    probabilities = softmax(np.asarray(predictor(image), np.float64)[0])
    labels = _labels(target, len(probabilities))
    best = probabilities.argsort()[::-1][:top]
    return {
        "input": name,
        "classes": [{"class": labels[i], "probability": float(probabilities[i])} for i in best],
    }


def _labels(target, count):
    """The class names that lie beside the model, else numbers."""
    for folder in (target, *target.resolve().parents[:2]):
        if (folder / "labels.txt").is_file():
            labels = (folder / "labels.txt").read_text(encoding="utf-8").splitlines()
            if len(labels) == count:
                return labels
    return [str(i) for i in range(count)]


def _picture(name, image, predictor, target, out, top):
    import numpy as np
    from PIL import Image

    picture = np.clip(np.asarray(predictor(image))[0], 0, 1)
    pixels = np.rint(picture * 255).astype(np.uint8)
    drawn = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    return {"input": name, "picture": _written(drawn, name, out)}


def _mask(name, image, predictor, target, out, top):
    """A picture whose values are the classes and whose palette their colours; and the commonest classes."""
    import numpy as np
    from PIL import Image

    from recipes.palette import colours

    logits = np.asarray(predictor(image))[0]  # (h, w, classes)
    classes, palette = logits.argmax(-1), colours(logits.shape[-1])
    if len(palette) <= 256:
        drawn = Image.frombytes("P", classes.shape[::-1], classes.astype(np.uint8).tobytes())
        drawn.putpalette(palette.tobytes())
    else:
        drawn = Image.fromarray(palette[classes])
    labels, shares = _labels(target, len(palette)), np.bincount(classes.ravel()) / classes.size
    best = [i for i in shares.argsort()[::-1][:top] if shares[i] > 0]
    pixels = [{"class": labels[i], "share": float(shares[i])} for i in best]
    return {"input": name, "picture": _written(drawn, name, out), "pixels": pixels}


def _written(drawn, name, out):
    """Write a picture for the input `name`; returns its path."""
    from recipes import files as written

    place = _free(out, pathlib.Path(name.replace("[", "-").replace("]", "")).name.replace(".", "-"))
    with written.replacing(place) as scratch:
        drawn.save(scratch, format="png")
    return str(place)


def _free(folder, stem):
    """`STEM.png`, or `STEM-2.png` where that is taken: inputs of two folders may share a name."""
    for i in itertools.count(1):
        place = folder / (f"{stem}.png" if i == 1 else f"{stem}-{i}.png")
        if not place.exists():
            return place
