"""Compression: real bytes at a real quality, beside JPEG and JPEG 2000.

A model's codes are rounded to integers and stored by a range coder whose tables were counted on codes of
training images (`recipes.tasks.entropy_coding`); the pictures are decoded from those bytes. The tables
belong to the codec, as the model's weights do, and are not counted. Other rates come from the same file:
codes are multiplied by a gain before they are rounded, and divided by it before they are decoded.

All pictures, decoded to 8 bits a channel, are judged alike: PSNR in dB is the mean over images, for a
peak of 1. Bits are counted for each pixel, not for each channel.
"""

import math
from typing import NamedTuple

import numpy as np

from recipes.tasks import entropy_coding, image_formats
from recipes.tasks.reconstruction import SquaredErrorPerImage

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "squared_error", False, True
BARS = {"int8": (0.05, True), "float16": (0.005, True)}
SIGNATURES = ("encode", "decode")
GAINS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 3.0)
_COUNTED = 10_000  # training images, at most, whose codes the tables are counted on
_COMPARED = 2_500  # test images, at most, that curves are drawn for
_IN_FILES = 500  # of those, at most, that are stored each by itself
_SHOWN = 10
_BATCH = 256


class Point(NamedTuple):
    """One setting of one codec: what it costs, how good it is, and what it looks like.

    Attributes:
        setting: The gain, or the quality asked of an image format.
        measures: `bits_per_pixel`, `psnr` and `squared_error`.
        pictures: The first few decoded images, `(n, h, w, c)` in [0, 1].
    """

    setting: float
    measures: dict
    pictures: np.ndarray


def loss(recipe):
    """Squared error per image; the model adds the price of its code itself."""
    return SquaredErrorPerImage()


def metrics():
    """None beside the loss, which is distortion plus weighted rate."""
    return []


def learnt(recipe, data):
    """All of the training split.

    Raises:
        RecipeError: The codec is not installed, or the image formats have no such pictures.
    """
    entropy_coding.package()
    image_formats.check_channels(data.shape)
    return np.arange(len(data.train.y))


def score(predict, batches, context):
    """`bits_per_pixel` of all test images in one stream, and `squared_error` and `psnr` of the pictures."""
    images = np.concatenate([x for x, _ in batches])
    return _stored(predict, images, _counted(predict, context), 1.0).measures


def per_example(predict, batches, context):
    """The squared error of each picture, and its bits for a pixel: `(n, 2)`.

    All pictures share one stream; a picture's bits are those that an ideal coder gives its code by the same
    tables, which add up to the stream but for a few bytes.
    """
    images = np.concatenate([x for x, _ in batches])
    codec = entropy_coding.Codec(np.rint(_counted(predict, context)))
    codes = np.rint(_encoded(predict, images))
    errors = _errors(images, _eight_bits(_by_batch(lambda part: predict(part, "decode"), codes)))
    return np.stack([errors.sum(1), codec.bits(codes) / math.prod(images.shape[1:3])], axis=1)


def resampled(values, counts):
    """`squared_error`, and `bits_per_pixel`, since more bits make better pictures."""
    means = counts @ values / counts.sum(1, keepdims=True)
    return {"squared_error": means[:, 0], "bits_per_pixel": means[:, 1]}


def reference(model, context, metrics):
    """JPEG and JPEG 2000 beside the model, by curves that are interpolated (see `curves`).

    `psnr_over_jpeg` and `psnr_over_jpeg2000`: how much better the model's pictures are at equal size. The
    other entries are the bits that each takes for a pixel at the model's PSNR. Where a curve ends before
    it gets there, its last point stands.
    """
    from recipes.tasks import keras_predictor

    found = curves(keras_predictor(model), context)
    own = next(p for p in found.pop("model") if p.setting == 1).measures
    margins, sizes = {}, {}
    for name, points in found.items():
        bits, psnr = np.transpose([(p.measures["bits_per_pixel"], p.measures["psnr"]) for p in points])
        sizes[f"{name}_bits_per_pixel"] = float(np.interp(own["psnr"], psnr, bits))
        if not name.endswith("_files"):
            margins[f"psnr_over_{name}"] = own["psnr"] - float(np.interp(own["bits_per_pixel"], bits, psnr))
    return margins | sizes


