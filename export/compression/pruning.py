"""Pruning by magnitude: the smallest weights become zero and stay zero."""

from contextlib import contextmanager

from keras import ops

from ..errors import InvalidInput
from .kernels import kernels
from .patterns import parse
from .stepping import stepping

SCHEDULES = ("constant", "polynomial")
SCOPES = ("layer", "global")


def prune(model, sparsity, pattern="unstructured", scope="layer", skip=()):
    """Set the smallest weights of a model to zero, now.

    Args:
        model: A built `keras.Model`; its kernels are changed in place. Biases, scales and depthwise
            kernels, a few weights a channel, are left alone.
        sparsity: The share of zeros in each kernel, at least 0 and below 1. A pattern M:N fixes it:
            0.5 for 2:4.
        pattern: "unstructured"; "2:4" or any "M:N", where of N neighbouring inputs of an output M stay
            (Mishra et al., 2021, section 3, https://arxiv.org/abs/2104.08378); or a block such as "4x1"
            of outputs by inputs that become zero together.
        scope: "layer" gives every kernel the same share; "global" compares magnitudes across kernels.
        skip: Shell patterns of the names of layers to leave alone.

    Raises:
        InvalidInput: A value is out of range, or nothing fits the pattern.
    """
    plan = Plan(model, sparsity, pattern, scope, skip)
    values = [ops.convert_to_tensor(kernel.variable) for kernel in plan.kernels]
    for kernel, value, mask in zip(plan.kernels, values, plan.masks(values, plan.sparsity), strict=True):
        kernel.variable.assign(ops.where(mask, value, 0.0))


@contextmanager
def pruning(
    model,
    sparsity,
    *,
    end,
    begin=0,
    every=100,
    schedule="polynomial",
    pattern="unstructured",
    scope="layer",
    skip=(),
    trainer=None,
):
    """Within the block, training sets more and more of a model's weights to zero.

    With the polynomial schedule the share of zeros at step t is, between `begin` and `end`,
    `sparsity * (1 - (1 - (t - begin) / (end - begin)) ** 3)` (Zhu and Gupta, 2017, equation 1,
    https://arxiv.org/abs/1710.01878); with the constant one it is `sparsity` from `begin` on. A weight that
    is zero stays zero. Which are, the weights themselves say: training that was interrupted goes on from
    a saved model and optimiser as if it had not been.

    Args:
        model, sparsity, pattern, scope, skip: See `prune`.
        end: The step of the optimiser at which the share is reached.
        begin: The step at which pruning begins.
        every: Steps from one choice of weights to the next.
        schedule: "polynomial" or "constant".
        trainer: The compiled model that trains `model`, where that is another.

    Raises:
        InvalidInput: As `prune`; or the model is not compiled.
    """
    plan = Plan(model, sparsity, pattern, scope, skip)
    _check_schedule(schedule, begin, end, every)
    last = begin if schedule == "constant" else end

    def change(step, before, after):
        pinned = step <= begin  # before any choice a zero is a start value
        kept = [
            ops.where(ops.logical_or(value != 0, pinned), new, 0.0) for value, new in _pairs(before, after)
        ]
        due = ops.logical_or((step - begin) % every == 0, step == last)
        due = ops.logical_and(due, ops.logical_and(step >= begin, step <= last))
        done = ops.cast(step - begin, "float32") / max(last - begin, 1)
        share = plan.sparsity if last == begin else plan.sparsity * (1 - (1 - done) ** 3)
        masks = ops.cond(
            due,
            lambda: tuple(plan.masks(kept, share)),
            lambda: tuple(ops.ones_like(value, dtype="bool") for value in kept),
        )
        return [ops.where(mask, value, 0.0) for mask, value in _pairs(masks, kept)]

    with stepping(trainer or model, [kernel.variable for kernel in plan.kernels], change):
        yield


