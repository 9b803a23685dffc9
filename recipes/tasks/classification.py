"""Classification: cross-entropy on logits, scored by accuracy."""

import keras
import numpy as np

from recipes.tasks.shifting import ShiftConsistency, spacing

HEADLINE, HIGHER_IS_BETTER, RECONSTRUCTS = "accuracy", True, False
BARS = {"int8": (0.005, False), "float16": (0.001, False)}  # half a point; a tenth of a point


@keras.saving.register_keras_serializable("recipes")
class SmoothedCrossentropy(keras.losses.Loss):
    """Cross-entropy of logits `(n, classes)` with integer labels `(n,)`, or with shares `(n, classes)`.

    Args:
        smoothing: Share of the target spread evenly over the classes (Szegedy et al., 2016, section 7).
    """

    def __init__(self, smoothing=0.0, name="cross_entropy", **kwargs):
        super().__init__(name=name, **kwargs)
        self.smoothing = smoothing

    def call(self, y_true, y_pred):
        log_p = keras.ops.log_softmax(y_pred)
        if len(y_true.shape) == len(y_pred.shape):
            labels = keras.ops.cast(y_true, log_p.dtype)
        else:
            labels = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), y_pred.shape[-1], dtype=log_p.dtype)
        target = labels * (1 - self.smoothing) + self.smoothing / y_pred.shape[-1]
        return -keras.ops.sum(target * log_p, axis=-1)

    def get_config(self):
        return {**super().get_config(), "smoothing": self.smoothing}


def loss(recipe):
    """Cross-entropy with the recipe's label smoothing."""
    return SmoothedCrossentropy(recipe.label_smoothing)


def metrics():
    """Accuracy."""
    return [keras.metrics.SparseCategoricalAccuracy(name="accuracy")]


def collect(predict, batches, see=None):
    """Labels `(n,)` and logits `(n, classes)` over all batches; `see(images, logits)` is told of each."""
    labels, logits = [], []
    for x, y in batches:
        labels.append(y)
        logits.append(np.asarray(predict(x), np.float32))
        if see:
            see(x, logits[-1])
    return np.concatenate(labels), np.concatenate(logits)


def score(predict, batches, context):
    """`accuracy`, macro-averaged `f1` and `cross_entropy` in nats.

    Of images also `shift_consistency` (see `recipes.tasks.shifting`).
    """
    if context.recipe.features.front_end == "none":
        shifts = ShiftConsistency(spacing(len(context.data.test.y)))
        scores = _scored(*collect(predict, batches, shifts.see))
        return scores | {"shift_consistency": shifts.result(predict)}
    return _scored(*collect(predict, batches))


def per_example(predict, batches, context):
    """1 where an example's class is found, else 0: `(n,)`."""
    labels, logits = collect(predict, batches)
    return (logits.argmax(-1) == labels).astype(np.float64)


def _scored(labels, logits):
    from scipy.special import softmax
    from sklearn.metrics import accuracy_score, f1_score, log_loss

    guesses = logits.argmax(-1)
    probabilities = softmax(logits.astype(np.float64), axis=-1)
    return {
        "accuracy": float(accuracy_score(labels, guesses)),
        "f1": float(f1_score(labels, guesses, average="macro", zero_division=0.0)),
        "cross_entropy": float(log_loss(labels, probabilities, labels=range(logits.shape[-1]))),
    }


def reference(model, context, metrics):
    """`majority_class_accuracy`: what always naming the commonest class reaches."""
    counts = np.bincount(np.asarray(context.data.test.y))
    return {"majority_class_accuracy": float(counts.max() / counts.sum())}


def signature_inputs(model, images, recipe):
    """The images, for the one signature there is."""
    return [images]


def draw(folder, context, model, predict):
    """The confusion matrix of the test split."""
    from recipes import plots
    from recipes.data.feeding import test_batches

    labels, logits = collect(predict, test_batches(context.recipe, context.data))
    matrix = folder / "confusion_matrix.png"
    plots.confusion_matrix(matrix, labels, logits.argmax(-1), context.data.classes)
