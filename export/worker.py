"""The child process that runs the converters and measures files.

Started as a script by `process.py`, it reads one JSON request a line from its standard input and
answers with JSON lines: `{"stage": ...}` while it works, then `{"result": ...}` or
`{"error": ..., "kind": ...}`. It stands alone: nothing of this package is imported, and TensorFlow
only by the jobs that need it.
"""

import contextlib
import faulthandler
import json
import os
import signal
import sys


def convert(request, stage):
    """SavedModel to a float32 `.tflite` file, builtin operators only."""
    stage("loading TensorFlow")
    import tensorflow as tf

    stage("converting the graph")
    converter = tf.lite.TFLiteConverter.from_saved_model(
        request["saved_model"], signature_keys=request["signatures"]
    )
    write(request["output"], converter.convert())


def quantize(request, stage):
    """Float32 `.tflite` file and calibration samples to integers, by TensorFlow's own quantiser."""
    stage("loading TensorFlow")
    import numpy as np
    import tensorflow as tf
    from tensorflow.lite.python.convert import mlir_quantize
    from tensorflow.lite.python.optimize.calibrator import Calibrator

    content = read(request["input"])
    samples = np.load(request["samples"])

    def feed():
        for signature, names in request["inputs"].items():
            arrays = {name: samples[f"{signature}/{name}"] for name in names}
            for index in range(len(next(iter(arrays.values())))):
                yield signature, {name: rows[index : index + 1] for name, rows in arrays.items()}

    stage("calibrating")
    calibrated = Calibrator(content).calibrate(feed)
    stage("quantising")
    write(
        request["output"],
        mlir_quantize(calibrated, fully_quantize=True, input_data_type=tf.int8, output_data_type=tf.int8),
    )


def run(request, stage):
    """Load a file in LiteRT and call every signature once, with zeros."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    stage("loading the file in LiteRT")
    interpreter = Interpreter(model_path=request["file"])
    for name in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(name)
        details = runner.get_input_details().items()
        stage(f"running signature {name!r} in LiteRT")
        runner(**{key: np.zeros(detail["shape"], detail["dtype"]) for key, detail in details})


def predict(request, stage):
    """The outputs of a file, as it stores them, for samples that are as it takes them."""
    import numpy as np

    samples, outputs = np.load(request["samples"]), {}
    stage("loading the file in LiteRT")
    interpreter = interpreter_of(request["file"], request.get("threads", 1), request.get("kept_as"))
    for signature, names in request["inputs"].items():
        runner = interpreter.get_signature_runner(signature)
        arrays = {name: samples[f"{signature}/{name}"] for name in names}
        stage(f"running signature {signature!r} in LiteRT")
        rows = [
            runner(**{name: array[index : index + 1] for name, array in arrays.items()})
            for index in range(len(next(iter(arrays.values()))))
        ]
        for name in rows[0]:
            outputs[f"{signature}/{name}"] = np.concatenate([row[name] for row in rows])
    np.savez(request["output"], **outputs)


def interpreter_of(file, threads, kept_as):
    """A file in LiteRT. The last one that has a name to be kept as stays loaded."""
    from ai_edge_litert.interpreter import Interpreter

    if kept_as is None:
        return Interpreter(model_path=file, num_threads=threads)
    if kept_as not in _kept:
        _kept.clear()
        _kept[kept_as] = Interpreter(model_path=file, num_threads=threads)
    return _kept[kept_as]


_kept = {}


def compare(request, stage):
    """A file with its float file, tensor by tensor; see `tracing.py`."""
    return beside("tracing")["compare"](request, stage)


def measure(request, stage):
    """What running a file takes; see `timing.py`."""
    return beside("timing")["measure"](request, stage)


def profile(request, stage):
    """What running each of several files takes; see `timing.py`."""
    return beside("timing")["profile"](request, stage)


@contextlib.contextmanager
def limited_memory():
    """Let this process have half of the machine's memory more than it holds, within the block.

    A file may declare tensors of any size, and for the room the system would end other processes too.
    """
    try:
        import resource

        with open("/proc/self/statm") as sizes:
            held = int(sizes.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        most = held + os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
        before = resource.getrlimit(resource.RLIMIT_AS)
        known = [limit for limit in before if limit != resource.RLIM_INFINITY]
        resource.setrlimit(resource.RLIMIT_AS, (min([most, *known]), before[1]))
    except (ImportError, OSError, ValueError):  # systems without such limits
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def limited(job):
    """A job that runs a file, with a limit to the memory that this may take."""

    def call(request, stage):
        with limited_memory():
            return job(request, stage)

    return call


def beside(name):
    """What a script defines that lies beside this one."""
    import runpy

    return runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{name}.py"))


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def die_with_parent(busy):
    """While a job runs, let the kernel end this process when the parent's end of the pipe closes.

    A converter may hold the interpreter for minutes, so no Python code could notice.
    """
    if not hasattr(os, "O_ASYNC"):
        return
    import fcntl
    import select

    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(0, fcntl.F_GETFL)
    fcntl.fcntl(0, fcntl.F_SETFL, flags | os.O_ASYNC if busy else flags & ~os.O_ASYNC)
    # No further request may come before the answer, so what can be read now is the pipe's end.
    if busy and select.select([0], [], [], 0)[0]:
        sys.exit()


def answer(jobs, request, reply):
    """The outcome of a job, as a message for the parent."""
    try:
        return {"result": jobs[request["job"]](request, lambda stage: reply({"stage": stage}))}
    # The parent gives every failure its meaning; the child must live on.
    except Exception as error:
        return {"error": str(error), "kind": type(error).__name__}


def main(jobs):
    """Answer requests until the parent closes the pipe; `jobs` maps names to functions."""
    # Libraries print to file descriptor 1 from C++: keep it for them, and answer on a copy.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def reply(message):
        # What was printed before may lack its line's end.
        replies.write("\n" + json.dumps(message) + "\n")
        replies.flush()

    for line in sys.stdin:
        die_with_parent(busy=True)
        outcome = answer(jobs, json.loads(line), reply)
        # Before the answer: the next request may follow it at once.
        die_with_parent(busy=False)
        reply(outcome)


JOBS = {job.__name__: limited(job) for job in (compare, measure, predict, profile, run)}
JOBS |= {job.__name__: job for job in (convert, quantize)}

if __name__ == "__main__":
    main(JOBS)
