"""The values of a recipe that say how its training is watched; not at all by default."""

from recipes.values import Count, Size, Values

USUAL_INTERVAL = 50  # steps; a look costs about as much as one to two of them


class Diagnostics(Values, kw_only=True):
    """How gradients, units and activations are looked at while a model trains; `recipes.diagnostics` says more.

    Training itself stays as it is, to the last bit.

    Attributes:
        every: Steps from one look to the next; 0 is off.
        examples: Training images that are looked at, always the same ones.
    """

    every: Count = 0
    examples: Size = 64
