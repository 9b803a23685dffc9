"""Retrieval by semantic hashing: test images ask for training images with nearly the same code of bits.

Salakhutdinov & Hinton, "Semantic hashing", 2009. The codes of the examples that were learnt fill a hash
table; a test image's neighbours are the examples whose codes differ from its own in at most 0, 1 or 2
bits. Labels are used to judge what comes back, not to learn.
"""

import time

import numpy as np

from recipes.tasks.generation import BernoulliNegativeLogLikelihood
from recipes.tasks.hash_table import HashTable, addresses

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "precision_radius_2", True, True
BARS = {"int8": (0.01, False), "float16": (0.005, False)}
SIGNATURES = ("encode",)
RADII = (0, 1, 2)
_ASKED = 1_000  # test images, at most, for which all training images are searched
_ROWS = 10
_BATCH = 256


def loss(recipe):
    """−log p of an image's pixels under the means that the model gives."""
    return BernoulliNegativeLogLikelihood()


def metrics():
    """None beside the loss: labels are not for training."""
    return []


def score(predict, batches, context):
    """What comes back within 0, 1 and 2 bits of a test image's code, thresholded at 1/2.

    For each radius r, `precision_radius_r` is the share of an answer's examples that have the asking
    image's label, averaged over the images that get an answer at all; `unanswered_radius_r` is the share
    of those that get none, and `returned_radius_r` how many examples come back, averaged over all.
    `lookups_per_second` counts whole answers of radius 2 by this program in a second of processor time on
    this machine, without what the code takes.
    """
    table, labels = _table(predict, context)
    pairs = [(_bits(predict, x), y) for x, y in batches]
    codes, asked = (np.concatenate(part) for part in zip(*pairs, strict=True))
    began = time.process_time()
    answers = _answers(table, codes)
    lookups = _per_second(len(codes), began)
    scores = {}
    for radius in RADII:
        kept = [np.concatenate(shells[: radius + 1]) for shells in answers]
        scores |= _judged(kept, labels, asked, radius)
    return scores | {"lookups_per_second": lookups}


def per_example(predict, batches, context):
    """By test image the share of its answer within 2 bits that has its label, NaN where none comes back: `(n,)`."""
    table, labels = _table(predict, context)
    pairs = [(_bits(predict, x), y) for x, y in batches]
    codes, asked = (np.concatenate(part) for part in zip(*pairs, strict=True))
    answers = [np.concatenate(shells) for shells in _answers(table, codes)]
    return _shares(answers, labels, asked)


def resampled(values, counts):
    """`precision_radius_2`, and `unanswered_radius_2`, since who answers less errs less."""
    answered = counts @ np.isfinite(values)
    precisions = counts @ np.nan_to_num(values) / np.maximum(answered, 1)
    return {"precision_radius_2": precisions, "unanswered_radius_2": 1 - answered / counts.sum(1)}


def _per_second(count, began):
    """`count` over the processor's seconds since `began`, of which the clock counts one tick at least."""
    return count / max(time.process_time() - began, time.get_clock_info("process_time").resolution)


def _table(predict, context):
    """The hash table of what was learnt, and the labels of its examples."""
    images = context.images(context.train)
    parts = [_bits(predict, images[i : i + _BATCH]) for i in range(0, len(images), _BATCH)]
    labels = np.asarray(context.train.split.y[context.train.indices])
    return HashTable(np.concatenate(parts)), labels


def _bits(predict, images):
    """Codes of images, `(n, bits)` of booleans."""
    return np.asarray(predict(images, "encode"), np.float32) >= 0.5


def _answers(table, codes):
    """For each code, the examples at each distance of `RADII`."""
    return [[table.at_distance(where, r) for r in RADII] for where in addresses(codes)]


def _judged(answers, labels, asked, radius):
    """The measures of one radius."""
    sizes = np.array([len(answer) for answer in answers])
    return {
        f"precision_radius_{radius}": precision(answers, labels, asked),
        f"unanswered_radius_{radius}": float(np.mean(sizes == 0)),
        f"returned_radius_{radius}": float(sizes.mean()),
    }


def precision(answers, labels, asked):
    """Share of an answer's examples that have the label asked for, averaged over answers with any; 0 if none."""
    shares = _shares(answers, labels, asked)
    return float(np.nanmean(shares)) if np.isfinite(shares).any() else 0.0


def _shares(answers, labels, asked):
    """Share of each answer's examples that have the label asked for, NaN where there are none: `(n,)`."""
    return np.array(
        [
            np.mean(labels[answer] == label) if len(answer) else np.nan
            for answer, label in zip(answers, asked, strict=True)
        ]
    )


def reference(model, context, metrics):
    """`exact_precision`: of as many nearest training images, by squared distance of pixels.

    Each of at most 1,000 test images, evenly spread, is given as many as the hash table gives it within 2
    bits; `hashed_precision` is the table's on the same images, and `exact_lookups_per_second` how many
    such searches are done in a second of processor time.
    """
    from recipes.tasks import keras_predictor

    predict, test = keras_predictor(model), context.data.test
    chosen = np.linspace(0, len(test.y) - 1, min(_ASKED, len(test.y))).astype(int)
    images, asked = context.images(test.take(chosen)), np.asarray(test.y[chosen])
    table, labels = _table(predict, context)
    hashed = [np.concatenate(shells) for shells in _answers(table, _bits(predict, images))]
    database = context.images(context.train)
    began = time.process_time()
    exact = nearest(database, images, [len(answer) for answer in hashed])
    lookups = _per_second(len(images), began)
    return {
        "exact_precision": precision(exact, labels, asked),
        "hashed_precision": precision(hashed, labels, asked),
        "exact_lookups_per_second": lookups,
    }


def nearest(database, images, counts):
    """For each image, the indices of the `counts` nearest of `database`, by squared distance of pixels."""
    database, images = (x.reshape(len(x), -1) for x in (database, images))
    lengths = np.square(database).sum(1)
    found = []
    for i in range(0, len(images), _BATCH):
        distances = (
            lengths - 2 * images[i : i + _BATCH] @ database.T
        )  # less the image's own, the same for all
        for row, count in zip(distances, counts[i : i + _BATCH], strict=True):
            found.append(np.argpartition(row, min(count, len(row) - 1))[:count])
    return found


def signature_inputs(model, images, recipe):
    """Images for `reconstruct` and `encode`, their bits for `decode`."""
    bits = model.encoder.predict(images, verbose=0) >= 0.5
    return {"reconstruct": [images], "encode": [images], "decode": [bits.astype(np.float32)]}


def draw(folder, context, model, predict):
    """Test images, the examples whose codes are nearest to theirs, and what their bits are decoded to."""
    from recipes import plots

    asked = context.images(context.data.test.take(range(_ROWS)))
    table, _ = _table(predict, context)
    bits = _bits(predict, asked)
    sheet = np.ones((_ROWS, plots.COLUMNS, *asked.shape[1:]), np.float32)
    for row, image, shells in zip(sheet, asked, _answers(table, bits), strict=True):
        found = np.concatenate(shells)[: plots.COLUMNS - 1]
        row[0] = image
        if len(found):
            row[1 : len(found) + 1] = context.images(context.train.take(found))
    title = "Test images (left) and training images within two bits of their codes"
    plots.save(plots.grid(sheet.reshape(-1, *asked.shape[1:]), title), folder / "neighbours.png")
    rebuilt = np.asarray(predict(bits.astype(np.float32), "decode"))
    plots.reconstructions(folder / "reconstructions.png", asked, rebuilt)
