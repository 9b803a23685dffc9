"""How strongly the score of a class depends on each pixel.

Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks", 2014, section 3,
https://arxiv.org/abs/1312.6034
"""

import numpy as np
from keras import ops

from recipes import gradients
from recipes.explanations import scores


def saliency(model, images, classes):
    """The absolute gradient of the score, its maximum over channels: `(n, h, w)`.

    Args:
        model: A Keras classifier of images.
        images: `(n, h, w, c)`, as the model is fed them.
        classes: `(n,)`, the class whose score is explained.
    """
    return np.abs(gradient(model, images, classes)).max(axis=-1)


def gradient(model, images, classes):
    """The gradient of each image's own score, `(n, h, w, c)`."""
    return gradients.of_images(
        lambda batch: ops.sum(scores.of_classes(model, batch, classes)), np.asarray(images, "float32")
    )
