"""A variational autoencoder trained by a tighter bound, from "Importance Weighted Autoencoders".

Burda, Grosse & Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519
"""

import keras
from keras import ops

from zoo import arguments
from zoo.autoencoders.autoencoder import VariationalAutoencoder
from zoo.autoencoders.gaussian_code import checked, variational
from zoo.autoencoders.likelihood import importance_bound
from zoo.layers.sampling import GaussianSampling
from zoo.registry import architecture


@architecture(smallest={"input_shape": (12, 12, 1), "units": 64, "samples": 3})
def iwae(
    input_shape=(28, 28, 1),
    code=20,
    samples=5,
    hidden="convolutional",
    filters=(32, 64),
    units=512,
    seed=None,
):
    """A `vae` trained by the bound of several codes an image: `samples` of them, weighed by importance.

    The model has its own training loss, the negative bound (equation 8): a loss it is compiled with
    counts in evaluation only, where it is what that of the `vae` is. At inference and in a file it
    is a `vae`.

    Args:
        input_shape: `(height, width, channels)`, without the batch axis.
        code: Width of the code, `(n, code)`.
        samples: Codes that are drawn for each image in training, `k`; 1 gives the bound of the `vae`.
        hidden: "convolutional" or "dense".
        filters: Channels of the encoder's convolutions, mirrored in the decoder; not used by
            "dense".
        units: Units of each hidden dense layer.
        seed: An integer for a repeatable sequence of samples.

    Returns:
        An `ImportanceWeightedAutoencoder` from images in `[0, 1]` to the means of their pixels.
        `encoder` and `decoder` are those of `vae`.

    3,311,177 parameters at the defaults, batch-norm statistics included.
    """
    sizes = checked(input_shape, code, hidden, filters, units)
    drawn = {"samples": arguments.positive(samples, "samples"), "seed": seed}
    sampling = GaussianSampling(seed, name="sampling")
    return variational(sampling, sizes, ImportanceWeightedAutoencoder, name="iwae", **drawn)


@keras.saving.register_keras_serializable("zoo")
class ImportanceWeightedAutoencoder(VariationalAutoencoder):
    """A `VariationalAutoencoder` that in training gives `{"log_weights": (n, samples)}` and no image.

    Built as any functional model, `ImportanceWeightedAutoencoder(inputs, outputs, samples=...)`.

    Args:
        samples: Codes an image in training.
        seed: An integer for a repeatable sequence of samples.
    """

    def __init__(self, *args, samples=5, seed=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.samples, self.seed = samples, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs, training=None, mask=None):
        if not training:
            return super().call(inputs, training=training, mask=mask)
        images = ops.convert_to_tensor(inputs, self.inputs[0].dtype)
        shape = (ops.shape(images)[0], self.samples, self.noise)
        noise = keras.random.normal(shape, dtype="float32", seed=self.seed_generator)
        return {"log_weights": self.log_weights(images, noise, training=True)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        def loss(images):
            return super(ImportanceWeightedAutoencoder, self).compute_loss(
                x, y, images, sample_weight, training
            )

        return self.total_loss(y_pred, loss, self.losses)

    def total_loss(self, outputs, loss, penalties=()):
        """The loss of what a call gave: in training the negative bound, averaged over the batch.

        Args:
            outputs: Images, or in training a dict with their `log_weights`.
            loss: A function from images to a scalar, `penalties` included.
            penalties: Losses that do not depend on the images.
        """
        if not isinstance(outputs, dict):
            return loss(outputs)
        bound = ops.mean(importance_bound(outputs["log_weights"]))
        return sum((ops.sum(penalty) for penalty in penalties), start=-bound)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        if isinstance(y_pred, dict):  # no image was computed that a metric could look at
            loss, *_ = self.metrics
            return {loss.name: loss.result()}
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self):
        return {**super().get_config(), "samples": self.samples, "seed": self.seed}
