"""Random masking of patches, the task of masked pre-training.

He et al., "Masked Autoencoders Are Scalable Vision Learners", 2022, section 3,
https://arxiv.org/abs/2111.06377; for convolutional networks Woo et al., "ConvNeXt V2", 2023, section
3.1, https://arxiv.org/abs/2301.00808
"""

import math

import keras
from keras import ops

from zoo import arguments


@keras.saving.register_keras_serializable("zoo")
class PatchMasking(keras.layers.Layer):
    """Sets random square patches of an image to 0 in training, as many in each image.

    Every set of `round(ratio * patches)` patches is equally likely. At inference images pass.

    Args:
        patch_size: Side of a patch in pixels, an integer or `(height, width)`; 32 in ConvNeXt V2.
        ratio: Share of patches to hide; 0.6 in ConvNeXt V2, 0.75 in He et al.
        return_mask: Gives the mask too, `(n, h, w, 1)` with ones where pixels are hidden: a
            reconstruction's loss counts there. Zeros at inference.
        seed: An integer for a repeatable sequence of masks.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    `(n, h, w, c)` to the same shape, or to that and the mask; the same with channels first.

    Raises:
        ValueError: `patch_size` is not positive or does not divide the image, or `ratio` is no
            fraction or hides no patch, or all.
    """

    def __init__(self, patch_size=32, ratio=0.6, return_mask=False, seed=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.patch_size = arguments.pair(patch_size, "patch_size")
        self.ratio = arguments.rate(ratio, "ratio")
        self.return_mask = bool(return_mask)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.data_format = data_format or keras.config.image_data_format()
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        patches = math.prod(self._grid(input_shape))
        if not 0 < self._hidden(patches) < patches:
            raise ValueError(
                f"ratio={self.ratio!r} hides {self._hidden(patches)} of {patches} patches: expected at "
                "least one, and one left to see. Pass another ratio or smaller patches."
            )

    def call(self, images, training=False):
        if training:
            mask = self._mask(images)
            images = images * (1 - mask)
        elif self.return_mask:
            mask = ops.zeros_like(self._one_channel(images))
        return (images, mask) if self.return_mask else images

    def compute_output_shape(self, input_shape):
        if not self.return_mask:
            return tuple(input_shape)
        mask = list(input_shape)
        mask[1 if self._channels_first() else 3] = 1
        return tuple(input_shape), tuple(mask)

    def get_config(self):
        return {
            **super().get_config(),
            "patch_size": self.patch_size,
            "ratio": self.ratio,
            "return_mask": self.return_mask,
            "seed": self.seed,
            "data_format": self.data_format,
        }

    def _channels_first(self):
        return self.data_format == "channels_first"

    def _one_channel(self, images):
        return images[:, :1] if self._channels_first() else images[..., :1]

    def _grid(self, shape):
        """Patches along height and width."""
        sizes = tuple(shape[2:4] if self._channels_first() else shape[1:3])
        if None in sizes or any(s % p for s, p in zip(sizes, self.patch_size, strict=True)):
            raise ValueError(
                f"Patches of {self.patch_size} do not tile an image of {sizes}: expected a height and a "
                "width that they divide. Pass another patch_size, or pad the images."
            )
        return tuple(s // p for s, p in zip(sizes, self.patch_size, strict=True))

    def _hidden(self, patches):
        return round(self.ratio * patches)

    def _mask(self, images):
        """Ones where pixels are hidden: `(n, h, w, 1)`, or `(n, 1, h, w)` with channels first."""
        rows, columns = self._grid(images.shape)
        shape = (ops.shape(images)[0], rows * columns)
        noise = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        # A number's rank is its place in the order of the order.
        ranks = ops.argsort(ops.argsort(noise, axis=1), axis=1)
        mask = ops.cast(ranks < self._hidden(rows * columns), images.dtype)
        mask = ops.reshape(mask, (-1, rows, columns))
        for axis, factor in enumerate(self.patch_size, start=1):
            mask = ops.repeat(mask, factor, axis=axis)
        return ops.expand_dims(mask, 1 if self._channels_first() else 3)


def keep_visible(features, mask, data_format=None):
    """Sets a feature map to 0 where the image was hidden, before and after each convolution.

    A dense network then sees as little as one with sparse convolutions (Woo et al., section 3.1).

    Args:
        features: `(n, h / k, w / k, c)` of an image `(n, h, w, _)`, with k a divisor of the patch.
        mask: `(n, h, w, 1)` of `PatchMasking`.
        data_format: "channels_last" or "channels_first"; Keras's setting by default.

    Raises:
        ValueError: The sizes of `features` do not divide those of `mask`.
    """
    first = 2 if (data_format or keras.config.image_data_format()) == "channels_first" else 1
    sizes, full = tuple(features.shape[first : first + 2]), tuple(mask.shape[first : first + 2])
    if any(large % small for large, small in zip(full, sizes, strict=True)):
        raise ValueError(
            f"A mask of {full} does not fit features of {sizes}: expected sizes that divide the mask's. "
            "Pass features of an integer stride."
        )
    steps = tuple(slice(None, None, a // b) for a, b in zip(full, sizes, strict=True))
    hidden = ops.cast(mask[(slice(None),) * first + steps], features.dtype)
    return features * (1 - hidden)
