"""The ladder variational autoencoder: several stochastic layers, inferred from the top down.

Sønderby, Raiko, Maaløe, Sønderby & Winther, "Ladder Variational Autoencoders", NeurIPS 2016,
https://arxiv.org/abs/1602.02282
"""

import keras
from keras import layers, ops

from zoo import arguments
from zoo.autoencoders.autoencoder import VariationalAutoencoder
from zoo.autoencoders.gaussian_code import bernoulli_decoder, checked, gaussian
from zoo.autoencoders.likelihood import folded, log_likelihood, unfolded, weighed
from zoo.layers.convolution import strided_features
from zoo.layers.dense import dense_bn_relu
from zoo.layers.sampling import GaussianSampling, PrecisionWeightedSampling, precision_weighted
from zoo.registry import architecture


@architecture(smallest={"units": 16})
def ladder_vae(
    input_shape=(28, 28, 1),
    codes=(20, 10),
    hidden="convolutional",
    filters=(32, 64),
    units=256,
    seed=None,
):
    """A variational autoencoder with a Gaussian code on top of a Gaussian code.

    Only the top one has the prior `N(0, I)`; that of every other depends on the code above it. The
    encoder goes up once and gives of every code what the image says; on the way down each of
    these is put together with its prior, weighed by precision (equations 18 and 19). The
    divergence of every code from its prior, in nats an image, is added to the losses, so that with the
    summed binary cross-entropy as the loss training maximises the evidence lower bound. There is no
    warm-up of these terms; batches are normalised, as in the paper.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        codes: Width of each code, that next to the image first; two or more.
        hidden: "convolutional" or "dense" below the first code; the layers above are dense.
        filters: Channels of the encoder's convolutions, mirrored in the decoder; not used by
            "dense".
        units: Units of each hidden dense layer.
        seed: An integer for a repeatable sequence of samples.

    Returns:
        A `LadderVariationalAutoencoder` from images in `[0, 1]` to the means of their pixels.
        `encoder` gives what the image says: `mean` and `log_variance` of the top code, `mean1` and
        `log_variance1` of that next to the image, and so on. `decoder` goes from the code next to the
        image to logits.

    1,773,701 parameters at the defaults, batch-norm statistics included.
    """
    widths = arguments.positives(codes, "codes")
    if len(widths) < 2:
        raise ValueError(
            f"codes={codes!r}: a ladder has two codes or more. Pass codes=(20, 10), or build a vae."
        )
    shape, _, filters, units = checked(input_shape, widths[0], hidden, filters, units)
    image = keras.Input(shape, name="image")
    said = _encoder(shape, widths, filters, units)(image)
    latent = GaussianSampling(seed, name=f"sampling{len(widths)}")(said["mean"], said["log_variance"])
    for i in range(len(widths) - 1, 0, -1):
        prior = _prior(i, widths, units)(latent)
        given = said[f"mean{i}"], said[f"log_variance{i}"], prior["mean"], prior["log_variance"]
        latent = PrecisionWeightedSampling(None if seed is None else seed + i, name=f"sampling{i}")(*given)
    logits = bernoulli_decoder(shape, widths[0], filters, units)(latent)
    pixels = layers.Activation("sigmoid", name="reconstruction")(logits)
    return LadderVariationalAutoencoder(image, pixels, name="ladder_vae")


def _encoder(shape, codes, filters, units):
    image = keras.Input(shape, name="image")
    x, outputs = layers.Flatten(name="flatten")(strided_features(image, filters)), {}
    for i, code in enumerate(codes, start=1):
        x = dense_bn_relu(x, units, name=f"hidden{i}")
        parts = gaussian(x, code, name="" if i == len(codes) else str(i))
        outputs |= parts
    return keras.Model(image, outputs, name="encoder")


def _prior(i, codes, units):
    """Of code `i`, from the code above it."""
    above = keras.Input((codes[i],), name="code")
    x = dense_bn_relu(above, units, name="hidden")
    return keras.Model(above, gaussian(x, codes[i - 1]), name=f"prior{i}")


@keras.saving.register_keras_serializable("zoo")
class LadderVariationalAutoencoder(VariationalAutoencoder):
    """A `VariationalAutoencoder` with several codes, numbered from that next to the image up."""

    @property
    def priors(self):
        """The models from a code to `mean` and `log_variance` of the one below it, from the top down."""
        return [self.get_layer(f"prior{i}") for i in range(len(self.widths) - 1, 0, -1)]

    @property
    def widths(self):
        """The width of every code, that next to the image first."""
        outputs = self.encoder.output
        return [outputs[f"mean{i}"].shape[-1] for i in range(1, len(outputs) // 2)] + [
            outputs["mean"].shape[-1]
        ]

    @property
    def noise(self):
        """How many numbers from `N(0, 1)` make a sample: the widths of all codes together."""
        return sum(self.widths)

    @property
    def signatures(self):
        """`encode`, `prior1` and so on, `decode` from the lowest code, `reconstruct` and `sample`.

        `sample` takes noise of `N(0, I)` for every code, `(n, self.noise)`, that of the top code first:
        zeros in the place of the others give what the top code alone says.
        """
        noise = keras.Input((self.noise,), name="noise")
        latent, *others = self._split(noise)
        for prior, part in zip(self.priors, others, strict=True):
            below = prior(latent)
            latent = below["mean"] + ops.exp(below["log_variance"] / 2) * part
        image = self.get_layer("reconstruction")(self.decoder(latent))
        sample = {"sample": keras.Model(noise, image, name="sample")}
        parts = {"reconstruct": self, "encode": self.encoder, "decode": self.decoder}
        return parts | {prior.name: prior for prior in self.priors} | sample

    def log_weights(self, inputs, noise, training=False):
        """As of `VariationalAutoencoder`, z being all codes; noise for the top one comes first."""
        said, (top, *others) = self.encoder(inputs, training=training), self._split(noise)
        latent, ratios = weighed(top, said["mean"], said["log_variance"])
        for prior, part in zip(self.priors, others, strict=True):
            below = prior(folded(latent), training=training)
            given = [unfolded(below[name], part) for name in ("mean", "log_variance")]
            i = prior.name.removeprefix("prior")
            seen = [ops.expand_dims(said[f"{name}{i}"], 1) for name in ("mean", "log_variance")]
            latent, more = weighed(part, *precision_weighted(*seen, *given), *given)
            ratios = ratios + more
        return ratios + log_likelihood(inputs, self.decoder(folded(latent), training=training))

    def _split(self, noise):
        """Noise `(..., self.noise)` by code, from the top down."""
        parts, start = [], 0
        for width in reversed(self.widths):
            parts.append(noise[..., start : start + width])
            start += width
        return parts
