"""The proof that a file loads and runs, before it is handed over."""

from .errors import ExportError, WorkerDied
from .process import TIMEOUT, JobFailed, shared
from .scratch import scratch_folder


def check_runs(content, model_name, precision, timeout=TIMEOUT):
    """Load a file in LiteRT in the child process and call every signature once.

    Returns:
        The content.

    Raises:
        ExportError: LiteRT refuses the file, or crashes.
    """
    with scratch_folder() as scratch:
        file = scratch / "check.tflite"
        file.write_bytes(content)
        try:
            shared.call("run", timeout, file=str(file))
        except (JobFailed, WorkerDied) as error:
            raise ExportError(
                f"Model {model_name!r}, {precision}: the converted file does not run in LiteRT"
                f" ({error}). It is not handed over; choose another precision or replace the"
                " operator named here."
            ) from error
    return content
