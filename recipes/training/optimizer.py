"""From a recipe's values to a Keras optimiser."""

import keras

from recipes.engine import Engine

_PLAIN = Engine()


def build(values, steps, engine=_PLAIN, kinds=keras.optimizers):
    """The Keras optimiser for `steps` batches in all.

    Args:
        values: A `recipes.recipe.Optimizer`.
        steps: Batches over which the schedule extends, whether or not each makes an update.
        engine: A `recipes.engine.Engine`: accumulated gradients, averaged weights and a scaled loss.
        kinds: A module that has `SGD`, `Adam` and `AdamW`.
    """
    rate = schedule(values, steps)
    options = {"global_clipnorm": values.clip_norm, "clipvalue": values.clip_value, **_of(engine)}
    built = _plain(values, rate, options, kinds)
    scaled = engine.precision_policy == "mixed_float16"
    return keras.optimizers.LossScaleOptimizer(built) if scaled else built


def _plain(values, rate, options, kinds):
    if values.name == "sgd":
        decay = values.weight_decay or None
        return kinds.SGD(rate, momentum=0.9, nesterov=True, weight_decay=decay, **options)
    if values.name == "adamw":
        return kinds.AdamW(rate, weight_decay=values.weight_decay, **options)
    return kinds.Adam(rate, **options)


def _of(engine):
    """What an `Engine` asks of any optimiser."""
    options = {"use_ema": True, "ema_momentum": engine.ema} if engine.ema else {}
    if engine.accumulation > 1:
        options["gradient_accumulation_steps"] = engine.accumulation
    return options


def schedule(values, steps):
    """The learning rate: a float where it is constant, else a Keras schedule over `steps` steps."""
    warmup = round(values.warmup * steps)
    if values.schedule == "constant" and not warmup:
        return values.learning_rate
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else values.learning_rate,
        decay_steps=max(1, steps - warmup),
        alpha=1.0 if values.schedule == "constant" else 0.0,
        warmup_target=values.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
