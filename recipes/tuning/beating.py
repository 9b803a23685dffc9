"""Something that is done again and again beside something else."""

import contextlib
import threading


@contextlib.contextmanager
def every(seconds, act):
    """Call `act` every so many seconds within the block, in a thread; one that hangs is left behind."""
    ended = threading.Event()

    def beat():
        while not ended.wait(seconds):
            act()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(seconds)
