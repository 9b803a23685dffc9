"""Representation: what a linear classifier reads from frozen codes, and how sparse and steady these are.

Linear probes: Alain & Bengio, "Understanding Intermediate Layers Using Linear Classifier Probes", 2017,
https://arxiv.org/abs/1610.01644. Models are trained to reconstruct, without labels.
"""

import warnings

import keras
import numpy as np

from recipes.tasks import reconstruction

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "probe_accuracy", True, True
BARS = {"int8": (0.005, False), "float16": (0.002, False)}  # half a point; a fifth of a point
SIGNATURES = ("encode", "reconstruct")

_SILENT = 0.01  # of the largest magnitude in a code: a unit below that counts as off
_STEADY_IMAGES, _DIRECTIONS = 256, 32  # of which the Jacobian's norm is the mean
_STEPS, _BATCH = 6000, 200  # of the classifier
_SEED = 0  # every model and file is asked about the same examples and directions

loss, metrics, signature_inputs = reconstruction.loss, reconstruction.metrics, reconstruction.signature_inputs


def score(predict, batches, context):
    """`probe_accuracy`, `code_sparsity`, `hoyer_sparsity` and `squared_error` of test images.

    - `probe_accuracy`: share of test images whose class a linear classifier finds that was fitted to
      the codes of training images (`probe`); both kinds of codes come from `predict`.
    - `code_sparsity`: share of units whose magnitude is at most a hundredth of the largest in their code.
    - `hoyer_sparsity`: 0 where all units are alike and 1 where one alone is active, the mean over images
      (Hoyer, "Non-negative Matrix Factorization with Sparseness Constraints", 2004, section 3.1).
    - `squared_error` per image, as of task `reconstruction`.
    """
    codes, labels, errors = [], [], []
    for x, y in batches:
        codes.append(flat(predict(x, "encode")))
        labels.append(y)
        errors.append(reconstruction.squared_errors(x, np.asarray(predict(x), np.float32)))
    codes = np.concatenate(codes)  # (n, units)
    classifier = probe(*_learnt(predict, context))
    return {
        "probe_accuracy": float(classifier.score(codes, np.concatenate(labels))),
        "code_sparsity": code_sparsity(codes),
        "hoyer_sparsity": hoyer_sparsity(codes),
        "squared_error": float(np.concatenate(errors).mean()),
    }


def per_example(predict, batches, context):
    """1 where the linear classifier finds an example's class, else 0: `(n,)`."""
    pairs = [(flat(predict(x, "encode")), y) for x, y in batches]
    codes, labels = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return (probe(*_learnt(predict, context)).predict(codes) == labels).astype(np.float64)


def flat(code):
    """A batch of codes as `(n, units)` float32; of a Gaussian code, its mean."""
    code = np.asarray(code["mean"] if isinstance(code, dict) else code, np.float32)
    return code.reshape(len(code), -1)


