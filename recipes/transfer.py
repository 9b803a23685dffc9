"""The values of a recipe that say which trained weights a model begins with, and how fast they change."""

import sys
from typing import Annotated, Literal

import msgspec

from recipes.values import Count, Values

Decay = Annotated[float, msgspec.Meta(ge=1, le=sys.float_info.max)]


class Transfer(Values, kw_only=True):
    """Weights that a model begins with, and how they are fine-tuned; none by default.

    All but `source` and `head` hold for weights that the recipe's own `pretraining` learns as well.

    Attributes:
        source: A recipe, whose run beside this one or under `runs` is used, or trained first; or the
            directory of a run. Its architecture has to be the recipe's.
        head: `auto` keeps the last layer's weights where the source has the same classes and shapes, and
            begins it anew elsewhere; `new` and `kept` decide.
        freeze: Layers, as names or patterns, whose weights stay as they are. Batch normalisation among them
            stays in inference mode.
        rate_decay: What the learning rate of each group of layers is divided by, seen from the group after
            it (Howard and Ruder, 2018, section 3.2, where it is 2.6).
        unfreeze_every: Epochs after which one more group of layers, from the last one on, is learnt
            (section 3.3); 0 learns all from the start.
        compare: Whether the same model is also trained from scratch, on the same examples for as many
            epochs, to report `fine_tuning_gain`.
    """

    source: str = ""
    head: Literal["auto", "new", "kept"] = "auto"
    freeze: tuple[str, ...] = ()
    rate_decay: Decay = 1.0
    unfreeze_every: Count = 0
    compare: bool = False
