"""The values of a recipe that say how a machine computes its training; by default nothing but plain steps."""

from typing import Annotated, Literal

import msgspec

from recipes.values import Fraction, Size, Values


class Engine(Values, kw_only=True):
    """How training is computed: its arithmetic, its compiler, and how many batches make an update.

    What is saved and exported is a float32 model whatever is chosen here.

    Attributes:
        precision_policy: What layers compute in while they train: `float32`, or `mixed_float16` or
            `mixed_bfloat16`, where weights, the model's outputs and the loss stay float32 (Micikevicius et
            al., 2018). With `mixed_float16` the loss is scaled, and a step that overflows is left out.
        xla: `auto` compiles by XLA under JAX, and under TensorFlow on a GPU or TPU; `on` also under
            TensorFlow on a CPU, where depthwise convolutions are refused (XLA makes them many times slower)
            and by `torch.compile` under PyTorch; `off` never does, which JAX cannot.
        accumulation: Batches whose gradients are averaged before the weights change. The batch that counts,
            for the learning rate too, is `batch_size` times this; schedules go on counting batches.
        ema: Momentum of an average of the weights over steps (Polyak and Juditsky, 1992), such as 0.999;
            0 is off. The averages are validated, saved and exported.
        steps_per_execution: Steps that one call of the compiled function takes, under TensorFlow; `auto`
            chooses by a few timed steps. Progress is told once a call; results stay the same.
        data: Where the training images lie: `host`, or `device` (under JAX), from where batches are then
            gathered; `auto` takes the device where it is a GPU or TPU and they fill at most a quarter of it.
    """

    precision_policy: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    xla: Literal["auto", "on", "off"] = "auto"
    accumulation: Size = 1
    ema: Fraction = 0.0
    steps_per_execution: Annotated[int, msgspec.Meta(ge=1, lt=2**31)] | Literal["auto"] = 1
    data: Literal["auto", "host", "device"] = "auto"
