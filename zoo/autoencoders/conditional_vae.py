"""A variational autoencoder that is told the class of its image.

Sohn, Lee & Yan, "Learning Structured Output Representation using Deep Conditional Generative Models",
NeurIPS 2015; with an image's class as the condition: Kingma, Rezende, Mohamed & Welling,
"Semi-Supervised Learning with Deep Generative Models", 2014, https://arxiv.org/abs/1406.5298
"""

import keras
from keras import layers, ops

from zoo import arguments
from zoo.autoencoders.autoencoder import VariationalAutoencoder
from zoo.autoencoders.gaussian_code import bernoulli_decoder, checked, gaussian_encoder
from zoo.autoencoders.likelihood import folded, log_likelihood, weighed
from zoo.layers.sampling import GaussianSampling
from zoo.registry import architecture


@architecture(smallest={"units": 16, "classes": 4})
def conditional_vae(
    input_shape=(28, 28, 1),
    classes=10,
    code=20,
    hidden="convolutional",
    filters=(32, 64),
    units=512,
    seed=None,
):
    """A `vae` with the label beside the image in the encoder, and beside the code in the decoder.

    What the class tells, the code need not: it is left with the hand, the pen, the slant. So images
    of a class that is asked for can be drawn. The code has the prior `N(0, I)` whatever the class; the
    bound that training maximises is that of log p(x | label).

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        classes: How many classes there are.
        code: Width of the code, `(n, code)`.
        hidden: "convolutional" or "dense".
        filters: Channels of the encoder's convolutions, mirrored in the decoder; not used by
            "dense".
        units: Units of each hidden dense layer.
        seed: An integer for a repeatable sequence of samples.

    Returns:
        A `ConditionalVariationalAutoencoder` from `{"image": ..., "label": ...}`, images in `[0, 1]`
        and class numbers `(n,)`, to the means of the images' pixels. `encoder` takes the same and
        gives `{"mean": (n, code), "log_variance": (n, code)}`; `decoder` takes `{"code": ...,
        "label": ...}` and gives logits.

    3,327,881 parameters at the defaults, batch-norm statistics included.
    """
    sizes = checked(input_shape, code, hidden, filters, units)
    classes = arguments.positive(classes, "classes")
    inputs = {
        "image": keras.Input(sizes[0], name="image"),
        "label": keras.Input((), dtype="int32", name="label"),
    }
    latent = GaussianSampling(seed, name="sampling")(**gaussian_encoder(*sizes, classes)(inputs))
    logits = bernoulli_decoder(*sizes, classes)({"code": latent, "label": inputs["label"]})
    pixels = layers.Activation("sigmoid", name="reconstruction")(logits)
    return ConditionalVariationalAutoencoder(inputs, pixels, name="conditional_vae")


@keras.saving.register_keras_serializable("zoo")
class ConditionalVariationalAutoencoder(VariationalAutoencoder):
    """A `VariationalAutoencoder` whose parts all take a `label` beside their other input."""

    @property
    def signatures(self):
        """As of `VariationalAutoencoder`; `sample` takes `{"noise": ..., "label": ...}`."""
        noise = keras.Input((self.noise,), name="noise")
        label = keras.Input((), dtype="int32", name="label")
        image = self.get_layer("reconstruction")(self.decoder({"code": noise, "label": label}))
        sample = keras.Model({"noise": noise, "label": label}, image, name="sample")
        return {"reconstruct": self, "encode": self.encoder, "decode": self.decoder, "sample": sample}

    def log_weights(self, inputs, noise, training=False):
        """As of `VariationalAutoencoder`, given the label: log p(x, z | label) - log q(z | x, label)."""
        codes = self.encoder(inputs, training=training)
        latent, ratios = weighed(noise, codes["mean"], codes["log_variance"])
        labels = ops.repeat(inputs["label"], ops.shape(noise)[1], axis=0)
        logits = self.decoder({"code": folded(latent), "label": labels}, training=training)
        return ratios + log_likelihood(inputs["image"], logits)
