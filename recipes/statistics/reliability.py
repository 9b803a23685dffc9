"""How well probabilities say how often they are right.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017,
https://arxiv.org/abs/1706.04599
"""

import dataclasses

import numpy as np

BINS = 15
MEASURES = ("calibration_error", "cross_entropy")


@dataclasses.dataclass(frozen=True)
class Reliability:
    """Confidence, the probability of the likeliest class, against what was right, in equal bins of it.

    Attributes:
        counts: Examples a bin, `(bins,)`.
        confidences: Their mean confidence; 0 in an empty bin.
        accuracies: The share that is right; 0 in an empty bin.
    """

    counts: np.ndarray
    confidences: np.ndarray
    accuracies: np.ndarray

    @property
    def error(self):
        """The expected calibration error: the gaps, weighed by their examples (section 2, equation 3)."""
        gaps = np.abs(self.accuracies - self.confidences)
        return float((self.counts * gaps).sum() / self.counts.sum())


def of(probabilities, labels, bins=BINS):
    """The `Reliability` of probabilities `(n, classes)` for classes `(n,)`; a bin holds its upper end."""
    confidences = probabilities.max(-1)
    right = probabilities.argmax(-1) == labels
    places = np.clip(np.ceil(confidences * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    sums = (np.bincount(places, values, bins) for values in (confidences, right))
    return Reliability(counts, *(total / np.maximum(counts, 1) for total in sums))


def cross_entropy(logits, labels, temperature=1.0):
    """The mean cross-entropy in nats of `logits / temperature`, `(n, classes)`, for classes `(n,)`."""
    from scipy.special import log_softmax

    log_p = log_softmax(np.asarray(logits, np.float64) / temperature, axis=-1)
    return float(-np.take_along_axis(log_p, np.asarray(labels)[:, None], axis=-1).mean())


def measured(probed):
    """`MEASURES` of a `probing.Probed`, and its bins, as JSON can hold them."""
    found = of(probed.probabilities, probed.labels)
    return {
        "calibration_error": found.error,
        "cross_entropy": cross_entropy(probed.logits, probed.labels),
        "bins": {field.name: getattr(found, field.name).tolist() for field in dataclasses.fields(found)},
    }


def from_bins(bins):
    """The `Reliability` that `measured` wrote."""
    return Reliability(**{name: np.asarray(values) for name, values in bins.items()})