@contextmanager
def keep_sparsity(model, trainer=None):
    """Within the block, training leaves every weight of a kernel that is zero at zero.

    Args:
        model: A built `keras.Model`, also one that trains with simulated integers.
        trainer: The compiled model that trains `model`, where that is another.

    Raises:
        InvalidInput: The model is not compiled.
    """
    sparse = [kernel.variable for kernel in kernels(model) if _has_zeros(kernel.variable)]

    def change(step, before, after):
        return [ops.where(value != 0, new, 0.0) for value, new in _pairs(before, after)]

    with stepping(trainer or model, sparse, change):
        yield


class Plan:
    """The kernels that pruning concerns, and which of their weights stay.

    Args:
        model, sparsity, pattern, scope, skip: See `prune`.

    Raises:
        InvalidInput: A value is out of range, or nothing fits the pattern.
    """

    def __init__(self, model, sparsity, pattern, scope, skip):
        self.pattern, self.scope = parse(pattern), scope
        self.sparsity = _checked_sparsity(sparsity, self.pattern, pattern)
        if scope not in SCOPES or (scope == "global" and self.pattern.among):
            raise InvalidInput(
                f"scope={scope!r} with the pattern {pattern!r}. Possible: {', '.join(SCOPES)}; a pattern M:N"
                " has the same share everywhere, so 'layer'."
            )
        found = [kernel for kernel in kernels(model, skip) if not kernel.depthwise]
        self.kernels = [kernel for kernel in found if self.pattern.fits(kernel)]
        if not self.kernels:
            raise InvalidInput(f"No kernel of {model.name!r} has room for the pattern {pattern!r}.")

    def masks(self, values, share):
        """For each kernel's values a mask of what stays when a share of it is to be zero."""
        scores = [self.pattern.scores(kernel, value) for kernel, value in _pairs(self.kernels, values)]
        if self.pattern.among:
            masks = [self._of_groups(score, share) for score in scores]
        elif self.scope == "global":
            masks = _of_all(scores, share)
        else:
            masks = [ops.reshape(_largest(ops.ravel(score), share), score.shape) for score in scores]
        return [self.pattern.spread(kernel, mask) for kernel, mask in _pairs(self.kernels, masks)]

    def _of_groups(self, score, share):
        groups = self.pattern.grouped(score)
        return self.pattern.ungrouped(_largest(groups, share), score.shape)


def _of_all(scores, share):
    """Masks of scores that are compared with one another."""
    flat = _largest(ops.concatenate([ops.ravel(score) for score in scores]), share)
    masks, start = [], 0
    for score in scores:
        size = score.shape[0] * score.shape[1]
        masks.append(ops.reshape(flat[start : start + size], score.shape))
        start += size
    return masks


def _largest(scores, share):
    """Whether each score is among the largest along the last axis, when a share of them is left out."""
    size = scores.shape[-1]
    rank = ops.argsort(ops.argsort(scores, axis=-1), axis=-1)  # 0 is the smallest
    return rank >= ops.cast(ops.round(ops.cast(share, "float32") * size), rank.dtype)


def _pairs(first, second):
    return zip(first, second, strict=True)


def _has_zeros(variable):
    return bool(ops.any(ops.convert_to_tensor(variable) == 0))


def _checked_sparsity(sparsity, pattern, text):
    if isinstance(sparsity, bool) or not isinstance(sparsity, (int, float)) or not 0 <= sparsity < 1:
        raise InvalidInput(f"sparsity must be at least 0 and below 1, not {sparsity!r}.")
    fixed = pattern.sparsity
    if fixed is not None and abs(sparsity - fixed) > 1e-6:
        raise InvalidInput(f"The pattern {text!r} has a sparsity of {fixed:g}: give that, not {sparsity!r}.")
    return float(sparsity)


def _check_schedule(schedule, begin, end, every):
    if schedule not in SCHEDULES:
        raise InvalidInput(f"There is no schedule {schedule!r}. Possible: {', '.join(SCHEDULES)}.")
    for name, value, least in (("begin", begin, 0), ("end", end, begin), ("every", every, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InvalidInput(f"{name} must be an integer of at least {least}, not {value!r}.")
