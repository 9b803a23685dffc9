"""Several machines under TensorFlow: the same command on each, `TF_CONFIG` set, the first worker the chief.

The chief alone writes the run's directory. The others get a copy of what is in it when they begin, keep what
they write to themselves, and so decide all things as the chief does. When one of them is lost the rest end
with a `WorkerLost`; once all are back, they go on from the chief's newest checkpoint.
"""

import contextlib
import json
import os
import tempfile
from typing import NamedTuple

from recipes import rundir
from recipes.errors import RecipeError, WorkerLost
from recipes.training.distribution import deafness, handing_over, meeting
from recipes.training.distribution.replicas import Replicas

_SILENCE = 20  # seconds without a sign of life after which a worker counts as lost
_UNCONNECTED = "all workers came, but TensorFlow could not connect them"
_INSTEAD = (
    "one of them has ended, and its own output says why, or can't be reached. Start the same command on each again, "
    "or wait longer: EDGEZOO_WAIT=SECONDS"
)


class Cluster(NamedTuple):
    """The workers, chief first: their `host:port`, which of them this is, and TensorFlow's names of the jobs."""

    addresses: tuple[str, ...]
    index: int
    jobs: dict[str, int]

    @property
    def size(self):
        return len(self.addresses)


def from_environment():
    """The `Cluster` that `TF_CONFIG` describes; `None` where that is not set.

    Raises:
        RecipeError: It is no such description.
    """
    if not (text := os.environ.get("TF_CONFIG")):
        return None
    try:
        content = json.loads(text)
        jobs, task = content.get("cluster", {}), content.get("task", {})
        chiefs, others = tuple(jobs.get("chief", ())), tuple(jobs.get("worker", ()))
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
        index += len(chiefs) if kind == "worker" else 0
        addresses = chiefs + others
        if not addresses:
            return None
        unfit = kind not in ("chief", "worker") or len(chiefs) > 1 or not 0 <= index < len(addresses)
        if unfit or any(not meeting.is_address(address) for address in addresses):
            raise ValueError(
                "jobs are `worker`, and one `chief` at most; the task is one of them; addresses host:port"
            )
    except (ValueError, TypeError, AttributeError) as error:
        raise RecipeError(f"TF_CONFIG={text!r} is no description of workers: {error}") from error
    counts = {job: len(jobs[job]) for job in ("chief", "worker") if jobs.get(job)}
    return Cluster(addresses, index, counts)


class Workers(Replicas):
    """A model on the devices of several workers.

    Args:
        cluster: A `Cluster`.
        devices: What each worker has, in words.
        exact: As of `Single`.

    Raises:
        TrainingError: A worker did not come within `EDGEZOO_WAIT` seconds, 300 by default.
    """

    def __init__(self, cluster, devices, exact):
        self._others = meeting.meet(cluster.addresses, cluster.index)
        self._copies = contextlib.ExitStack()
        strategy = _connected(cluster)
        super().__init__("multiworker", f"{cluster.size} workers of {devices}", strategy, exact)
        self.cluster, self.chief = cluster, cluster.index == 0

    def told(self, batch_size):
        who = "the chief, which alone writes" if self.chief else "which writes nothing"
        return f"{super().told(batch_size)}; this is worker {self.cluster.index}, {who}"

    def part(self, size):
        """Which of a batch's `size` examples this process feeds, as a slice."""
        here = len(self.strategy.extended.worker_devices)
        first = self.cluster.index * here
        return slice(first * size // self.replicas, (first + here) * size // self.replicas)

    def shared(self, opened):
        """On the chief what `opened()` gives; on the others a copy of that, in a folder of their own."""
        try:
            if self.chief:
                run = opened()
                content = handing_over.packed(run.path)
                for other in self._others:
                    meeting.send(other, content)
                return run
            folder = self._copies.enter_context(tempfile.TemporaryDirectory(prefix="edgezoo-worker-"))
            return rundir.open_run(handing_over.unpacked(meeting.receive(self._others[0]), folder))
        except OSError as error:
            who = "another worker" if self.chief else "the chief"
            raise WorkerLost(
                f"{who} ended before the training began; its own output says why ({error})"
            ) from error
        except BaseException:
            self.finish()
            raise

    @contextlib.contextmanager
    def watched(self):
        import tensorflow as tf

        lost = (
            tf.errors.UnavailableError,
            tf.errors.AbortedError,
            tf.errors.CancelledError,
            tf.errors.DeadlineExceededError,
            tf.errors.FailedPreconditionError,
        )
        try:
            yield
        except lost as error:
            raise WorkerLost(
                "another worker was lost. Start its command again there, and all go on from the last checkpoint"
            ) from error

    def finish(self):
        """Let the others know that this worker has done its part, and forget the copies of runs."""
        meeting.part(self._others)
        self._others = []
        self._copies.close()


def _connected(cluster):
    """TensorFlow's strategy, its workers connected; the losing of one is noticed after `_SILENCE` seconds."""
    import tensorflow as tf
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context

    job, limit = next(iter(cluster.jobs)), meeting.seconds()
    context.context().configure_coordination_service(
        service_type="standalone",
        service_leader=f"/job:{job}/replica:0/task:0",
        cluster_register_timeout_in_ms=round(1000 * limit / 2),  # this worker then begins again
        heartbeat_timeout_in_ms=1000 * _SILENCE,
        coordinated_jobs=[
            coordination_config_pb2.CoordinatedJob(name=name, num_tasks=count)
            for name, count in cluster.jobs.items()
        ],
    )
    try:
        with deafness.bounded(limit, f"{_UNCONNECTED} within {limit:g} s: {_INSTEAD}"):
            return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise RecipeError(
            "--strategy multiworker: TensorFlow was used in this process already; take the strategy first, in a "
            f"new process ({str(error).splitlines()[0]})"
        ) from error
    except tf.errors.OpError as error:
        raise WorkerLost(f"{_UNCONNECTED} ({str(error).splitlines()[0]})") from error
