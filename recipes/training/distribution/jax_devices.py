"""The devices and processes that JAX sees, and the data parallelism over them."""

import os

from recipes.errors import RecipeError, TrainingError
from recipes.training.distribution import meeting
from recipes.training.distribution.sharding import Sharded
from recipes.training.distribution.single import Single

_ADDRESSES = ("KERAS_DISTRIBUTION_JOB_ADDRESSES", "JAX_COORDINATOR_ADDRESS")
_NUMBERS = ("NUM_PROCESSES", "PROCESS_ID")


def take(name):
    """The strategy called `name`, one of `distribution.NAMES`.

    Several processes are described as `keras.distribution.initialize` and `jax.distributed` read it:
    `KERAS_DISTRIBUTION_JOB_ADDRESSES` or `JAX_COORDINATOR_ADDRESS`, and `KERAS_DISTRIBUTION_NUM_PROCESSES`
    with `KERAS_DISTRIBUTION_PROCESS_ID` (or these with `JAX_`); a cluster manager or a pod of TPUs that JAX
    knows needs none of them.
    """
    import jax

    if over_machines(name):
        return _processes()
    if name == "cpu" and jax.default_backend() != "cpu":
        device = jax.devices("cpu")[0]
        return Single("cpu", "the processor under JAX", scope=lambda: jax.default_device(device))
    kind = jax.default_backend()
    count = jax.device_count()
    if name == "auto":
        name = kind if count == 1 or kind == "tpu" else "mirrored"
    _check(name, kind, count)
    if count == 1 or name in ("cpu", "gpu"):
        first = jax.devices()[0]
        return Single(name, f"1 {_words(kind)} under JAX", _exact(kind), lambda: jax.default_device(first))
    return Sharded(name, f"{count} {_words(kind)}s under JAX", _exact(kind))


def over_machines(name):
    """Whether the strategy called `name` is one of several processes here."""
    return name == "multiworker" or (name == "auto" and any(map(os.environ.get, _ADDRESSES)))


def _check(name, kind, count):
    """Raise a `RecipeError` unless JAX has what `name` asks for."""
    there = f"JAX sees {count} {_words(kind)}{'s' if count > 1 else ''}"
    if name == "mirrored" and count < 2:
        raise RecipeError(
            f"--strategy mirrored: it takes two devices or more; {there}. Give --strategy {kind} or auto"
        )
    if name in ("gpu", "tpu", "cpu") and name != kind:
        raise RecipeError(
            f"--strategy {name}: there is no {name.upper()}; {there}. Give --strategy {kind} or auto, or "
            f"JAX_PLATFORMS={'cuda' if name == 'gpu' else name} to see why JAX found none"
        )


def _words(kind):
    return {"cpu": "CPU device", "gpu": "GPU", "tpu": "TPU chip"}.get(kind, kind)


def _exact(kind):
    flags = os.environ.get("XLA_FLAGS", "")
    return kind != "gpu" or "--xla_gpu_deterministic_ops=true" in flags


def _processes():
    """Data parallelism over the devices of all processes, which JAX connects."""
    import jax

    limit = meeting.seconds()
    address = next(filter(None, map(os.environ.get, _ADDRESSES)), None)
    numbers = [_number(name) for name in _NUMBERS]
    try:
        if not jax.distributed.is_initialized():
            jax.distributed.initialize(
                address.split(",")[0] if address else None, *numbers, initialization_timeout=int(limit)
            )
    except ValueError as error:  # nothing says who takes part
        raise RecipeError(
            f"--strategy multiworker: JAX does not know the processes ({error}). Give every process the same "
            "command, KERAS_DISTRIBUTION_JOB_ADDRESSES=HOST:PORT of the first, KERAS_DISTRIBUTION_NUM_PROCESSES "
            "and its own KERAS_DISTRIBUTION_PROCESS_ID"
        ) from error
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise TrainingError(
            f"the processes did not meet at {address} within {limit:g} s ({first}). Start the same command on "
            "each, as its first step, or wait longer: EDGEZOO_WAIT=SECONDS"
        ) from error
    kind = jax.default_backend()
    devices = f"{jax.process_count()} processes with {jax.device_count()} {_words(kind)}s under JAX"
    return Sharded("multiworker", devices, _exact(kind))


def _number(name):
    text = os.environ.get(f"KERAS_DISTRIBUTION_{name}", os.environ.get(f"JAX_{name}"))
    try:
        return int(text) if text else None
    except ValueError:
        raise RecipeError(f"KERAS_DISTRIBUTION_{name}={text!r} is no whole number") from None
