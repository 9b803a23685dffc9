"""Gradients that vanish or explode, and units that died: said plainly, with the usual remedy.

How far gradients may shrink from the last layer to the first before the first stops learning is a matter of
degree (Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
section 4.2); the bounds here are far outside of what networks that learn show.
"""

import math
from typing import NamedTuple

import numpy as np

FAR = 1e4  # times, between the gradients of the first and of the last layer
JUMP = 100  # times the median of the gradients before
MOSTLY = 0.5  # of a layer's units
_ENOUGH = 5  # looks that say what is usual

_NORMALISE = "batch normalisation{option} or skip connections"
_REMEDIES = {
    "vanishing gradients": _NORMALISE + ", ReLU in the place of sigmoid or tanh, weights that start with the "
    "variance of He or Glorot, fewer layers",
    "exploding gradients": "optimizer.clip_norm=1, a lower optimizer.learning_rate, optimizer.warmup=0.05, "
    + _NORMALISE,
    "dead units": "a lower optimizer.learning_rate, optimizer.warmup=0.05, " + _NORMALISE + ", a leaky ReLU",
}


class Finding(NamedTuple):
    """Something about a training that calls for a remedy.

    Attributes:
        kind: A key of the remedies.
        step: At which it was seen first.
        message: A sentence.
        remedy: What usually helps, dotted names being values of a recipe.
    """

    kind: str
    step: int
    message: str
    remedy: str

    def __str__(self):
        return f"{self.message} Usual remedies: {self.remedy}."


class Watch:
    """Goes through looks in order and says what each brings to light; what shows in one alone is passed over.

    Args:
        option: How the architecture is told to normalise, as in ` (arguments.batch_norm=true)`.
    """

    def __init__(self, option=""):
        self.option, self.found = option, {}
        self._before, self._norms = {}, []

    def add(self, look):
        """The `Finding`s that `look`, the readings of one step, adds; each kind is found once."""
        total = math.hypot(*(r.gradient_norm for r in look if r.gradient_norm is not None))
        shown = _shown(look, total, self._norms)
        kinds = [k for k in shown if k not in self.found and (k in self._before or not math.isfinite(total))]
        for kind in kinds:
            text = f"{kind.capitalize()} at step {look[0].step}: {shown[kind]}."
            remedy = _REMEDIES[kind].format(option=self.option)
            self.found[kind] = Finding(kind, look[0].step, text, remedy)
        self._before = shown
        self._norms.append(total)
        return [self.found[kind] for kind in kinds]


def _shown(look, total, norms):
    """What one look with gradients of norm `total` shows after those of `norms`: a message by kind."""
    if not math.isfinite(total):
        wrong = next(r for r in look if not math.isfinite(r.gradient_norm or 0.0))
        return {"exploding gradients": f"that of {wrong.layer} is {wrong.gradient_norm}"}
    shown = {}
    kernels = [r for r in look if r.gradient_norm is not None and r.update_ratio is not None]
    if len(kernels) > 1:
        shown |= _along_depth(kernels[0], kernels[-1])
    if len(norms) >= _ENOUGH and total > JUMP * (usual := float(np.median(norms))):
        shown["exploding gradients"] = f"their norm is {total:.3g}, and was {usual:.3g} before"
    dead = [r for r in look if (r.dead or 0.0) > MOSTLY]
    if dead:
        worst = max(dead, key=lambda r: r.dead)
        others = f", and most of those of {len(dead) - 1} more layers" if len(dead) > 1 else ""
        text = f"{worst.dead:.0%} of the units of {worst.layer} are zero on all examples looked at"
        shown["dead units"] = text + others
    return shown


def _along_depth(first, last):
    """What the gradients of the first and the last layer with kernels show."""
    near, far = last.gradient_norm, first.gradient_norm
    if not near and not far:
        return {"vanishing gradients": f"no gradient at all reaches {last.layer}"}
    if far * FAR < near:
        share = f"{far / near:.1e} times" if far else "zero, not"
        return {"vanishing gradients": f"that of {first.layer} is {share} that of {last.layer}"}
    if far > FAR * near:
        return {
            "exploding gradients": f"that of {first.layer} is {far / (near or math.ulp(0)):.1e} times that of {last.layer}"
        }
    return {}
