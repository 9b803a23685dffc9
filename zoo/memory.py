"""Values of the feature maps that a model must hold at once.

A map is held from the layer that makes it to the last one that reads it, in the order of the graph.
Layers that a converter folds into the one before, or that only change a shape, write where they
read, unless somebody else reads there later.
"""

import itertools
import math

from keras import layers

IN_PLACE = (
    layers.Activation,
    layers.BatchNormalization,
    layers.Dropout,
    layers.Flatten,
    layers.Identity,
    layers.ReLU,
    layers.Reshape,
)


class Lifetimes:
    """Follows the maps of a model through its calls, in the order of the graph.

    Args:
        inputs: Symbolic tensors that the model is given.
    """

    def __init__(self, inputs):
        self._sizes, self._made, self._read, self._sources = [], [], [], []
        self._maps, self._step = {}, 0
        self._make(inputs)

    def call(self, layer, inputs, outputs):
        """Takes in one call of `layer`."""
        self._step += 1
        reads = [self._maps[id(x)] for x in inputs]
        for map_ in reads:
            self._read[map_] = self._step
        in_place = isinstance(layer, IN_PLACE) and len(reads) == len(outputs) == 1
        self._make(outputs, source=reads[0] if in_place else None)

    def peak(self):
        """Most values held at once for one image; None where a size is not fixed."""
        if None in self._sizes:
            return None
        changes = [0] * (self._step + 2)  # values more and less, by step
        for map_, size in enumerate(self._sizes):
            end = self._read[map_] or self._step  # what nobody reads is the model's output
            begin = self._made[map_] + self._overwrites(map_)
            changes[begin] += size
            changes[end + 1] -= size
        return max(itertools.accumulate(changes))

    def _make(self, tensors, source=None):
        for tensor in tensors:
            shape = tuple(tensor.shape[1:])
            self._maps[id(tensor)] = len(self._sizes)
            self._sizes.append(None if None in shape else math.prod(shape))
            self._made.append(self._step)
            self._read.append(0)
            self._sources.append(source)

    def _overwrites(self, map_):
        """Whether a map takes the place of its source, which is counted to the end of this step."""
        source = self._sources[map_]
        if source is None or self._sizes[source] != self._sizes[map_]:
            return False
        return self._read[source] == self._made[map_]
