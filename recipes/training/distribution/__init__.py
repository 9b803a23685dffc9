"""Where a training runs: one device, several, several machines. A matter of the run, never of its recipe.

The batch size of a recipe is that of all devices together, so that what is learnt is the same anywhere.
`take` chooses, once, before anything else asks the backend for a device.
"""

from recipes.errors import RecipeError
from recipes.registry import closest
from recipes.training.distribution.single import Single

NAMES = ("auto", "cpu", "gpu", "mirrored", "multiworker", "tpu")
"""What `--strategy` can be."""

__all__ = ["NAMES", "Single", "current", "take", "take_here", "unknown"]

_taken = {}
_current = [Single("cpu", "")]


def take(name="auto"):
    """The strategy called `name`, which is the current one from now on; a run that names another takes that.

    Taken twice, it is the same one. `auto` takes what there is: several workers where the environment names
    them, else a TPU, else all GPUs, else the processor, with the devices that the backend was told to see.

    Args:
        name: One of `NAMES`.

    Returns:
        A `Single`, or what has the same attributes.

    Raises:
        RecipeError: There is no such strategy, or the machine, the backend or the moment can't have it; the
            message says what is there.
        TrainingError: A worker did not come in time.
    """
    if name not in NAMES:
        raise RecipeError(unknown(name))
    if name not in _taken:
        chosen = _backend().take(name)
        _taken[name] = _taken.setdefault(chosen.name, chosen)
    _current[0] = _taken[name]
    return _current[0]


def take_here(name, reason, instead):
    """`take`, for what trains several runs one after another, each of them on this machine.

    Args:
        name: One of `NAMES`.
        reason: Why it can't be several machines, for the error.
        instead: What to do in the place of that.

    Raises:
        RecipeError: As of `take`; or `name` means several machines.
    """
    if name in NAMES and _backend().over_machines(name):
        meant = "" if name == "multiworker" else ", which the environment turns into multiworker"
        raise RecipeError(f"--strategy {name}{meant}: {reason}. {instead}")
    return take(name)


def unknown(name):
    """What to say of a name that is none of `NAMES`."""
    return f"--strategy {name}: there is no such strategy.{closest(name, NAMES)} Possible: {', '.join(NAMES)}"


def current():
    """The strategy that was taken last; one device before any was."""
    return _current[0]


def _backend():
    """The module that knows the devices of the backend in use."""
    import keras

    backend = keras.config.backend()
    if backend == "tensorflow":
        from recipes.training.distribution import tensorflow_devices as devices
    elif backend == "jax":
        from recipes.training.distribution import jax_devices as devices
    else:
        from recipes.training.distribution import torch_devices as devices
    return devices
