"""The child process that runs the converters and measures files.

Started as a script by `process.py`, it reads one JSON request a line from its standard input and
answers with JSON lines: `{"stage": ...}` while it works, then `{"result": ...}` or
`{"error": ..., "kind": ...}`. It stands alone: nothing of this package is imported, and TensorFlow
only by the jobs that need it.
"""

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
    from ai_edge_litert.interpreter import Interpreter

    samples, outputs = np.load(request["samples"]), {}
    stage("loading the file in LiteRT")
    interpreter = Interpreter(model_path=request["file"])
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


def compare(request, stage):
    """A file with its float file, tensor by tensor; see `tracing.py`, which lies beside this one."""
    import runpy

    module = runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "tracing.py"))
    return module["compare"](request, stage)


def measure(request, stage):
    """Latencies of the main signature in milliseconds, and the memory it took to load and run.

    The baseline is the memory after the imports, with NumPy and LiteRT loaded.
    """
    import time

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    generator = np.random.default_rng(0)
    before = restart_peak_memory()
    stage("loading the file in LiteRT")
    interpreter = Interpreter(model_path=request["file"], num_threads=request["threads"])
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], noise(generator, detail))
    stage("running the file in LiteRT")
    times = []
    for _ in range(1 + request["warmup"] + request["runs"]):
        start = time.perf_counter()
        interpreter.invoke()
        times.append(1e3 * (time.perf_counter() - start))
    return {
        "first": times[0],
        "times": times[1 + request["warmup"] :],
        "memory": max(0, peak_memory() - before),
        **delegation(interpreter),
    }


def delegation(interpreter):
    """Into how many parts XNNPACK cut the main graph, and which operators it left to LiteRT.

    The interpreter lists the replaced operators next to the delegate's parts; what still runs is
    found by walking back from the outputs.
    """
    nodes = interpreter._get_ops_details()
    makers = {}
    for node in nodes:
        for tensor in node["outputs"]:
            if node["op_name"] == "DELEGATE" or int(tensor) not in makers:
                makers[int(tensor)] = node
    ahead = [detail["index"] for detail in interpreter.get_output_details()]
    running = {}
    while ahead:
        node = makers.get(ahead.pop())
        if node is not None and node["index"] not in running:
            running[node["index"]] = node["op_name"]
            ahead.extend(int(tensor) for tensor in node["inputs"])
    names = list(running.values())
    left = {name: names.count(name) for name in sorted(names) if name != "DELEGATE"}
    return {"partitions": names.count("DELEGATE"), "undelegated": left}


def noise(generator, detail):
    """Standard normal floats, or integers over the whole range of a quantised tensor."""
    import numpy as np

    shape, dtype = detail["shape"], np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    if dtype.kind in "iu" and detail["quantization"][0]:
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    return np.zeros(shape, dtype)


def restart_peak_memory():
    """Let the peak start again from the memory held now, if the system can; its bytes."""
    try:
        with open("/proc/self/clear_refs", "w") as switch:
            switch.write("5")
    except OSError:
        pass
    return peak_memory()


def peak_memory():
    """The largest resident memory so far, in bytes."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


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


JOBS = {job.__name__: job for job in (compare, convert, measure, predict, quantize, run)}

if __name__ == "__main__":
    main(JOBS)