def curves(predict, context):
    """What every rate costs in quality: `{name: [Point, …]}`, from few bits to many.

    `model` at all `GAINS`; `jpeg` and `jpeg2000` with all images on one sheet, `jpeg_files` and
    `jpeg2000_files` with each in a file of its own. The test images are the same for all, evenly spread,
    but those in files are fewer.
    """
    images, learnt = compared(context), _counted(predict, context)
    found = {"model": [_stored(predict, images, learnt, gain) for gain in GAINS]}
    for name in image_formats.FORMATS:
        found[name] = [
            _point(images, *stored) for stored in image_formats.on_a_sheet(name, _eight_bits(images))
        ]
    few = images[:: -(-len(images) // _IN_FILES)]
    for name in image_formats.FORMATS:
        found[f"{name}_files"] = [
            _point(few, *stored) for stored in image_formats.in_files(name, _eight_bits(few))
        ]
    return {name: sorted(row, key=lambda p: p.measures["bits_per_pixel"]) for name, row in found.items()}


def compared(context):
    """The test images that curves are measured on, `(n, h, w, c)`."""
    test = context.data.test
    return context.images(_spread(test.take(range(len(test.y))), _COMPARED))


def signature_inputs(model, images, recipe):
    """Images for `reconstruct` and `encode`, their rounded codes for `decode`."""
    codes = np.rint(model.encoder.predict(images, verbose=0))
    return {"reconstruct": [images], "encode": [images], "decode": [codes]}


def draw(folder, context, model, predict):
    """The curves, their points as `rate_distortion.json`, and pictures of about equal size."""
    from recipes import files
    from recipes.drawings import rate_distortion

    found = curves(predict, context)
    points = {name: [{"setting": p.setting, **p.measures} for p in row] for name, row in found.items()}
    files.write_json(folder / "rate_distortion.json", points)
    rate_distortion.curves(folder / "rate_distortion.png", points)
    rate_distortion.examples(folder / "examples.png", compared(context)[:_SHOWN], _of_equal_size(found))


def _of_equal_size(found):
    """The model's `Point` of gain 1, and of each format the one nearest to it in size."""
    own = next(p for p in found["model"] if p.setting == 1)
    size = own.measures["bits_per_pixel"]
    formats = {name: row for name, row in found.items() if name != "model" and not name.endswith("_files")}
    nearest = {
        name: min(row, key=lambda p: abs(p.measures["bits_per_pixel"] - size))
        for name, row in formats.items()
    }
    return {"model": own, **nearest}


def _counted(predict, context):
    """Codes of training images, evenly spread, on which tables are counted."""
    return _encoded(predict, context.images(_spread(context.train, _COUNTED)))


def _spread(subset, most):
    return subset.take(np.linspace(0, subset.size - 1, min(most, subset.size)).astype(int))


def _stored(predict, images, learnt, gain):
    """The `Point` of a model at one gain; `learnt` are codes of training images."""
    codec = entropy_coding.Codec(np.rint(gain * learnt))
    content = codec.encode(np.rint(gain * _encoded(predict, images)))
    codes = (codec.decode(content, len(images)) / gain).astype(np.float32)
    pictures = _by_batch(lambda part: predict(part, "decode"), codes)
    return _point(images, gain, len(content), _eight_bits(pictures))


def _encoded(predict, images):
    """The code of images, not yet rounded, `(n, code)` float32."""
    return _by_batch(lambda part: predict(part, "encode"), images)


def _by_batch(function, examples):
    parts = [examples[i : i + _BATCH] for i in range(0, len(examples), _BATCH)]
    return np.concatenate([np.asarray(function(part), np.float32) for part in parts])


def _eight_bits(images):
    """Images in [0, 1] as uint8."""
    return np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)


def _errors(images, pictures):
    """Squared errors of uint8 `pictures`, value by value, for a peak of 1: `(n, values)`."""
    return np.square(pictures / 255 - images.astype(np.float64)).reshape(len(images), -1)


def _point(images, setting, size, pictures):
    """Of `pictures`, uint8, which stand for `images` and take `size` bytes together."""
    errors = _errors(images, pictures)
    measures = {
        "bits_per_pixel": 8 * size / (len(images) * images.shape[1] * images.shape[2]),
        "psnr": float(-10 * np.log10(np.maximum(errors.mean(1), 1e-12)).mean()),
        "squared_error": float(errors.sum(1).mean()),
    }
    return Point(float(setting), measures, pictures[:_SHOWN] / np.float32(255))
