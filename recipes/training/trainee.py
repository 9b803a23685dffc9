"""The model while it trains: augmentation in front of it, inside the compiled step."""

import keras
from keras import ops


class Trainee(keras.Model):
    """`model` behind a stack of augmentation layers that act in training only.

    Args:
        model: The architecture; its weights are this model's.
        augmentation: Keras layers, each from images to images.
        reconstructs: The target is the augmented input, not the label.
        mixing: Keras layers that put images and their labels together, each from and to
            `{"images": …, "labels": …}`. The loss then gets labels `(n, classes)`; the metrics get the
            class with the largest share.
        degradation: Keras layers between the target and the model's input, in evaluation too.
        teaching: A `recipes.training.teaching.Teaching` that sees what the model sees in training, or `None`.

    Where it is called with `{"image": …, "label": …}`, so is the model.
    """

    def __init__(self, model, augmentation=(), reconstructs=False, mixing=(), degradation=(), teaching=None):
        super().__init__(name="trainee")
        self.model, self.augmentation, self.reconstructs = model, list(augmentation), reconstructs
        self.mixing, self.degradation, self.teaching = list(mixing), list(degradation), teaching

    def build(self, input_shape):
        # At rest, they are not all called with the first images.
        for layer in (*self.augmentation, *self.mixing):
            layer.build(input_shape["image"] if isinstance(input_shape, dict) else input_shape)

    def call(self, inputs, training=False):
        images = inputs["image"] if isinstance(inputs, dict) else inputs
        for layer in self.augmentation:
            images = layer(images, training=training)
        if training and self.mixing:
            images, shares = self._mixed(images)
            return self._taught({"output": self.model(images, training=training), "shares": shares}, images)
        seen = images
        for layer in self.degradation:
            seen = layer(seen, training=training)
        if isinstance(inputs, dict):
            seen = {**inputs, "image": seen}
        output = self.model(seen, training=training)
        output = {"output": output, "target": images} if self.reconstructs else output
        return self._taught(output, seen) if training else output

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y_pred, taught = _apart(y_pred)
        y, y_pred = self._aimed(y, y_pred)

        def loss(output):
            return super(Trainee, self).compute_loss(x, y, output, sample_weight, training=training)

        if hasattr(self.model, "total_loss"):  # with heads that exist in training only
            hard = self.model.total_loss(y_pred, loss, self.losses)
        else:
            hard = loss(y_pred)
        if taught is None:
            return hard
        penalties = sum(ops.sum(penalty) for penalty in self.losses)
        return self.teaching.loss(hard, penalties, _logits(y_pred), taught)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y_pred, _ = _apart(y_pred)
        mixed = _is_mixed(y_pred)
        y, y_pred = self._aimed(y, y_pred)
        y = ops.argmax(y, axis=-1) if mixed else y
        return super().compute_metrics(x, y, _logits(y_pred), sample_weight)

    def _mixed(self, images):
        """Images put together, and by how much each image of the batch is in each of them: `(n, n)`."""
        mixed = {"images": images, "labels": ops.eye(ops.shape(images)[0], dtype="float32")}
        for layer in self.mixing:
            mixed = layer(mixed, training=True)
        return mixed["images"], mixed["labels"]

    def _taught(self, output, seen):
        """The output, with what the teacher makes of the same images where there is one."""
        return {"own": output, "taught": self.teaching(seen)} if self.teaching else output

    def _aimed(self, y, y_pred):
        if _is_mixed(y_pred):
            output = y_pred["output"]
            labels = ops.one_hot(ops.cast(y, "int32"), _logits(output).shape[-1], dtype="float32")
            return ops.matmul(y_pred["shares"], labels), output
        return (y_pred["target"], y_pred["output"]) if self.reconstructs else (y, y_pred)


def _logits(output):
    """The model's own output, without that of heads that exist in training only."""
    return output["logits"] if isinstance(output, dict) and "logits" in output else output


def _apart(y_pred):
    """The model's part of an output, and the teacher's or `None`."""
    if isinstance(y_pred, dict) and "taught" in y_pred:
        return y_pred["own"], y_pred["taught"]
    return y_pred, None


def _is_mixed(y_pred):
    return isinstance(y_pred, dict) and "shares" in y_pred
