"""Where the training images lie: in the machine's memory, or on the device that trains."""

import functools

import keras
import numpy as np

from recipes.data import feeding
from recipes.errors import RecipeError

_SHARE = 0.25  # of a device's memory, at most, that images take unless they are told to
# What the host makes of each pixel: XLA multiplies by the inverse, which rounds differently.
_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)


def check(values):
    """Raise a `RecipeError` where images can't lie on the device."""
    if values.data == "device" and keras.backend.backend() != "jax":
        raise RecipeError(
            f"engine.data=device is for KERAS_BACKEND=jax, and this is {keras.backend.backend()}; leave "
            "engine.data=auto"
        )


def batches(values, subset, batch_size, **options):
    """Batches of `subset`, from the host's or the device's memory: the same in the same order.

    Args:
        values: A `recipes.engine.Engine`.
        subset: A `recipes.data.prepared.Subset`.
        batch_size: Examples a batch.
        **options: Those of `recipes.data.feeding.Batches`.
    """
    check(values)
    wanted = values.data == "device" or (values.data == "auto" and _has_room(subset.split.x))
    on_device = wanted and not options.get("part")  # of a batch that several processes share
    return (_OnDevice if on_device else feeding.Batches)(subset, batch_size, **options)


def _has_room(x):
    """Whether one accelerator trains, and has memory to spare for `x`."""
    if keras.backend.backend() != "jax" or keras.distribution.distribution() is not None:
        return False
    import jax

    device = jax.devices()[0]
    room = (device.memory_stats() or {}).get("bytes_limit", 0) if device.platform != "cpu" else 0
    return x.nbytes <= _SHARE * room


class _OnDevice(feeding.Batches):
    """Batches gathered where the images lie: an epoch's order is sent once, and nothing else."""

    def __init__(self, subset, batch_size, **options):
        import jax

        self._split = tuple(
            map(jax.device_put, (np.asarray(subset.split.x), np.asarray(subset.split.y, np.int32)))
        )
        self._levels = jax.device_put(_LEVELS)
        super().__init__(subset, batch_size, **options)

    def _reorder(self):
        import jax

        super()._reorder()
        self._sent = jax.device_put(np.asarray(self._order, np.int32))

    def __getitem__(self, i):
        start = i * self.batch_size
        size = min(self.batch_size, self.subset.size - start)
        x, y = _gatherer()(*self._split, self._levels, self._sent, start, size)
        return ({"image": x, "label": y} if self.conditional else x), y


@functools.cache
def _gatherer():
    """The compiled function that picks a batch, of `size` examples from place `start` of the order on."""
    import jax
    from jax import numpy as jnp

    def gather(x, y, levels, order, start, size):
        chosen = jax.lax.dynamic_slice(order, (start,), (size,))
        images = jnp.take(x, chosen, axis=0)  # (size, h, w, c)
        images = jnp.take(levels, images) if images.dtype == jnp.uint8 else images.astype(jnp.float32)
        return images, jnp.take(y, chosen, axis=0)

    return jax.jit(gather, static_argnums=5)
