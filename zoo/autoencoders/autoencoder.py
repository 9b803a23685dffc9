"""A functional model that knows its encoder, its decoder and what each is good for."""

import keras

from zoo.autoencoders.likelihood import folded, log_likelihood, weighed


@keras.saving.register_keras_serializable("zoo")
class Autoencoder(keras.Model):
    """A functional model made of the sub-models `encoder` and `decoder`.

    Built as any functional model, `Autoencoder(inputs, outputs)`; it is saved, loaded and cloned
    as one and stays an `Autoencoder`.
    """

    @property
    def encoder(self):
        """The sub-model from image to code."""
        return self.get_layer("encoder")

    @property
    def decoder(self):
        """The sub-model from code to image."""
        return self.get_layer("decoder")

    @property
    def signatures(self):
        """What an exported file offers, as models that share these weights: `{name: model}`."""
        return {"reconstruct": self, "encode": self.encoder, "decode": self.decoder}

    def __dir__(self):
        # Saving walks every listed attribute, and `signatures` leads back to this very model.
        return [name for name in super().__dir__() if name != "signatures"]


@keras.saving.register_keras_serializable("zoo")
class VariationalAutoencoder(Autoencoder):
    """An `Autoencoder` with a Gaussian code.

    Its encoder gives `mean` and `log_variance`, its decoder logits, and its layer `reconstruction`
    turns logits into pixels.
    """

    @property
    def signatures(self):
        """As of `Autoencoder`, and `sample`: from noise of `N(0, I)`, `(n, code)`, to an image."""
        noise = keras.Input((self.noise,), name="noise")
        image = self.get_layer("reconstruction")(self.decoder(noise))
        return {**super().signatures, "sample": keras.Model(noise, image, name="sample")}

    @property
    def noise(self):
        """How many numbers from `N(0, 1)` make a sample: the width of the code, all layers together."""
        return self.encoder.output["mean"].shape[-1]

    def log_weights(self, inputs, noise, training=False):
        """log p(x, z) - log q(z | x) in nats, for binary pixels x and codes z made of noise.

        Their mean estimates the evidence lower bound, and the logarithm of the mean of their
        exponentials the tighter importance-weighted one (Burda, Grosse & Salakhutdinov, "Importance
        Weighted Autoencoders", 2016, equation 8, https://arxiv.org/abs/1509.00519), which comes to
        the log likelihood as k grows.

        Args:
            inputs: What the model takes, n of each.
            noise: `(n, k, self.noise)`, of `N(0, I)`: z is the code's mean plus noise times its
                deviation.
            training: Whether batches are normalised by themselves.

        Returns:
            A tensor `(n, k)`.
        """
        codes = self.encoder(inputs, training=training)
        latent, ratios = weighed(noise, codes["mean"], codes["log_variance"])
        logits = self.decoder(folded(latent), training=training)
        return ratios + log_likelihood(inputs, logits)
