"""The TPU chips that can be planned for: what Google publishes about them, and how they are put together."""

import dataclasses
import math

from recipes.errors import RecipeError

_FLAT = ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_CUBES = ("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8")
_CHIPS_PER_HOST = 4


@dataclasses.dataclass(frozen=True)
class Chip:
    """One kind of chip.

    Attributes:
        peak: Floating-point operations a second in bfloat16, in which a TPU multiplies float32 too by default.
        memory: Bytes of HBM.
        bandwidth: Bytes a second between HBM and the cores.
        interconnect: Bytes a second to and from the neighbours, both directions and all links together.
        accelerator: How an accelerator type of it begins.
        cores: TensorCores, where accelerator types count those and not chips; else 1.
        topologies: The shapes of slices.
        source: Where the figures are published.
    """

    peak: float
    memory: float
    bandwidth: float
    interconnect: float
    accelerator: str
    cores: int
    topologies: tuple[str, ...]
    source: str


CHIPS = {
    # The interconnect of v4 is in the table of "Introducing Cloud TPU v5p": 2,400 Gb/s each way.
    "v4": Chip(275e12, 32 * 2**30, 1200e9, 600e9, "v4", 2, _CUBES, "https://cloud.google.com/tpu/docs/v4"),
    "v5e": Chip(197e12, 16e9, 819e9, 400e9, "v5litepod", 1, _FLAT, "https://cloud.google.com/tpu/docs/v5e"),
    "v5p": Chip(459e12, 95e9, 2765e9, 1200e9, "v5p", 2, _CUBES, "https://cloud.google.com/tpu/docs/v5p"),
    "v6e": Chip(918e12, 32e9, 1640e9, 800e9, "v6e", 1, _FLAT, "https://cloud.google.com/tpu/docs/v6e"),
}


@dataclasses.dataclass(frozen=True)
class Topology:
    """Chips that are connected to each other, such as `v5e:4x4`.

    Attributes:
        kind: A key of `CHIPS`.
        shape: Chips along each axis, `4x4`.
    """

    kind: str
    shape: str

    @property
    def chip(self):
        return CHIPS[self.kind]

    @property
    def chips(self):
        """How many."""
        return math.prod(map(int, self.shape.split("x")))

    @property
    def hosts(self):
        """Virtual machines, each with at most four of the chips and a process of its own."""
        return -(-self.chips // _CHIPS_PER_HOST)

    @property
    def accelerator_type(self):
        """Its name where it is rented, such as `v5litepod-16`."""
        return f"{self.chip.accelerator}-{self.chips * self.chip.cores}"

    def __str__(self):
        return f"{self.kind}:{self.shape}"


def names():
    """All topologies, `v5e:2x2` and so on."""
    return [f"{kind}:{shape}" for kind, chip in CHIPS.items() for shape in chip.topologies]


def topology(name):
    """The `Topology` called `name`.

    Raises:
        RecipeError: There is none; the message lists those there are.
    """
    if name in names():
        return Topology(*name.split(":"))
    from recipes.registry import closest

    kind = name.partition(":")[0]
    possible = CHIPS[kind].topologies if kind in CHIPS else ()
    if possible:
        raise RecipeError(
            f"--topology {name}: {kind} has no such shape.{closest(name, names())} "
            f"Possible: {', '.join(f'{kind}:{shape}' for shape in possible)}"
        )
    kinds = "; ".join(f"{kind}: {', '.join(chip.topologies)}" for kind, chip in CHIPS.items())
    raise RecipeError(
        f"--topology {name}: there is no such TPU.{closest(name, [*CHIPS, *names()])} "
        f"Give KIND:SHAPE, such as v5e:2x2. Possible: {kinds}"
    )
