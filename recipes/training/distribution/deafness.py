"""An end with a reason for a process that does not come back from a call which is deaf to Python."""

import contextlib
import faulthandler
import os
import subprocess
import sys

_GRACE = 2  # seconds between the reason and the end

# Told by the closing of its standard input that all is well, else says what was lost when time is up.
_WATCH = """
import select, sys
if not select.select([sys.stdin], [], [], float(sys.argv[1]))[0]:
    sys.stderr.write(sys.argv[2])
"""


@contextlib.contextmanager
def bounded(limit, reason):
    """A block that may take `limit` seconds, though no thread of Python runs in it; then the process ends.

    Args:
        limit: Seconds.
        reason: What is written to standard error before the process ends with code 1.
    """
    watch = [sys.executable, "-S", "-c", _WATCH, str(limit), f"error: {reason}\n"]
    with open(os.devnull, "w") as nowhere, subprocess.Popen(watch, stdin=subprocess.PIPE) as watching:
        faulthandler.dump_traceback_later(limit + _GRACE, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            watching.stdin.close()
