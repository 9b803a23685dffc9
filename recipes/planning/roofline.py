"""The time of a step from published peaks.

Williams, Waterman & Patterson, "Roofline: An Insightful Visual Performance Model for Multicore
Architectures", Communications of the ACM 52(4), 2009. What a chip sends in a collective is the least
that any algorithm can (Patarasuk & Yuan, "Bandwidth optimal all-reduce algorithms for clusters of
workstations", Journal of Parallel and Distributed Computing 69, 2009, section 3).
"""

from recipes.planning.plans import Estimate


def estimate(facts, topology):
    """The `Estimate` for `facts`, a `plans.Facts` of a step that fits, on a `chips.Topology`."""
    chip = topology.chip
    parts = {
        "compute": facts.flops / chip.peak,
        "memory": facts.bytes_moved / chip.bandwidth,
        "interconnect": sum(sent(each, topology.chips) for each in facts.collectives)
        / (chip.interconnect / 2),  # one direction
    }
    bound = max(parts, key=parts.get)
    return Estimate(
        seconds=parts[bound],
        images_per_second=facts.batch_size / parts[bound],
        bound=bound,
        **{f"{part}_seconds": seconds for part, seconds in parts.items()},
    )


def sent(collective, chips):
    """Bytes that one of `chips` chips sends at least in the `plans.Collective`s of a kind."""
    shares = {
        "all-reduce": 2 * (chips - 1) / chips,
        "reduce-scatter": chips - 1,  # of a result that is a share of what is reduced
        "collective-permute": 1,
    }
    return collective.bytes * shares.get(collective.kind, (chips - 1) / chips)
