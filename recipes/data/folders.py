"""A user's own folder of images, one subfolder a class, through TFDS's `ImageFolder`."""

import dataclasses
import pathlib

from recipes.data import tfds_sets
from recipes.data.places import absolute
from recipes.errors import RecipeError

_SUFFIXES = (".jpg", ".jpeg", ".png")  # what ImageFolder reads
_FORMATS = ("JPEG", "PNG")  # and what TensorFlow decodes, whatever the file is called


def load(name, links):
    """`folder:PATH` as a `Loaded`. PATH holds the classes, or `train` and `test` that hold them.

    Args:
        name: `folder:PATH`.
        links: An empty folder, for links that have to last until the last image is read.

    Raises:
        RecipeError: PATH is no folder, holds fewer than two classes, a class without images, or a file
            that is no image; the message names it.
    """
    import tensorflow_datasets as tfds

    splits = _splits(name)
    found = {split: _check(folder) for split, folder in splits.items()}
    if unknown := set(found.get("test", ())) - set(found["train"]):
        raise RecipeError(
            f"{splits['test']} has the class {min(unknown)!r}, which {splits['train']} does not have"
        )
    for split, folder in splits.items():  # ImageFolder wants ROOT/SPLIT/CLASS/IMAGE
        (pathlib.Path(links) / split).symlink_to(folder, target_is_directory=True)
    loaded = tfds_sets.from_builder(tfds, tfds.folder_dataset.ImageFolder(str(links)), name)
    return dataclasses.replace(
        loaded, source=f"folder of images {name.removeprefix('folder:')}", note=_mixed(found)
    )


def _splits(name):
    path = pathlib.Path(absolute(name).removeprefix("folder:"))
    splits = {s: path / s for s in ("train", "test") if (path / s).is_dir() and _subfolders(path / s)}
    return splits if "train" in splits else {"train": path}


def _check(folder):
    """The classes in `folder`: by name the sizes `(width, height)` of their images, by file."""
    classes = {d.name: _images(d) for d in _subfolders(folder)}
    if len(classes) < 2:
        found = f"only the class {next(iter(classes))!r}" if classes else "no subfolder"
        raise RecipeError(
            f"{folder} has {found}; a folder of images needs at least two subfolders, one a class: "
            f"{folder.name}/cats/1.png, {folder.name}/dogs/1.png"
        )
    for name, files in classes.items():
        if not files:
            raise RecipeError(f"class {name!r} in {folder} has no image ({', '.join(_SUFFIXES)})")
    return {name: {file: _size(file) for file in files} for name, files in classes.items()}


def _mixed(found):
    """Which image is the first of another size than the first one; nothing where all are of one size."""
    sizes = {}
    for files in (files for classes in found.values() for files in classes.values()):
        sizes |= files
    first, size = next(iter(sizes.items()))
    other = next((file for file in sizes if sizes[file] != size), None)
    if other is None:
        return ""
    return f"{other} has {_text(sizes[other])} pixels, {first} {_text(size)}"


def _text(size):
    return "×".join(map(str, reversed(size)))


def _subfolders(folder):
    return sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))


def _images(folder):
    return [f for f in sorted(folder.iterdir()) if f.suffix.lower() in _SUFFIXES]


def _size(file):
    """`(width, height)` of an image, decoded whole: a truncated picture has a sound header."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file, formats=_FORMATS) as image:
            image.load()
            return image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RecipeError(f"{file} is no image that can be read ({error})") from error
