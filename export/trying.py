"""The first run of a file: in the child process, which LiteRT may end and whose memory is limited.

LiteRT checks less than it relies on, so that a damaged file can take a process along. Only files that were made
in this process run in it later.
"""

import hashlib

from .process import TIMEOUT, shared
from .scratch import scratch_folder

_tried, _made = set(), set()


def try_out(content, timeout=TIMEOUT):
    """Load a file in LiteRT in the child and call every signature with zeros; each content once.

    Args:
        content: The file's bytes.
        timeout: Seconds it may take.

    Raises:
        JobFailed: LiteRT refuses the file.
        WorkerDied: It crashed on it, or took too long.
    """
    digest = hashlib.sha256(content).digest()
    if digest in _tried:
        return
    with scratch_folder() as scratch:
        file = scratch / "tried.tflite"
        file.write_bytes(content)
        shared.call("run", timeout, file=str(file))
    _tried.add(digest)


def trust(content):
    """Remember a file as made in this process, where LiteRT may then run it; returns it."""
    _made.add(hashlib.sha256(content).digest())
    return content


def made_here(content):
    """Whether a file was made in this process, and has run."""
    return hashlib.sha256(content).digest() in _made
