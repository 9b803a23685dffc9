"""One device, and what every strategy offers."""

import contextlib


class Single:
    """Training on one device, by Keras's own `fit`.

    Attributes:
        name: As `--strategy` takes it.
        devices: What trains, in words, such as `2 GPUs`.
        replicas: Devices that share a batch.
        chief: Whether this process writes the run's directory.
        part: Where several processes share a batch, a method from the number of its examples to the slice of
            them that this one feeds; `None` where one feeds them all.

    Args:
        name: `cpu`, `gpu` or `tpu`.
        devices: What trains.
        exact: Whether the same seed gives the same numbers again, to the bit.
        scope: Makes a context within which the device is used; none where the backend uses it anyway.
    """

    replicas, chief, part = 1, True, None

    def __init__(self, name, devices, exact=True, scope=contextlib.nullcontext):
        self.name, self.devices, self.exact, self._scope = name, devices, exact, scope

    def told(self, batch_size):
        """One line on what was taken, for batches of `batch_size` examples."""
        return f"strategy: {self.name}, {self.devices}{'' if self.exact else f'; {_INEXACT}'}"

    def check(self, recipe):
        """Raise a `RecipeError` where the recipe can't be trained so."""

    def building(self):
        """A context within which models are built and compiled."""
        return self._scope()

    def training(self, trainee, batch_size):
        """A context within which `trainee.fit` trains on all devices, `batch_size` examples a step in all."""
        return self._scope()

    def shared(self, opened):
        """The run that `opened()` gives, the same one on every worker."""
        return opened()

    def watched(self):
        """A context that turns the loss of a worker into a `WorkerLost`."""
        return contextlib.nullcontext()

    def finish(self):
        """Wait until every worker has ended its part, at most a few seconds."""


_INEXACT = (
    "the same seed gives nearly the same numbers, since GPU kernels add in any order "
    "(TF_DETERMINISTIC_OPS=1 or XLA_FLAGS=--xla_gpu_deterministic_ops=true makes them exact, and slower)"
)
