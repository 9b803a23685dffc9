"""Codes of integers as bytes: a range coder with a table of frequencies for each place of the code.

Martin, "Range encoding: an algorithm for removing redundancy from a digitised message", 1979; the coder
is that of the package `constriction`.
"""

import numpy as np

from recipes.errors import RecipeError

_WIDEST = 4096  # values a table; what is further from the median is written out
_PRIOR = 0.5  # of an example that each value counts for before any was seen
_HALF = 1 << 16  # values of half a word


class Codec:
    """Stores codes of integers, with tables counted on `examples`; whoever decodes has the same tables.

    A table covers the values between the least and the greatest one that its place has in `examples`.
    One more symbol announces any other value, which is written out in 32 bits, so that no code is
    refused and none is changed.

    Args:
        examples: Integers `(n, places)`.

    Raises:
        RecipeError: The package `constriction` is not there.
    """

    def __init__(self, examples):
        self._coding = package()
        tables = [_Table(self._coding.model, column) for column in _words(examples).T]
        self._tables, self._raw = tables, self._coding.model.Uniform(_HALF)

    def encode(self, codes):
        """Integers `(n, places)` as bytes."""
        encoder = self._coding.queue.RangeEncoder()
        for table, column in zip(self._tables, _words(codes).T, strict=True):
            symbols = table.symbols(column)
            encoder.encode(symbols, table.model)
            escaped = column[symbols == table.escape]
            if escaped.size:
                encoder.encode(np.ascontiguousarray(escaped.view(np.uint16).astype(np.int32)), self._raw)
        return encoder.get_compressed().astype("<u4").tobytes()

    def bits(self, codes):
        """What each of the codes `(n, places)` takes by the tables, without the rounding of a stream: `(n,)`."""
        taken = np.zeros(len(codes))
        for table, column in zip(self._tables, _words(codes).T, strict=True):
            symbols = table.symbols(column)
            taken += table.bits[symbols] + 32 * (symbols == table.escape)
        return taken

    def decode(self, content, count):
        """The `count` codes that `content` holds, int32 `(count, places)`."""
        decoder = self._coding.queue.RangeDecoder(np.frombuffer(content, "<u4").astype(np.uint32))
        codes = np.empty((count, len(self._tables)), np.int32)
        for table, column in zip(self._tables, codes.T, strict=True):
            symbols = decoder.decode(table.model, count)
            column[:] = symbols + table.low
            escaped = symbols == table.escape
            if escaped.any():
                halves = decoder.decode(self._raw, 2 * int(escaped.sum()))
                column[escaped] = halves.astype(np.uint16).view(np.int32)
        return codes


class _Table:
    """The frequencies of one place's values: symbol 0 is `low`, symbol `escape` any value beyond."""

    def __init__(self, model, column):
        middle = int(np.median(column))
        self.low = max(int(column.min()), middle - _WIDEST // 2)
        self.escape = min(int(column.max()), middle + _WIDEST // 2) - self.low + 1
        counts = np.bincount(self.symbols(column), minlength=self.escape + 1) + _PRIOR
        shares = counts / counts.sum()
        self.bits = -np.log2(shares)
        self.model = model.Categorical(shares, perfect=False)

    def symbols(self, column):
        """Values `(n,)` as symbols of the table, int32."""
        above = column.astype(np.int64) - self.low
        inside = (above >= 0) & (above < self.escape)
        return np.where(inside, above, self.escape).astype(np.int32)


def _words(codes):
    """Codes as int32 `(n, places)`.

    Raises:
        RecipeError: A code is no whole number of 32 bits.
    """
    codes = np.asarray(codes)
    with np.errstate(invalid="ignore"):
        words = codes.astype(np.int32)
    if codes.ndim != 2 or not np.array_equal(words, codes):
        raise RecipeError(
            f"codes of shape {codes.shape} and type {codes.dtype} cannot be stored: the codec takes whole "
            "numbers of 32 bits, (n, places). Round them first"
        )
    return words


def package():
    """The streams of `constriction`.

    Raises:
        RecipeError: It is not installed.
    """
    try:
        import constriction
    except ImportError:
        raise RecipeError(
            "task=compression stores codes with the package `constriction`, which is not installed: "
            "pip install 'edgezoo[compression]'"
        ) from None
    return constriction.stream
