"""The first run of a file: in the child process, which LiteRT may end and whose memory is limited.

LiteRT checks less than it relies on, so that a damaged file can take a process along.
"""

import hashlib

from .process import TIMEOUT, shared
from .scratch import scratch_folder

_tried = set()


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
