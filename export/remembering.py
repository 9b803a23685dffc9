"""What was found out about a file's bytes, kept for when the same bytes come again."""

import hashlib

MOST = 64


class ByContent:
    """Results by the sha256 of the bytes they are of; the oldest go first. The bytes themselves are not kept."""

    def __init__(self, most=MOST):
        self.most, self._found = most, {}

    def get(self, content, make):
        """What `make()` gave for these bytes; where it raises, nothing is kept."""
        key = hashlib.sha256(content).digest()
        if key not in self._found:
            made = make()
            while len(self._found) >= self.most:
                self._found.pop(next(iter(self._found)), None)
            self._found[key] = made
        return self._found[key]
