"""The learning rate that goes with another batch size than the recipe's own.

Linear for SGD: k times the examples a step, k times the rate (Goyal et al., "Accurate, Large Minibatch SGD",
2017, section 2.1, https://arxiv.org/abs/1706.02677; a warm-up as in its section 2.2 helps where k is large).
With the square root of k for Adam, whose steps are divided by the gradients' own size (Malladi et al., "On the
SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022, https://arxiv.org/abs/2205.10287), as for SGD
before (Krizhevsky, "One Weird Trick for Parallelizing Convolutional Neural Networks", 2014, section 5).
"""

import math

import msgspec

_BY_OPTIMIZER = {"sgd": "linear", "adam": "sqrt", "adamw": "sqrt"}
_GIVEN = {"optimizer", "optimizer.learning_rate"}


def applied(base, changed, given):
    """`changed` with the learning rate that follows from its batch size.

    Args:
        base: The `recipes.recipe.Recipe` whose rate goes with its own batch size.
        changed: The recipe that values were overridden in.
        given: Their dotted names; a rate among them is left as it is.
    """
    factor = _factor(changed.optimizer, examples(changed) / examples(base))
    if factor == 1 or _GIVEN & set(given):
        return changed
    rate = base.optimizer.learning_rate * factor
    return msgspec.structs.replace(
        changed, optimizer=msgspec.structs.replace(changed.optimizer, learning_rate=rate)
    )


def examples(recipe):
    """Examples that make one update of the weights."""
    return recipe.batch_size * recipe.engine.accumulation


def told(recipe):
    """One line on how the rate was made, where it was made from the registered recipe's; else nothing."""
    from recipes import registry

    if recipe.name not in registry.names():
        return ""
    own = registry.get(recipe.name)
    ratio, rate = examples(recipe) / examples(own), recipe.optimizer.learning_rate
    factor = _factor(recipe.optimizer, ratio)
    if factor == 1 or not math.isclose(rate, own.optimizer.learning_rate * factor):
        return ""
    rule = "√" if _rule(recipe.optimizer) == "sqrt" else ""
    return (
        f"learning rate: {rate:.4g} = {own.optimizer.learning_rate:g} × {rule}({examples(recipe)}/{examples(own)}), "
        "as the batch size is not the recipe's own; --set optimizer.scaling=none leaves it"
    )


def _factor(optimizer, ratio):
    return {"linear": ratio, "sqrt": math.sqrt(ratio), "none": 1.0}[_rule(optimizer)]


def _rule(optimizer):
    return _BY_OPTIMIZER[optimizer.name] if optimizer.scaling == "auto" else optimizer.scaling
