"""What planning finds out, as structures that can be written as JSON."""

import msgspec

COMPILED, LOWERED = "compiled", "lowered"


class Collective(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of exchange between chips in a step.

    Attributes:
        kind: `all-reduce`, `all-gather`, …
        count: How many of them the program holds.
        bytes: Of what they give, on one chip, all together.
    """

    kind: str
    count: int
    bytes: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the compiler says of a step with one global batch size.

    Attributes:
        batch_size: The global one.
        fits: Whether the program fits into a chip's memory.
        hbm_bytes: What it needs of it; where it does not fit, as far as the compiler had got.
        limit_bytes: What it may use of it.
        flops: On one chip; nothing that follows is known where it does not fit.
        bytes_moved: Read and written by all operations on one chip, also where they stay in the chip's caches.
        collectives: By kind.
        seconds: How long the compiler took.
    """

    batch_size: int
    fits: bool
    hbm_bytes: int
    limit_bytes: int
    flops: float = 0.0
    bytes_moved: float = 0.0
    collectives: tuple[Collective, ...] = ()
    seconds: float = 0.0


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A roofline: no step can be faster than its slowest part at the chip's published peak.

    Attributes:
        seconds: A step.
        images_per_second: Of all chips together.
        bound: `compute`, `memory` or `interconnect`, whichever takes longest.
        compute_seconds: FLOPs at the peak.
        memory_seconds: Bytes moved at the bandwidth of the HBM.
        interconnect_seconds: What the collectives send at the bandwidth of all links.
    """

    seconds: float
    images_per_second: float
    bound: str
    compute_seconds: float
    memory_seconds: float
    interconnect_seconds: float


class Largest(msgspec.Struct, frozen=True, kw_only=True):
    """The largest global batch that was found to fit.

    Attributes:
        batch_size: Of the global batch; 0 if none fits.
        whole_split: Whether it is all that the training split gives.
        too_large: The smallest one that was found not to fit; None where the whole split does.
        compilations: How many were needed, those that were known from before included.
    """

    batch_size: int
    whole_split: bool
    too_large: int | None
    compilations: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a recipe's training step needs of a TPU.

    Attributes:
        recipe: Its name.
        topology: Such as `v5e:2x2`.
        accelerator_type: The same where TPUs are rented, such as `v5litepod-4`.
        chips: How many.
        hosts: Virtual machines with a process each.
        asked_batch_size: The recipe's.
        batch_size: The global one that was planned: a multiple of the number of chips.
        parameters: Of the model.
        state_bytes: Of all variables of the training, a copy on each chip.
        proof: `compiled` by the TPU's compiler, or only `lowered` for a TPU.
        facts: Of the compiled step; None where it was only lowered.
        estimate: Its time; None where it was only lowered or does not fit.
        largest: None where it was not looked for.
        notes: What else has to be known, a sentence each.
        versions: Of the packages that made it.
    """

    recipe: str
    topology: str
    accelerator_type: str
    chips: int
    hosts: int
    asked_batch_size: int
    batch_size: int
    parameters: int
    state_bytes: int
    proof: str
    facts: Facts | None = None
    estimate: Estimate | None = None
    largest: Largest | None = None
    notes: tuple[str, ...] = ()
    versions: dict[str, str] = {}

    @property
    def fits(self):
        """Whether the planned batch fits; None where that is not known."""
        return self.facts.fits if self.facts else None

    @property
    def batch_to_try(self):
        """A global batch for a plan that does not fit: the largest found, else one in proportion."""
        if self.largest:
            return self.largest.batch_size
        share = self.facts.limit_bytes / self.facts.hbm_bytes
        return max(1, int(self.batch_size * share) // self.chips) * self.chips
