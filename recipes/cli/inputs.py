"""What `edgezoo predict` is given: images, folders of images and arrays, as a model takes them."""

from recipes.cli import files

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def examples(path, shape, pictures=True):
    """`(name, example)` pairs of an input, each example `(1, *shape)`; images are in [0, 1].

    Args:
        path: An image, a folder of images, or a `.npy` array.
        shape: Of one example.
        pictures: Whether an image file can stand for an example.

    Raises:
        RecipeError: The path holds nothing of that shape.
    """
    from recipes.errors import RecipeError

    if path.is_dir():
        found = sorted(f for f in path.rglob("*") if f.suffix.lower() in _IMAGES)
        if not found:
            raise RecipeError(f"{path} holds no image ({', '.join(_IMAGES)})")
        return [pair for file in found for pair in examples(file, shape, pictures)]
    if path.suffix == ".npy":
        return _arrays(path, shape)
    if not pictures or len(shape) != 3 or shape[-1] not in (1, 3):
        raise RecipeError(f"the model takes arrays of shape {tuple(shape)}, not images: give a .npy")
    return [(str(path), _image(path, shape)[None])]


def _image(path, shape):
    """An image file as `shape`, resized, in grey where the model takes one channel."""
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    from recipes.errors import RecipeError

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
