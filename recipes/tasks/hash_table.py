"""A hash table whose addresses are codes of bits, and which is asked for what is near an address.

Salakhutdinov & Hinton, "Semantic hashing", International Journal of Approximate Reasoning 50, 2009,
section 1: the addresses that differ in few bits are looked at one by one, however many examples the table
holds.
"""

import functools
import itertools

import numpy as np


class HashTable:
    """Examples by their address.

    Args:
        codes: `(n, bits)` of zeros and ones; example i of the table has the i-th.
    """

    def __init__(self, codes):
        lists = {}
        for i, address in enumerate(addresses(codes)):
            lists.setdefault(address, []).append(i)
        self.bits = np.shape(codes)[1]
        self._examples = {address: np.array(indices) for address, indices in lists.items()}

    def at_distance(self, address, radius):
        """Indices of the examples whose codes differ from that of `address` in `radius` bits."""
        table = self._examples
        probed = [address ^ difference for difference in _differences(self.bits, radius)]
        found = [table[place] for place in probed if place in table]
        return np.concatenate(found) if found else np.empty(0, np.intp)


def addresses(codes):
    """Codes `(n, bits)` of zeros and ones as a list of `n` integers."""
    packed = np.packbits(np.asarray(codes, bool), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


@functools.cache
def _differences(bits, count):
    """All integers of `bits` bits of which `count` are ones."""
    return [sum(1 << place for place in places) for places in itertools.combinations(range(bits), count)]
