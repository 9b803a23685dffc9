"""A functional model that knows its encoder, its decoder and what each is good for."""

import keras


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
        noise = keras.Input(self.decoder.input_shape[1:], name="noise")
        image = self.get_layer("reconstruction")(self.decoder(noise))
        return {**super().signatures, "sample": keras.Model(noise, image, name="sample")}
