"""The model while it trains: augmentation in front of it, inside the compiled step."""

import keras


class Trainee(keras.Model):
    """`model` behind a stack of augmentation layers that act in training only.

    Args:
        model: The architecture; its weights are this model's.
        augmentation: Keras layers, each from images to images.
        reconstructs: The target is the augmented input, not the label.
    """

    def __init__(self, model, augmentation=(), reconstructs=False):
        super().__init__(name="trainee")
        self.model, self.augmentation, self.reconstructs = model, list(augmentation), reconstructs

    def call(self, images, training=False):
        for layer in self.augmentation:
            images = layer(images, training=training)
        output = self.model(images, training=training)
        return {"output": output, "target": images} if self.reconstructs else output

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y, y_pred = self._aimed(y, y_pred)
        return super().compute_loss(x, y, y_pred, sample_weight, training=training)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y, y_pred = self._aimed(y, y_pred)
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def _aimed(self, y, y_pred):
        return (y_pred["target"], y_pred["output"]) if self.reconstructs else (y, y_pred)
