"""Denoising: what a model gains on noisy test images, in dB, beside a median and a Gaussian filter.

Each test image is seen through three noises, the ones of Vincent et al., "Stacked Denoising
Autoencoders", JMLR 11, 2010, section 3.3: Gaussian noise of standard deviation `level`, pixels lost to
0, and pixels turned to 0 or 1, each pixel with probability `level`, where `level` is
`evaluation.noise_level` of the recipe. The noise of an image is the same in every run. A model that is
trained on this task corrupts its input itself (`zoo.create("denoising_autoencoder")`).
"""

import numpy as np

from recipes.tasks.reconstruction import SquaredErrorPerImage
from recipes.tasks.shifting import spacing
from recipes.tasks.similarity import psnr, ssim

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "psnr_gain", True, True
BARS = {"int8": (0.2, False), "float16": (0.01, False)}  # dB: 0.2 are under 5 % of the squared error
KINDS = ("gaussian", "masking", "salt_and_pepper")
_TEST_SEED, _TRAINING_SEED = 20101101, 20101102
_TUNING_IMAGES = 500  # of the training split, on which the filters' sizes are chosen


def corrupted(images, kind, level, first=0, seed=_TEST_SEED):
    """Images `(n, h, w, c)` in [0, 1] with noise of one of `KINDS`, float32.

    The noise of an image depends on `seed` and on its number, `first` for the first one, alone. Gaussian
    noise may leave [0, 1].
    """
    draws = [np.random.default_rng((seed, KINDS.index(kind), first + i)) for i in range(len(images))]
    if kind == "gaussian":
        noise = np.stack([rng.standard_normal(images.shape[1:], np.float32) for rng in draws])
        return images + np.float32(level) * noise
    u = np.stack([rng.random(images.shape[1:], np.float32) for rng in draws])
    value = np.float32(0) if kind == "masking" else (u >= level / 2).astype(np.float32)
    return np.where(u < level, value, images)


def loss(recipe):
    """Squared error per image, to the clean one."""
    return SquaredErrorPerImage()


def metrics():
    """None beside the loss."""
    return []


def score(predict, batches, context):
    """`psnr_gain`, `ssim` and `code_psnr_gain`: the means of the three noises, and `NAME_KIND` for each.

    A gain is the PSNR of the denoised image minus that of the noisy one, in dB, the mean over images.
    Structural similarity is taken of at most a thousand images, evenly spread, and so is the gain of
    what signature `decode` makes of the codes that `encode` gives.
    """
    level, every = context.recipe.evaluation.noise_level, spacing(len(context.data.test.y))
    found, seen = {}, 0
    for x, _ in batches:
        some = np.arange(-seen % every, len(x), every)
        for kind in KINDS:
            measured = _measured(predict, x, corrupted(x, kind, level, seen), some)
            for name, values in measured.items():
                found.setdefault(name, {}).setdefault(kind, []).append(values)
        seen += len(x)
    return {key: value for name in found for key, value in _averaged(name, found[name]).items()}


def per_example(predict, batches, context):
    """The `psnr_gain` of each image, the mean of the three noises: `(n,)`."""
    level, seen, gains = context.recipe.evaluation.noise_level, 0, []
    for x, _ in batches:
        kinds = [_measured(predict, x, corrupted(x, kind, level, seen), ())["psnr_gain"] for kind in KINDS]
        gains.append(np.mean(kinds, axis=0))
        seen += len(x)
    return np.concatenate(gains)


def _measured(predict, x, noisy, some):
    """By name the measures of a batch's images, of those at `some` alone where they take long."""
    denoised, before = _clipped(predict(noisy)), psnr(x, noisy)
    measures = {"psnr_gain": psnr(x, denoised) - before}
    if len(some):
        decoded = _clipped(predict(np.asarray(predict(noisy[some], "encode"), np.float32), "decode"))
        measures["ssim"] = ssim(x[some], denoised[some])
        measures["code_psnr_gain"] = psnr(x[some], decoded) - before[some]
    return measures


def reference(model, context, metrics):
    """`median_filter_gain` and `gaussian_filter_gain`, also for each noise; and `lead_over_filters`.

    The size of each filter is chosen for each noise on training images, and given as
    `FILTER_size_KIND`. The lead is that of the model's gain over the better filter's, in dB, on the
    noise where it is smallest.
    """
    from recipes.tasks.filters import filtered

    test, sizes = context.images(_all(context.data.test)), filter_sizes(context)
    gains = {name: {} for name in sizes["gaussian"]}
    for kind in KINDS:
        noisy = corrupted(test, kind, context.recipe.evaluation.noise_level)
        before = psnr(test, noisy)
        for name, size in sizes[kind].items():
            gains[name][kind] = [psnr(test, filtered(noisy, name, size)) - before]
    table = {f"{name}_size_{kind}": float(size) for kind in KINDS for name, size in sizes[kind].items()}
    for name, by_kind in gains.items():
        table |= _averaged(f"{name}_gain", by_kind)
    leads = [metrics[f"psnr_gain_{kind}"] - max(table[f"{n}_gain_{kind}"] for n in gains) for kind in KINDS]
    return table | {"lead_over_filters": min(leads)}


def filter_sizes(context):
    """By noise, the best size of each filter on training images that are learnt."""
    from recipes.tasks.filters import best_sizes

    count = min(_TUNING_IMAGES, context.train.size)
    clean = context.images(context.train.take(np.linspace(0, context.train.size - 1, count, dtype=int)))
    level = context.recipe.evaluation.noise_level
    return {k: best_sizes(clean, corrupted(clean, k, level, seed=_TRAINING_SEED)) for k in KINDS}


def signature_inputs(model, images, recipe):
    """Noisy images, a third of each kind, for `reconstruct` and `encode`; their codes for `decode`."""
    level = recipe.evaluation.noise_level
    thirds = [images[i :: len(KINDS)] for i in range(len(KINDS))]
    parts = [corrupted(x, kind, level, seed=_TRAINING_SEED) for x, kind in zip(thirds, KINDS, strict=True)]
    noisy = np.concatenate(parts)
    codes = model.encoder.predict(noisy, verbose=0)
    return {"reconstruct": [noisy], "encode": [noisy], "decode": [codes]}


def draw(folder, context, model, predict):
    """Test images through each noise, and what the filters and the model make of them."""
    from recipes.drawings import restoration
    from recipes.tasks.filters import filtered

    count = min(restoration.SHOWN, len(context.data.test.y))
    clean = context.images(context.data.test.take(range(count)))
    columns = {}
    for kind, sizes in filter_sizes(context).items():
        noisy = corrupted(clean, kind, context.recipe.evaluation.noise_level)
        smooth = {name.replace("_", " "): filtered(noisy, name, size) for name, size in sizes.items()}
        rows = {"clean": clean, "noisy": noisy, **smooth, "denoised": _clipped(predict(noisy))}
        columns[kind.replace("_", " ")] = rows
    restoration.compared(folder / "denoised.png", columns)


def _all(split):
    return split.take(range(len(split.y)))


def _clipped(images):
    return np.clip(np.asarray(images, np.float32), 0, 1)


def _averaged(name, values):
    """The mean of each noise's arrays as `NAME_KIND`, and the mean of these as `NAME`."""
    means = {f"{name}_{kind}": float(np.concatenate(values[kind]).mean()) for kind in KINDS}
    return means | {name: float(np.mean(list(means.values())))}
