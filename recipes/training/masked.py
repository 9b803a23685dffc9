"""Before a convolutional network is trained: it learns to fill in hidden patches of images, without labels.

He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022, https://arxiv.org/abs/2111.06377, as
convolutional networks do it: Woo et al., "ConvNeXt V2", 2023, section 3.1, https://arxiv.org/abs/2301.00808.
Features are 0 where the image is hidden behind every layer with weights, as if convolutions were sparse.
"""

import contextlib
import random

import keras
import msgspec
import numpy as np
from keras import layers, ops

from recipes import tasks
from recipes.compressing import Clustering, Distillation, Pruning
from recipes.errors import RecipeError
from recipes.learning import Optimizer, Pretraining, Regularization
from recipes.transfer import Transfer
from zoo.classifiers.convnext_v2 import convnext_block
from zoo.layers.patch_masking import PatchMasking, keep_visible

FOLDER = "pretraining"
"""Where in a run's directory the history and the checkpoints of this part are."""


def pretrain(run, model, data, progress=None):
    """Give `model` its first weights as the recipe's `pretraining` says, where its kind is `masked`.

    It goes on from the newest checkpoint where there is one. No generator that training uses is touched: a run
    that finds this part done comes to the same end as one that did it.

    Args:
        run: The run, whose directory gets the folder `pretraining`.
        model: The untrained architecture.
        data: The recipe's `Prepared` data.
        progress: Called as `progress(stage, done, total)`.
    """
    if run.recipe.pretraining.kind != "masked":
        return
    from recipes.training import distribution
    from recipes.training.fit import fit

    with _generators_kept():
        keras.utils.set_random_seed(run.recipe.seed)
        with distribution.current().building():
            learner = autoencoder(run.recipe, model)
        fit(first_part(run.recipe), learner, data, run.recipe.seed, run.path / FOLDER, _told(progress))


def check(recipe, model):
    """Raise a `RecipeError` where the recipe's task or its model can't be pre-trained so."""
    if hasattr(tasks.get(recipe.task), "learnt"):
        raise RecipeError(
            f"pretraining.kind=masked learns from all training images, and task={recipe.task} leaves some of them "
            "out; give pretraining.kind=none"
        )
    autoencoder(recipe, model)


def first_part(recipe):
    """The recipe by which hidden patches are learnt, on the whole training split."""
    values = recipe.pretraining
    return msgspec.structs.replace(
        recipe,
        task="masked_reconstruction",
        examples=None,
        epochs=values.epochs,
        batch_size=values.masking.batch_size,
        optimizer=Optimizer(
            name="adamw",
            learning_rate=values.masking.learning_rate,
            schedule="cosine",
            warmup=0.1,
            weight_decay=0.05,
        ),
        engine=msgspec.structs.replace(recipe.engine, accumulation=1, ema=0.0),
        pretraining=Pretraining(),
        transfer=Transfer(),
        augmentation=msgspec.structs.replace(
            recipe.augmentation, mixup=0.0, cutmix=0.0, cutout=0, erasing=0.0
        ),
        regularization=Regularization(),
        pruning=Pruning(),
        clustering=Clustering(),
        distillation=Distillation(),
    )


def autoencoder(recipe, model):
    """A model that hides patches of an image and fills them in, with the weights of `model`'s first layers.

    `(n, h, w, c)` to `(n, h, w, c + 1)`, the image and behind it ones where it was hidden.

    Args:
        recipe: A `recipes.recipe.Recipe`, with the values of its `pretraining.masking`.
        model: An architecture for images.

    Raises:
        RecipeError: The model takes no images, patches don't tile them, or no layer's output fits patches.
    """
    values, shape = recipe.pretraining.masking, model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise RecipeError(f"pretraining.kind=masked is for images; the input of {model.name} is {shape}")
    image = keras.Input(shape[1:], name="image")
    try:
        hide = _Hiding(values.patch_size, values.ratio, True, seed=recipe.seed, name="masking")
        seen, mask = hide(image)
    except ValueError as error:
        raise RecipeError(f"pretraining.masking: {error}") from error
    features = _features(_encoder(model, values.patch_size), seen, mask, values.patch_size)
    filled = _decoded(features, mask, values.width, shape[3])
    return keras.Model(image, layers.Concatenate(name="filled")([filled, mask]), name="masked_autoencoder")


def _encoder(model, patch_size):
    """`model` up to the last layer whose output has one position a patch, or more of them."""
    height, width = model.input_shape[1:3]
    found = [layer for layer in model.layers if _fits(layer.output, height, width, patch_size)]
    if not any(layer.weights for layer in found):
        raise RecipeError(
            f"pretraining.kind=masked: no layer with weights of {model.name} gives maps that fit patches of "
            f"pretraining.masking.patch_size={patch_size} on {height}×{width} pixels; give another size, or model"
        )
    return keras.Model(model.inputs, found[-1].output)


def _fits(output, height, width, patch_size):
    """Whether `output` is a map whose stride is the same both ways and divides the patch."""
    shape = getattr(output, "shape", ())
    if len(shape) != 4 or None in shape[1:] or shape[1] < 2 or height % shape[1] or width % shape[2]:
        return False
    stride = height // shape[1]
    return stride == width // shape[2] and patch_size % stride == 0


def _features(encoder, seen, mask, patch_size):
    """The encoder's output, 0 where the image is hidden behind every layer with weights."""
    height, width = mask.shape[1:3]

    def visible(operation):
        def call(*args, **kwargs):
            output = operation(*args, **kwargs)
            held = operation.weights and _fits(output, height, width, patch_size)
            return keep_visible(output, mask) if held else output

        return call

    (features,) = keras.tree.flatten(encoder._run_through_graph([seen], operation_fn=visible))
    return keep_visible(features, mask)


def _decoded(features, mask, width, channels):
    """An image of what the features say, and of what they suggest where nothing was seen: `(n, h, w, channels)`."""
    (height, columns), stride = features.shape[1:3], mask.shape[1] // features.shape[1]
    x = layers.Conv2D(width, 1, name="masked_decoder_in")(features)
    x = _Token(name="masked_decoder_token")([x, mask[:, ::stride, ::stride]])
    x = convnext_block(x, normalization="layer", name="masked_decoder")
    x = layers.Conv2D(stride * stride * channels, 1, name="masked_decoder_pixels")(x)
    x = layers.Reshape((height, columns, stride, stride, channels), name="masked_decoder_parts")(x)
    x = layers.Permute((1, 3, 2, 4, 5), name="masked_decoder_rows")(x)
    return layers.Reshape((height * stride, columns * stride, channels), name="masked_decoder_image")(x)


class _Hiding(PatchMasking):
    """Patches are hidden in validation too: what is filled in there is what is measured."""

    def call(self, images, training=True):
        return super().call(images, training=True)


class _Token(layers.Layer):
    """Puts one learnt vector wherever nothing was seen: `[(n, h, w, c), (n, h, w, 1)]` to `(n, h, w, c)`."""

    def build(self, shapes):
        self.token = self.add_weight(shape=(shapes[0][-1],), initializer="random_normal", name="token")

    def call(self, inputs):
        features, hidden = inputs
        hidden = ops.cast(hidden, features.dtype)
        return features * (1 - hidden) + ops.cast(self.token, features.dtype) * hidden


def _told(progress):
    """`progress`, told that it is this part that goes on."""

    def tell(stage, done, total):
        progress("pre-training" if stage == "training" else f"pre-training, {stage}", done, total)

    return tell if progress else None


@contextlib.contextmanager
def _generators_kept():
    """After the block, Python's and NumPy's generators go on as if it had not been."""
    before = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
