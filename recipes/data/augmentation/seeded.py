"""What the random layers have in common: a seed, and rest outside training."""

import keras


class SeededLayer(keras.layers.Layer):
    """Changes images of any shape to the same shape, in training only.

    Args:
        seed: An integer for a repeatable sequence of draws.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, images, training=False):
        return self.changed(images) if training else images

    def changed(self, images):
        """The images, changed at random by `self.seed_generator`."""
        raise NotImplementedError(f"{type(self).__name__} does not define changed().")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
