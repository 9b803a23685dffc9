"""From a recipe's values to a Keras optimiser."""

import keras


def build(values, steps):
    """The optimiser that `values`, a `recipes.recipe.Optimizer`, describes, for `steps` steps in all."""
    rate = schedule(values, steps)
    if values.name == "sgd":
        return keras.optimizers.SGD(
            rate,
            momentum=0.9,
            nesterov=True,
            weight_decay=values.weight_decay or None,
            global_clipnorm=values.clip_norm,
        )
    if values.name == "adamw":
        return keras.optimizers.AdamW(
            rate, weight_decay=values.weight_decay, global_clipnorm=values.clip_norm
        )
    return keras.optimizers.Adam(rate, global_clipnorm=values.clip_norm)


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
