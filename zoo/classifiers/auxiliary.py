"""A classifier with further heads that exist in training only.

Szegedy et al., "Going Deeper with Convolutions", 2014, section 5, https://arxiv.org/abs/1409.4842
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("zoo")
class WithAuxiliaryHeads(keras.Model):
    """A functional model from one input to logits whose inner layers get heads of their own in training.

    At inference it gives the logits, and the heads are not computed: an exported file has no trace
    of them. In training a call gives `{"logits": ..., head name: ...}`, and the loss is that of the
    logits plus `weight` times that of each head, all by the same labels. Metrics are those of the
    logits. It is saved and loaded with its heads.

    Built as any functional model, `WithAuxiliaryHeads(inputs, outputs, heads=...)`.

    Args:
        heads: `{layer name: model}`, each from what that layer gives to logits.
        weight: Share of each head's loss.
    """

    def __init__(self, *args, heads=None, weight=0.3, **kwargs):
        super().__init__(*args, **kwargs)
        self.heads, self.weight = dict(heads or {}), weight

    def call(self, inputs, training=None, mask=None):
        if not training:
            return super().call(inputs, training=training, mask=mask)
        taps = [self.get_layer(name).output for name in self.heads]
        images = ops.convert_to_tensor(inputs, self.inputs[0].dtype)
        logits, *features = keras.Function(self.input, [*self.outputs, *taps])(images)
        heads = zip(self.heads.values(), features, strict=True)
        return {"logits": logits} | {head.name: head(x, training=True) for head, x in heads}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        def loss(logits):
            return super(WithAuxiliaryHeads, self).compute_loss(x, y, logits, sample_weight, training)

        return self.total_loss(y_pred, loss, self.losses)

    def total_loss(self, outputs, loss, penalties=()):
        """The loss of what a call gave, in training or at inference.

        Args:
            outputs: Logits, or a dict of logits with those of the heads.
            loss: A function from logits to a scalar, `penalties` included.
            penalties: Losses that do not depend on the logits; they count once.
        """
        if not isinstance(outputs, dict):
            return loss(outputs)
        extra = sum(ops.sum(penalty) for penalty in penalties)
        heads = sum(loss(outputs[head.name]) - extra for head in self.heads.values())
        return loss(outputs["logits"]) + self.weight * heads

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        logits = y_pred["logits"] if isinstance(y_pred, dict) else y_pred
        return super().compute_metrics(x, y, logits, sample_weight)

    def without_heads(self):
        """The functional model that stays after training; it shares this one's weights."""
        return keras.Model(self.input, self.output, name=self.name)

    def get_config(self):
        heads = {name: keras.saving.serialize_keras_object(head) for name, head in self.heads.items()}
        return {**super().get_config(), "heads": heads, "weight": self.weight}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        heads = {
            name: keras.saving.deserialize_keras_object(head, custom_objects)
            for name, head in config["heads"].items()
        }
        return super().from_config({**config, "heads": heads}, custom_objects)
