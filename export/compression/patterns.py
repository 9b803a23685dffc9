"""Which weights go together when they are pruned: each by itself, blocks, or some of every few.

All patterns lie in the matrix `(outputs, inputs)` of a kernel, inputs in the order in which a file has
them: row by row of the window, channels last.
"""

import re
from dataclasses import dataclass

import numpy as np
from keras import ops

from ..errors import InvalidInput

POSSIBLE = (
    'Possible: "unstructured"; "2:4" or any "M:N", of N neighbouring inputs M stay; "4x1" or any "RxC" block'
)


@dataclass(frozen=True)
class Pattern:
    """Blocks of `rows` outputs by `columns` inputs live and die together.

    Where `among` is not 0, `kept` blocks stay of every `among` neighbours along the inputs.
    """

    rows: int = 1
    columns: int = 1
    kept: int = 0
    among: int = 0

    @property
    def sparsity(self):
        """The share of zeros that the pattern itself fixes; None where it leaves it open."""
        return 1 - self.kept / self.among if self.among else None

    def fits(self, kernel):
        """Whether the pattern means something in a kernel, and is still there in a file.

        A file may hold a transposed convolution tap by tap: groups must not reach from one to the next.
        """
        inputs = kernel.matrix_shape[1]
        if self.among and kernel.transposed:
            return kernel.variable.shape[-1] % self.among == 0
        return not (self.among and inputs < self.among)

    def scores(self, kernel, values):
        """The mean magnitude of each block of a kernel's values, `(rows, columns)` of blocks."""
        sums = self._sums(ops.abs(kernel.to_matrix(values)))
        return sums / self._sums(np.ones(kernel.matrix_shape, np.float32))

    def _sums(self, matrix):
        matrix = _padded(matrix, self.rows, self.columns)
        rows, columns = matrix.shape[0] // self.rows, matrix.shape[1] // self.columns
        return ops.sum(ops.reshape(matrix, (rows, self.rows, columns, self.columns)), axis=(1, 3))

    def spread(self, kernel, mask):
        """A mask of blocks as one of weights, of the kernel's shape."""
        rows, columns = kernel.matrix_shape
        wide = ops.repeat(ops.repeat(mask, self.rows, axis=0), self.columns, axis=1)
        return kernel.from_matrix(wide[:rows, :columns])

    def grouped(self, scores):
        """Scores `(rows, columns)` as groups of neighbours `(groups, among)`."""
        return ops.reshape(_padded(scores, 1, self.among), (-1, self.among))

    def ungrouped(self, mask, shape):
        """The opposite of `grouped`, for a mask of scores of a shape."""
        rows, columns = shape
        return ops.reshape(mask, (rows, -1))[:, :columns]


def parse(text):
    """The `Pattern` that a text names.

    Raises:
        InvalidInput: It names none.
    """
    if text == "unstructured":
        return Pattern()
    found = re.fullmatch(r"(\d+)(:|x)(\d+)", str(text))
    if found and found[2] == ":" and 1 <= int(found[1]) < int(found[3]):
        return Pattern(kept=int(found[1]), among=int(found[3]))
    if found and found[2] == "x" and int(found[1]) and int(found[3]):
        return Pattern(rows=int(found[1]), columns=int(found[3]))
    raise InvalidInput(f"There is no pattern {text!r}. {POSSIBLE}.")


def _padded(matrix, rows, columns):
    """With zeros up to multiples of a number of rows and columns."""
    more = [(0, -matrix.shape[0] % rows), (0, -matrix.shape[1] % columns)]
    return ops.pad(matrix, more) if any(last for _, last in more) else matrix
