"""Readings for TensorBoard: an event file, written by the package `tensorboard`, on every backend."""

import os
import socket
import time

FOLDER = "tensorboard"
_TAGS = {
    "gradient_norm": "gradient norm",
    "update_ratio": "update to weight",
    "dead": "dead units",
    "minimum": "smallest activation",
    "maximum": "largest activation",
}


def available():
    """Whether the package `tensorboard` is installed."""
    import importlib.util

    return importlib.util.find_spec("tensorboard") is not None


class EventFile:
    """An event file in `FOLDER` under a run's directory; each process that goes on with a run adds its own.

    Args:
        folder: The run's directory.
        step: At which it begins; TensorBoard drops what older files say of this step and later ones.
    """

    def __init__(self, folder, step):
        from tensorboard.compat.proto.event_pb2 import SessionLog
        from tensorboard.summary.writer.record_writer import RecordWriter

        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
        self._records = RecordWriter((folder / FOLDER / name).open("wb"))
        self._add(file_version="brain.Event:2")
        self._add(step=step, session_log=SessionLog(status=SessionLog.START))

    def add(self, loss, look):
        """The probe's loss and all readings of one look."""
        values = {"loss on the examples looked at": loss}
        for reading in look:
            numbers = {tag: getattr(reading, name) for name, tag in _TAGS.items()}
            values |= {f"{tag}/{reading.layer}": v for tag, v in numbers.items() if v is not None}
        self._add(step=look[0].step, summary=_summary(values))
        self._records.flush()

    def close(self):
        """Close the file."""
        self._records.close()

    def _add(self, **content):
        from tensorboard.compat.proto.event_pb2 import Event

        self._records.write(Event(wall_time=time.time(), **content).SerializeToString())


def _summary(values):
    from tensorboard.compat.proto.summary_pb2 import Summary

    return Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
