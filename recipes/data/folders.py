"""A user's own folder of images, one subfolder a class, through TFDS's `ImageFolder`."""

import pathlib
import tempfile

from recipes.data import tfds_sets
from recipes.errors import RecipeError

_SUFFIXES = (".jpg", ".jpeg", ".png")  # what ImageFolder reads


def load(name):
    """`folder:PATH` as a `Loaded`. PATH holds the classes, or `train` and `test` that hold them.

    Raises:
        RecipeError: PATH is no folder, holds fewer than two classes, a class without images, or a file
            that is no image; the message names it.
    """
    import tensorflow_datasets as tfds

    path = pathlib.Path(name.removeprefix("folder:")).expanduser().resolve()
    if not path.is_dir():
        raise RecipeError(f"data={name}: {path} is not a folder")
    splits = {s: path / s for s in ("train", "test") if (path / s).is_dir()}
    if "train" not in splits:
        splits = {"train": path}
    for folder in splits.values():
        _check(folder)
    with tempfile.TemporaryDirectory(prefix="edgezoo-") as root:
        for split, folder in splits.items():  # ImageFolder wants ROOT/SPLIT/CLASS/IMAGE
            (pathlib.Path(root) / split).symlink_to(folder, target_is_directory=True)
        builder = tfds.folder_dataset.ImageFolder(root)
    return tfds_sets.from_builder(tfds, builder, name)


def _check(folder):
    classes = {d.name: [f for f in sorted(d.iterdir()) if f.suffix.lower() in _SUFFIXES] for d in _subfolders(folder)}
    if len(classes) < 2:
        found = f"only the class {next(iter(classes))!r}" if classes else "no subfolder"
        raise RecipeError(
            f"{folder} has {found}; a folder of images needs at least two subfolders, one a class: "
            f"{folder.name}/cats/1.png, {folder.name}/dogs/1.png"
        )
    for name, files in classes.items():
        if not files:
            raise RecipeError(f"class {name!r} in {folder} has no image ({', '.join(_SUFFIXES)})")
        for file in files:
            _check_image(file)


def _subfolders(folder):
    return sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))


def _check_image(file):
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise RecipeError(f"{file} is no image that can be read ({error})") from error
