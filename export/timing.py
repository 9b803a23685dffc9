"""The part of `benchmarking.py` and `profiling.py` that runs in the child process: clocks and memory.

Like `worker.py`, which loads it, it stands alone: nothing of this package is imported.
"""

import sys
import time


def measure(request, stage):
    """Latencies of the main signature in milliseconds, and the memory it took to load and run.

    The baseline is the memory after the imports, with NumPy and LiteRT loaded.
    """
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    before = restart_peak_memory()
    stage("loading the file in LiteRT")
    start = time.perf_counter()
    interpreter = Interpreter(model_path=request["file"], num_threads=request["threads"])
    interpreter.allocate_tensors()
    load = 1e3 * (time.perf_counter() - start)
    give_noise(interpreter, np.random.default_rng(0))
    stage("running the file in LiteRT")
    times = milliseconds(interpreter, 1 + request["warmup"] + request["runs"])
    return {
        "load": load,
        "first": times[0],
        "times": times[1 + request["warmup"] :],
        "memory": max(0, peak_memory() - before),
        **delegation(interpreter),
    }


def profile(request, stage):
    """Median, p10 and p90 of the milliseconds of each file, less those of the empty one.

    None for a file that can't be run. Each gets `seconds`, or three turns.
    """
    import numpy as np

    stage("running operators one by one in LiteRT")
    generator = np.random.default_rng(0)
    nothing, found = turns(request["empty"], request, generator)[0], []
    for path in request["files"]:
        try:
            times = turns(path, request, generator)
        except (RuntimeError, ValueError):
            times = None
        found.append(times and [max(0.0, value - nothing) for value in times])
    return found


def turns(path, request, generator):
    """Median, p10 and p90 over turns of the milliseconds an inference takes."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=request["threads"])
    interpreter.allocate_tensors()
    give_noise(interpreter, generator)
    interpreter.invoke()
    once = max(sum(milliseconds(interpreter, 1)), 1e-4)
    each = 1e3 * request["seconds"] / once
    # A turn has several inferences where they are short against the clock's own time.
    count = max(3, min(20, int(each)))
    inner = max(1, int(each / count))
    times = [sum(milliseconds(interpreter, inner)) / inner for _ in range(count)]
    return [float(value) for value in np.percentile(times, (50, 10, 90))]


def milliseconds(interpreter, count):
    """How long each of several inferences takes."""
    found = []
    for _ in range(count):
        start = time.perf_counter()
        interpreter.invoke()
        found.append(1e3 * (time.perf_counter() - start))
    return found


def give_noise(interpreter, generator):
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], noise(generator, detail))


def delegation(interpreter):
    """Into how many parts XNNPACK cut the main graph, and the places of the operators it left to LiteRT.

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
    left = sorted(place for place, name in running.items() if name != "DELEGATE")
    return {"partitions": len(running) - len(left), "left": left}


def noise(generator, detail):
    """Standard normal floats, or integers over the whole range of a quantised tensor but for its zero.

    An integer division by zero is refused.
    """
    import numpy as np

    shape, dtype = detail["shape"], np.dtype(detail["dtype"])
    if dtype.kind == "f":
        return generator.standard_normal(shape).astype(dtype)
    scale, zero = detail["quantization"]
    if dtype.kind in "iu" and scale:
        limits = np.iinfo(dtype)
        values = generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
        return np.where(values == zero, dtype.type(zero - 1 if zero == limits.max else zero + 1), values)
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
