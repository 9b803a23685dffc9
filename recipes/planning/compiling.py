"""The TPU's compiler, asked for a step; and what can be done without it.

Everything here runs in the child process.
"""

import functools
import hashlib
import importlib.metadata
import importlib.util
import re
import time

import msgspec
import numpy as np

from recipes import files
from recipes.data.places import cache_folder
from recipes.errors import TrainingError
from recipes.planning.collectives import collectives
from recipes.planning.plans import Facts
from recipes.planning.step import AXIS

_NO_ROOM = (  # the two ways in which the compiler says so
    re.compile(r"\(([\d.]+)([KMGT])\) exceeds available HBM \(([\d.]+)([KMGT])\)"),
    re.compile(r"Used ([\d.]+)([KMGT]) of ([\d.]+)([KMGT]) hbm"),
)
_UNITS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_HUGE = 2**40  # bytes: more than any chip has


def has_compiler():
    """Whether the TPU's compiler is installed."""
    return importlib.util.find_spec("libtpu") is not None


def versions():
    """Of the packages that a plan depends on."""
    found = {}
    for package in ("jax", "keras", "libtpu"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def lower_only(step, batch_size, chips):
    """The size in bytes of the step, lowered for `chips` TPU chips by `jax.export`.

    Raises:
        Exception: An operation of the step has no lowering for a TPU.
    """
    import jax
    from jax.sharding import AbstractMesh

    mesh = AbstractMesh((chips,), (AXIS,))

    def lower(function, arguments):
        return jax.export.export(function, platforms=("tpu",))(*arguments)

    return len(step.lowered_for(mesh, batch_size, lower).mlir_module_serialized)


class Compiler:
    """The compiler for one topology; what it said of a program before is remembered in the user's cache.

    Args:
        topology: A `recipes.planning.chips.Topology`.
    """

    def __init__(self, topology):
        from jax.experimental import topologies
        from jax.sharding import Mesh

        self.topology = topology
        # One chip is no whole host, which is what shapes are made of by default.
        options = {"chips_per_host_bounds": (1, 1, 1)} if topology.chips == 1 else {}
        self.devices = topologies.get_topology_desc(str(topology), platform="tpu", **options).devices
        self.mesh = Mesh(np.array(self.devices), (AXIS,))
        self.per_chip = len(self.devices) // topology.chips  # a chip of v4 is two devices

    @functools.cached_property
    def limit_bytes(self):
        """What a program may use of a device's memory, found out by asking for too much."""
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        copied = NamedSharding(self.mesh, PartitionSpec())
        much = jax.ShapeDtypeStruct((_HUGE // 4,), np.float32, sharding=copied)
        try:
            jax.jit(lambda x: x[::-1]).lower(much).compile()
        except jax.errors.JaxRuntimeError as error:
            if room := _room(str(error)):
                return room[1]
            raise
        raise TrainingError(f"the compiler for {self.topology} takes programs of any size: no limit is known")

    def facts(self, step, batch_size):
        """The `Facts` of a step with a global batch, and whether they had been found out before."""
        import jax

        lowered = step.lowered_for(
            self.mesh, batch_size, lambda function, arguments: function.lower(*arguments)
        )
        file = cache_folder() / "plans" / f"{self._key(lowered)}.json"
        if file.exists():
            return msgspec.json.decode(file.read_bytes(), type=Facts), True
        began = time.monotonic()
        try:
            facts = self._measured(lowered.compile(), batch_size)
        except jax.errors.JaxRuntimeError as error:
            facts = self._refused(error, batch_size)
        facts = msgspec.structs.replace(facts, seconds=round(time.monotonic() - began, 1))
        files.write_text(file, msgspec.json.encode(facts).decode())
        return facts, False

    def _key(self, lowered):
        """Of the program itself, not of what it was made of."""
        parts = (str(self.topology), repr(versions()), lowered.as_text())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _measured(self, compiled, batch_size):
        memory, cost = compiled.memory_analysis(), compiled.cost_analysis()
        return Facts(
            batch_size=batch_size,
            fits=True,
            hbm_bytes=memory.peak_memory_in_bytes * self.per_chip,
            limit_bytes=self.limit_bytes * self.per_chip,
            flops=cost.get("flops", 0.0) * self.per_chip,
            bytes_moved=cost.get("bytes accessed", 0.0) * self.per_chip,
            collectives=collectives(compiled.as_text()),
        )

    def _refused(self, error, batch_size):
        room = _room(str(error))
        if room is None:
            raise error
        needed, limit = (size * self.per_chip for size in room)
        return Facts(batch_size=batch_size, fits=False, hbm_bytes=needed, limit_bytes=limit)


def _room(message):
    """Bytes needed and bytes there are, where the message of an error is that memory does not suffice."""
    for pattern in _NO_ROOM:
        if found := pattern.search(message):
            needed, unit, limit, of = found.groups()
            return round(float(needed) * _UNITS[unit]), round(float(limit) * _UNITS[of])
    return None
