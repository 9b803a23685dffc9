"""The parent's side of the child process that runs converters (see `worker.py`).

TensorFlow takes seconds to import and its converters can crash, so they run in a child that is kept
for the next job. It is replaced after a crash, a time-out or Ctrl-C, and it ends with its parent.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from .errors import WorkerDied

SCRIPT = Path(__file__).with_name("worker.py")
TIMEOUT = 600.0
LOG_TAIL = 4000


class JobFailed(RuntimeError):
    """The job raised in the child; `kind` is the name of the exception's class."""

    def __init__(self, message, kind):
        super().__init__(message)
        self.kind = kind


class Worker:
    """A child process that answers one request at a time. Safe to call from several threads.

    `script` is what it runs; it talks as `worker.py` does. `environment` is added to this process's own.
    """

    def __init__(self, script=SCRIPT, **environment):
        self._script, self._environment = script, environment
        self._lock = threading.Lock()
        self._process = None
        self._log = None
        self._owner = None

    @property
    def pid(self):
        """The child's process id, or None if none was started or it has ended."""
        return self._process.pid if self._alive() else None

    def call(self, job, timeout=TIMEOUT, **request):
        """Run a job in the child and return its result.

        Args:
            job: The name of a job of the script.
            timeout: Seconds after which the child is ended.
            **request: What the job needs, as JSON values.

        Raises:
            JobFailed: The job raised an exception.
            WorkerDied: The child crashed or took longer than `timeout`.
        """
        with self._lock:
            self._start()
            expired = threading.Event()
            clock = threading.Timer(timeout, self._expire, [self._process, expired])
            clock.daemon = True
            clock.start()
            try:
                return self._exchange({"job": job, **request}, timeout, expired)
            except JobFailed:
                raise
            # Ctrl-C included: the answer of an abandoned job must not reach the next one.
            except BaseException:
                self.stop()
                raise
            finally:
                clock.cancel()

    def stop(self):
        """End the child, if this process started one."""
        if self._process is None or self._owner != os.getpid():
            return
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._log.close()
        self._process = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def _alive(self):
        # A fork of the parent shares the pipes but must not talk through them.
        started_here = self._process is not None and self._owner == os.getpid()
        return started_here and self._process.poll() is None

    def _start(self):
        if self._alive():
            return
        self.stop()
        self._log = tempfile.TemporaryFile("a+b")
        self._owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(self._script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={
                **os.environ,
                "TF_CPP_MIN_LOG_LEVEL": "3",
                "CUDA_VISIBLE_DEVICES": "-1",
                **self._environment,
            },
        )

    def _exchange(self, request, timeout, expired):
        self._log.truncate(0)
        stage = "starting"
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            for message in filter(None, map(_message, self._process.stdout)):
                if "result" in message:
                    return message["result"]
                if "error" in message:
                    raise JobFailed(message["error"], message["kind"])
                stage = message["stage"]
        except BrokenPipeError:
            pass
        if expired.is_set():
            raise WorkerDied(stage, f"took longer than {timeout:g} seconds", self._tail())
        raise WorkerDied(stage, _ending(self._process.wait()), self._tail())

    def _tail(self):
        end = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, end - LOG_TAIL))
        return self._log.read().decode(errors="replace").strip()

    @staticmethod
    def _expire(process, expired):
        expired.set()
        process.kill()


def _message(line):
    """A line from the child as a message; None for what something else printed there."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _ending(code):
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with code {code}"
    name = signal.Signals(-code).name
    return "crashed (segmentation fault)" if name == "SIGSEGV" else f"was ended by {name}"


shared = Worker()
atexit.register(shared.stop)