def probe(codes, labels):
    """Multinomial logistic regression of `labels` `(n,)` on standardised `codes` `(n, units)`, fitted.

    Its weights are found by 6,000 steps of Adam in batches of 200, with a penalty on their squares: on
    60,000 codes of 1,000 units that takes seconds, for each file anew, where methods that see all codes
    at each step take a minute. What scikit-learn has for it is its multilayer perceptron, here with no
    hidden layer.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    size = min(_BATCH, len(codes))
    epochs = -(-_STEPS * size // len(codes))
    regression = MLPClassifier(
        (), alpha=1e-2, batch_size=size, max_iter=epochs, n_iter_no_change=epochs, random_state=_SEED
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is what was wanted
        return make_pipeline(StandardScaler(), regression).fit(codes, labels)


def code_sparsity(codes):
    """Share of the values of `codes` `(n, units)` at most a hundredth of the largest of their row."""
    sizes = np.abs(codes)
    return float((sizes <= _SILENT * sizes.max(1, keepdims=True)).mean())


def hoyer_sparsity(codes):
    """The mean over rows of `(√n - ||h||₁ / ||h||₂) / (√n - 1)`, n the width of `codes`, two or more."""
    sizes, root = np.abs(codes).astype(np.float64), np.sqrt(codes.shape[1])
    lengths = np.sqrt(np.square(sizes).sum(1))
    spread = sizes.sum(1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return float(np.where(lengths > 0, (root - spread) / (root - 1), 1.0).mean())


def reference(model, context, metrics):
    """`jacobian_norm` of the encoder, and `pixel_probe_accuracy`, of the same classifier on raw pixels."""
    test, count = context.data.test, min(_STEADY_IMAGES, len(context.data.test.y))
    images = context.images(test.take(np.linspace(0, len(test.y) - 1, count).astype(int)))
    pixels = flat(context.images(test.take(range(len(test.y)))))
    on_pixels = probe(*_learnt(lambda x, signature: x, context))
    return {
        "jacobian_norm": jacobian_norm(model.encoder, images),
        "pixel_probe_accuracy": float(on_pixels.score(pixels, test.y)),
    }


def jacobian_norm(encoder, images, directions=_DIRECTIONS):
    """Mean over `images` of the squared Frobenius norm of the Jacobian J of the codes by the pixels.

    Estimated without bias: `E ||Jᵀ v||² = ||J||²` for signs v drawn with even chances, and `Jᵀ v` is the
    gradient of `v · code`. It grows with the square of the code's scale.

    Args:
        encoder: From `images` to codes; a Gaussian code counts by its mean.
        images: `(n, ...)`, as the model is fed them.
        directions: Signs v drawn for each image.
    """
    from recipes.gradients import of_images

    def along(batch):
        code = encoder(batch, training=False)
        code = code["mean"] if isinstance(code, dict) else code
        return keras.ops.sum(code * keras.ops.convert_to_tensor(signs))

    rng = np.random.default_rng(_SEED)
    shape = encoder.output["mean"].shape if isinstance(encoder.output, dict) else encoder.output.shape
    total = 0.0
    for _ in range(directions):
        signs = rng.choice(np.float32([-1, 1]), (len(images), *shape[1:]))
        total += np.square(of_images(along, images).astype(np.float64)).sum()
    return float(total / (directions * len(images)))


def draw(folder, context, model, predict):
    """Test images with their reconstructions, and what each of the busiest units draws."""
    from recipes import plots

    reconstruction.draw(folder, context, model, predict)
    images = context.images(context.data.test.take(range(min(1000, len(context.data.test.y)))))
    strokes = unit_strokes(predict, flat(predict(images, "encode")), model, 10 * plots.COLUMNS)
    contrast = np.abs(strokes).max((1, 2, 3), keepdims=True)
    pictures = 0.5 + strokes / (2 * np.where(contrast > 0, contrast, 1))
    title = "What the busiest units add to a picture, each to its own contrast; grey is nothing"
    plots.save(plots.grid(pictures, title), folder / "units.png")


def unit_strokes(predict, codes, model, most):
    """What each of the `most` units that vary most among `codes` `(n, units)` changes in the mean code's picture.

    A unit is raised by two standard deviations. `(units, h, w, c)` in [-1, 1].
    """
    order = np.argsort(-codes.std(0), kind="stable")[:most]
    codes = codes.astype(np.float32)
    raised = np.repeat(codes.mean(0)[None], len(order) + 1, axis=0)
    raised[np.arange(len(order)), order] += 2 * codes.std(0)[order]
    signature = "sample" if "sample" in model.signatures else "decode"
    pictures = np.asarray(predict(raised.reshape(-1, *model.decoder.input_shape[1:]), signature))
    return pictures[:-1] - pictures[-1:]


def _learnt(predict, context):
    """Codes `(n, units)` and labels of at most `evaluation.probe_examples` of the examples that were learnt."""
    from recipes.data.feeding import Batches

    train, recipe = context.train, context.recipe
    chosen = np.random.default_rng(_SEED).permutation(train.size)[: recipe.evaluation.probe_examples]
    batches = Batches(train.take(np.sort(chosen)), 256, binarize=recipe.features.binarize)
    pairs = [(flat(predict(x, "encode")), y) for x, y in (batches[i] for i in range(len(batches)))]
    return tuple(np.concatenate(part) for part in zip(*pairs, strict=True))
