"""The devices that PyTorch has: one trains."""

from recipes.errors import RecipeError
from recipes.training.distribution.single import Single


def over_machines(name):
    """Whether the strategy called `name` is one of several processes: there is none."""
    return False


def take(name):
    """The `Single` called `name`; Keras has no data parallelism under PyTorch."""
    import keras
    import torch

    there = "gpu" if torch.cuda.is_available() else "cpu"
    if name == "auto":
        name = there
    if name not in ("cpu", "gpu") or (name == "gpu" and there == "cpu"):
        raise RecipeError(
            f"--strategy {name}: under PyTorch Keras trains on one device, and this machine has a {there.upper()}. "
            f"Give --strategy {there}, or KERAS_BACKEND=tensorflow or jax for several"
        )
    if name == there:
        return Single(name, f"1 {name.upper()} under PyTorch", exact=name == "cpu")
    return Single(name, "the processor under PyTorch", scope=lambda: keras.device("cpu"))
