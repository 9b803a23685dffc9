"""The proof that a file loads and runs, before it is handed over: in the child, which may crash."""

import numpy as np

from .contents import inspect
from .crashing import culprit
from .errors import ExportError, WorkerDied
from .predictor import dequantise, quantise
from .process import TIMEOUT, JobFailed, shared
from .scratch import scratch_folder
from .trying import trust, try_out


def check_runs(content, model_name, precision, timeout=TIMEOUT):
    """Load a file in LiteRT in the child process and call every signature once.

    Returns:
        The content.

    Raises:
        ExportError: LiteRT refuses the file, or crashes.
    """
    try:
        try_out(content, timeout)
    except (JobFailed, WorkerDied) as error:
        raise ExportError(
            f"Model {model_name!r}, {precision}: the converted file does not run in LiteRT"
            f" ({error}{_where(content, error, timeout)}). It is not handed over; choose another precision"
            " or replace the operator named here."
        ) from error
    return trust(content)


def outputs(content, samples, timeout=TIMEOUT):
    """What a file gives for samples, from the child process.

    Args:
        content: The file's bytes.
        samples: A dict from signature to a dict from input name to real values `(n, *input_shape)`.

    Returns:
        A dict from signature to a dict from output name to values as the file stores them.

    Raises:
        ExportError: LiteRT refuses the file, or crashes on it.
    """
    signatures = inspect(content).signatures
    inputs = {
        f"{name}/{tensor.name}": quantise(np.asarray(samples[name][tensor.name]), tensor)
        for name in samples
        for tensor in signatures[name].inputs
    }
    with scratch_folder() as scratch:
        file, given, got = (scratch / name for name in ("run.tflite", "inputs.npz", "outputs.npz"))
        file.write_bytes(content)
        np.savez(given, **inputs)
        names = {name: [tensor.name for tensor in signatures[name].inputs] for name in samples}
        try:
            shared.call("predict", timeout, file=str(file), samples=str(given), inputs=names, output=str(got))
        except (JobFailed, WorkerDied) as error:
            raise ExportError(
                f"LiteRT can't run the file: {error}{_where(content, error, timeout)}"
            ) from error
        with np.load(got) as stored:
            return {
                name: {t.name: stored[f"{name}/{t.name}"] for t in signatures[name].outputs}
                for name in samples
            }


def real_outputs(content, samples, timeout=TIMEOUT):
    """Like `outputs`, in real values."""
    signatures = inspect(content).signatures
    stored = outputs(content, samples, timeout)
    return {
        name: {t.name: dequantise(stored[name][t.name], t) for t in signatures[name].outputs}
        for name in stored
    }


def _where(content, error, timeout):
    """The operator that a crash came from, as the end of a sentence."""
    found = culprit(content, timeout) if isinstance(error, WorkerDied) else None
    return f", in {found}" if found else ""
