"""Super-resolution: the large picture from the small one, measured beside bicubic interpolation.

The small picture is the large one reduced bicubically, without aliasing, to 8 bits a pixel, in training
and in evaluation alike. PSNR and structural similarity leave out as many pixels along each border as
the factor, as Shi et al., 2016, section 3.2, https://arxiv.org/abs/1609.05158, and others do.
"""

import keras
import numpy as np

from recipes.errors import RecipeError
from recipes.tasks.reconstruction import SquaredErrorPerImage
from recipes.tasks.similarity import psnr, ssim

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "psnr", True, True
BARS = {"int8": (0.2, False), "float16": (0.01, False)}  # dB: 0.2 are under 5 % of the squared error


def factor(recipe):
    """How many times larger the pictures become: the architecture's argument `factor`, 2 by default."""
    return recipe.arguments.get("factor", 2)


def input_shape(recipe, shape):
    """The shape of the small picture for a large one of `(height, width, channels)`.

    Raises:
        RecipeError: The factor does not divide the height and the width.
    """
    times = factor(recipe)
    if not isinstance(times, int) or times < 1 or any(side % times for side in shape[:2]):
        raise RecipeError(
            f"arguments.factor={times} with data={recipe.data}, {shape[0]}×{shape[1]} pixels: give a factor "
            "that divides both, or another features.image_size"
        )
    return (shape[0] // times, shape[1] // times, shape[2])


def degradation(recipe):
    """What makes the small picture of the large one."""
    from zoo.layers.bicubic import BicubicDownsampling2D

    return [BicubicDownsampling2D(factor(recipe), name="reduction")]


def reduced(images, recipe):
    """Small pictures of large ones, `(n, h, w, c)` to `(n, h / factor, w / factor, c)` float32."""
    (layer,) = degradation(recipe)
    return np.asarray(keras.ops.convert_to_numpy(layer(images)), np.float32)


def enlarged(images, recipe):
    """Small pictures interpolated bicubically, `(n, h, w, c)` to `(n, factor h, factor w, c)`, in [0, 1]."""
    size = [side * factor(recipe) for side in images.shape[1:3]]
    large = keras.ops.image.resize(images, size, interpolation="bicubic", data_format="channels_last")
    return np.clip(keras.ops.convert_to_numpy(large), 0, 1)


def loss(recipe):
    """Squared error per image."""
    return SquaredErrorPerImage()


def metrics():
    """None beside the loss."""
    return []


def score(predict, batches, context):
    """`psnr` in dB and `ssim`, the means over pictures, of what `predict` makes of the small ones."""
    return _scored(predict, batches, context.recipe)


def per_example(predict, batches, context):
    """The `psnr` of each picture, `(n,)`."""
    return _measured(predict, batches, context.recipe)["psnr"]


def reference(model, context, metrics):
    """`bicubic_psnr` and `bicubic_ssim` of interpolation, and `psnr_over_bicubic`, the model's lead in dB."""
    from recipes.data.feeding import test_batches

    recipe, batches = context.recipe, test_batches(context.recipe, context.data)
    bicubic = _scored(lambda images: enlarged(images, recipe), batches, recipe)
    lead = metrics["psnr"] - bicubic["psnr"]
    return {f"bicubic_{name}": value for name, value in bicubic.items()} | {"psnr_over_bicubic": lead}


def signature_inputs(model, images, recipe):
    """The small pictures, for the one signature there is."""
    return [reduced(images, recipe)]


def draw(folder, context, model, predict):
    """Details of test pictures: as they are, interpolated, and as the model gives them."""
    from recipes.drawings import restoration

    test = context.data.test
    count = min(restoration.DETAILS, len(test.y))
    images = context.images(test.take(np.linspace(0, len(test.y) - 1, count, dtype=int)))
    small = reduced(images, context.recipe)
    versions = {
        "original": images,
        "bicubic": enlarged(small, context.recipe),
        "super-resolved": np.clip(np.asarray(predict(small), np.float32), 0, 1),
    }
    restoration.details(folder / "super_resolution.png", versions)


def _scored(enlarge, batches, recipe):
    return {name: float(values.mean()) for name, values in _measured(enlarge, batches, recipe).items()}


def _measured(enlarge, batches, recipe):
    """`psnr` and `ssim` of each picture, `(n,)`."""
    border = factor(recipe)
    ratios, likenesses = [], []
    for x, _ in batches:
        large = np.clip(np.asarray(enlarge(reduced(x, recipe)), np.float32), 0, 1)
        inner = [images[:, border:-border, border:-border] for images in (x, large)]
        ratios.append(psnr(*inner))
        likenesses.append(ssim(*inner))
    return {"psnr": np.concatenate(ratios), "ssim": np.concatenate(likenesses)}
