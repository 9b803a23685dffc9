"""The vector-quantised autoencoder, from "Neural Discrete Representation Learning".

van den Oord, Vinyals & Kavukcuoglu, 2017, https://arxiv.org/abs/1711.00937
"""

import keras
from keras import layers

from zoo import arguments
from zoo.autoencoders.autoencoder import Autoencoder
from zoo.layers.convolution import conv_bn, conv_bn_relu, strided_features
from zoo.layers.decoding import doubled, finished_image
from zoo.layers.normalization import batch_norm
from zoo.layers.vector_quantizer import VectorQuantizer
from zoo.registry import architecture


@architecture(smallest={"input_shape": (16, 16, 1), "filters": (8, 12), "width": 6, "entries": 16})
def vq_vae(input_shape=(28, 28, 1), filters=(32, 64), width=16, entries=128, commitment=0.25):
    """An autoencoder whose code is a map of entries of a learnt codebook: whole numbers.

    Each vector of the encoder's map gives way to the nearest entry (equation 1). The model adds
    the codebook's and the commitment's distance (equation 3) to its losses; the loss it is compiled with is
    that of the reconstruction. The vectors are normalised by batch, as the entries are when they are
    drawn, so that few of them stay unused. An image is described by `log2(entries)` bits a
    position. There is no `sample`: the code's distribution is a model of its own (section 3.3).

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        filters: Channels of the encoder's convolutions, each of which halves the resolution, mirrored
            in the decoder.
        width: Of a codebook's entry.
        entries: Of the codebook; at most 255 where there is to be an int8 file.
        commitment: Weight of the distance that draws the encoder to the codebook, `beta`.

    Returns:
        A `VectorQuantizedAutoencoder` from images in `[0, 1]` to images in `[0, 1]` of the same shape.
        `encoder` gives the vectors, `(n, rows, columns, width)`; `decoder` takes such vectors and begins
        with the codebook, so that between the two an entry's number can stand for its vector.

    102,241 parameters at the defaults, batch-norm statistics included.
    """
    shape, widths = arguments.image_shape(input_shape), arguments.positives(filters, "filters")
    quantizer = VectorQuantizer(entries, commitment, name="codebook")
    encode = _encoder(shape, widths, arguments.positive(width, "width"))
    decode = _decoder(encode.output_shape[1:], shape, widths[::-1], quantizer)
    image = keras.Input(shape, name="image")
    return VectorQuantizedAutoencoder(image, decode(encode(image)), name="vq_vae")


def _encoder(shape, filters, width):
    image = keras.Input(shape, name="image")
    x = conv_bn_relu(strided_features(image, filters), filters[-1], 3, name="features")
    return keras.Model(image, conv_bn(x, width, 1, name="code"), name="encoder")


def _decoder(code_shape, shape, filters, quantizer):
    code = keras.Input(code_shape, name="code")
    x = conv_bn_relu(quantizer(code), filters[0], 3, name="map")
    for i, width in enumerate(filters[1:], start=1):
        x = doubled(x, width, name=f"block{i}_deconv", use_bias=False)
        x = layers.ReLU(name=f"block{i}_relu")(batch_norm(x, f"block{i}_bn"))
    x = doubled(x, shape[2], name="image_deconv")
    return keras.Model(code, finished_image(x, shape, "sigmoid"), name="decoder")


@keras.saving.register_keras_serializable("zoo")
class VectorQuantizedAutoencoder(Autoencoder):
    """An `Autoencoder` whose code is made of a codebook's entries."""

    @property
    def codebook(self):
        """The entries, `(entries, width)`, as a NumPy array."""
        return keras.ops.convert_to_numpy(self._quantizer.codebook)

    def indices(self, images):
        """The number of the entry at each position: images `(n, h, w, c)` to `(n, rows, columns)`."""
        vectors = self.encoder.predict(images, verbose=0)
        return keras.ops.convert_to_numpy(self._quantizer.indices(vectors))

    @property
    def _quantizer(self):
        return self.decoder.get_layer("codebook")
