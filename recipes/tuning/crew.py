"""Workers of a search on this machine: processes that end with the one that started them."""

import os
import pathlib
import subprocess
import sys
import threading

import recipes

LED = "EDGEZOO_LED"
"""Set in the environment of a process that has to end when its standard input does."""
_STARTS = 4  # of one worker, the first included


class Crew:
    """Processes that run a search's trials.

    Args:
        search: A `recipes.tuning.search.Search`.
        size: How many.
        port: Where the oracle is to be found on this machine.
    """

    def __init__(self, search, size, port):
        self.search, self.size, self.port = search, size, port
        self._processes, self._starts = {}, dict.fromkeys((f"worker{i}" for i in range(size)), 0)
        for name in self._starts:
            self._start(name)

    def died(self):
        """`(name, exit code)` of the workers that ended otherwise than told since this was last asked."""
        ended = {n: p for n, p in self._processes.items() if p.poll() is not None}
        for name in ended:
            del self._processes[name]
        return [(name, p.returncode) for name, p in ended.items() if p.returncode]

    def restart(self, name):
        """Start a worker again; false where it died too often."""
        if self._starts[name] >= _STARTS:
            return False
        self._start(name)
        return True

    def call(self):
        """Start a worker that has ended as told, for a trial that is to be tried again."""
        self._start(next(iter(self._starts)))

    @property
    def alive(self):
        """Whether any works."""
        return any(process.poll() is None for process in self._processes.values())

    def stop(self):
        """End all that still work."""
        for process in self._processes.values():
            process.stdin.close()
            process.kill()
            process.wait()

    def log(self, name):
        """The file that gets what a worker prints."""
        return self.search.path / "workers" / f"{name}.log"

    def _start(self, name):
        self._starts[name] += 1
        self.log(name).parent.mkdir(parents=True, exist_ok=True)
        with open(self.log(name), "ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "recipes", "tune", "--resume", str(self.search.path.resolve())],
                env=self._environment(name),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def _environment(self, name):
        """Where the oracle is, and a share of the machine."""
        threads = str(max(1, (os.cpu_count() or 1) // self.size))
        shares = {"TF_NUM_INTRAOP_THREADS": threads, "OMP_NUM_THREADS": threads} if self.size > 1 else {}
        home = str(pathlib.Path(recipes.__file__).parents[1])
        path = os.pathsep.join(filter(None, (home, os.environ.get("PYTHONPATH"))))
        return {
            **shares,
            **os.environ,
            "KERASTUNER_TUNER_ID": name,
            "KERASTUNER_ORACLE_IP": "127.0.0.1",
            "KERASTUNER_ORACLE_PORT": str(self.port),
            "PYTHONPATH": path,
            LED: "1",
        }


def end_with_the_leader():
    """In a worker of a crew: end as soon as the process that started it has."""
    if LED not in os.environ:
        return

    def watch():
        os.read(sys.stdin.fileno(), 1)  # past Python's buffer, whose lock would be held when Python ends
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
