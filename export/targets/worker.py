"""The child process that runs files in the runtimes of devices: TensorFlow Lite Micro and LiteRT.

Started as a script by `export.process.Worker`, which it answers as `export/worker.py` does. Like that
one it stands alone: nothing of this package is imported. Both runtimes may end the process on a file
they do not expect.
"""

import importlib.util
import os
from pathlib import Path

LARGEST_ARENA = 1 << 30
# What the runtime says when it is the arena that is too small, not the file that is unfit.
TOO_SMALL = ("Failed to allocate", "Failed to resize", "missing:", "Arena size is too small")


def micro(request, stage):
    """Outputs of a file in TensorFlow Lite Micro, and the arena it took.

    `arena` is the arena's size in bytes, or None for one that is large enough.
    """
    content, samples = read(request["file"]), load(request["samples"])
    stage("loading the file in TensorFlow Lite Micro")
    arena = request["arena"]
    interpreter = micro_interpreter(content, arena) if arena else with_room(content)
    stage("running the file in TensorFlow Lite Micro")
    save(request["output"], run_micro(interpreter, samples, request["outputs"]))
    start = printed()
    interpreter.print_allocations()
    return recorded(text_since(start))


def fits(request, stage):
    """Whether a file's tensors can be laid out in an arena of some bytes."""
    stage("looking for the smallest arena")
    try:
        micro_interpreter(read(request["file"]), request["arena"])
    except RuntimeError:
        return False
    return True


def litert(request, stage):
    """Outputs of a file in LiteRT, with a set of its kernels."""
    stage("loading the file in LiteRT")
    interpreter = litert_interpreter(request["file"], request["kernels"])
    stage("running the file in LiteRT")
    save(request["output"], run_litert(interpreter, load(request["samples"])))


def operators(request, stage):
    """How far each operator alone is from LiteRT's nearest kernel for it, given the same inputs.

    `singles` are files of one operator, with the indices of the tensors they take from the whole file,
    which runs on sample number `row`. The answer is a list of integers in their order: the largest
    difference in steps of the operator's own output.
    """
    stage("running the file in LiteRT")
    whole, row = litert_interpreter(request["file"], "optimized", preserve=True), request["row"]
    run_litert(whole, [rows[row : row + 1] for rows in load(request["samples"])])
    differences = []
    for single in request["singles"]:
        stage(f"comparing {single['name']}")
        inputs = [whole.get_tensor(index)[None] for index in single["inputs"]]
        expected = of_each_set(single["file"], inputs)
        found = run_micro(with_room(read(single["file"])), inputs, len(expected[0]))
        differences.append(min(largest_difference(found, outputs) for outputs in expected))
    return differences


def of_each_set(file, inputs):
    """The outputs of a file with each set of LiteRT's kernels that has its operator."""
    outputs, refusals = [], []
    for kernels in ("reference", "optimized"):
        try:
            outputs.append(run_litert(litert_interpreter(file, kernels), inputs))
        except ValueError as error:
            refusals.append(str(error))
    if not outputs:
        raise RuntimeError(refusals[-1])
    return outputs


def largest_difference(found, expected):
    import numpy as np

    pairs = zip(found, expected, strict=True)
    return max(int(np.abs(a.astype(np.int64).reshape(b.shape) - b).max(initial=0)) for a, b in pairs)


def probe(request, stage):
    """What a runtime says about files: for each None, or its reason for not taking it."""
    stage(f"probing {request['runtime']}")
    return [refusal(file, request["runtime"]) for file in request["files"]]


def refusal(file, runtime):
    start = printed()
    try:
        if runtime == "litert":
            from ai_edge_litert.interpreter import Interpreter

            Interpreter(model_path=file)
        else:
            run_ones(micro_interpreter(read(file), 1 << 20))
    except (AttributeError, RuntimeError, ValueError) as error:
        return f"{error} {text_since(start)}"
    return None


def run_ones(interpreter):
    """Run a file of one input; without a value it would be what the memory happens to hold."""
    import numpy as np

    detail = interpreter.get_input_details(0)
    interpreter.set_input(np.ones(detail["shape"], detail["dtype"]), 0)
    interpreter.invoke()


def with_room(content):
    """An interpreter with an arena that is large enough."""
    size = 1 << 20
    while True:
        start = printed()
        try:
            return micro_interpreter(content, size)
        except RuntimeError as error:
            said = text_since(start)
            if size >= LARGEST_ARENA or not any(text in said for text in TOO_SMALL):
                raise RuntimeError(last_words(said) or str(error)) from error
            size *= 4


def micro_interpreter(content, size):
    from tflite_micro.python.tflite_micro import runtime

    return runtime.Interpreter.from_bytes(content, arena_size=size)


def run_micro(interpreter, samples, outputs):
    """Arrays `(n, ...)` of each output, as the file stores them."""
    import numpy as np

    rows = []
    for index in range(len(samples[0])):
        for position, values in enumerate(samples):
            interpreter.set_input(values[index], position)
        start = printed()
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise RuntimeError(last_words(text_since(start)) or str(error)) from error
        rows.append([np.array(interpreter.get_output(position)) for position in range(outputs)])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def recorded(text):
    """`total`, `head` and `tail` in bytes, of what the recording allocator prints."""
    import re

    found = dict(re.findall(r"Arena allocation (total|head|tail) (\d+) bytes", text))
    return {part: int(found[part]) for part in ("total", "head", "tail")}


def litert_interpreter(file, kernels, preserve=False):
    """An interpreter with LiteRT's `reference` kernels or its `optimized` ones, without XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolvers = {
        "reference": OpResolverType.BUILTIN_REF,
        "optimized": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    }
    interpreter = Interpreter(
        model_path=file,
        experimental_op_resolver_type=resolvers[kernels],
        experimental_preserve_all_tensors=preserve,
    )
    interpreter.allocate_tensors()
    return interpreter


def run_litert(interpreter, samples):
    import numpy as np

    rows = []
    for index in range(len(samples[0])):
        for detail, values in zip(interpreter.get_input_details(), samples, strict=True):
            interpreter.set_tensor(detail["index"], values[index])
        interpreter.invoke()
        rows.append([interpreter.get_tensor(d["index"]) for d in interpreter.get_output_details()])
    return [np.stack(column) for column in zip(*rows, strict=True)]


def last_words(text):
    """The last two lines of what a runtime printed: the reason, and the operator it is about."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:])


def printed():
    """How much has been printed to the log, which is this process's standard error."""
    return os.fstat(2).st_size


def text_since(start):
    """What was printed to the log since it had `start` bytes; the parent opened it for reading, too."""
    return os.pread(2, os.fstat(2).st_size - start, start).decode(errors="replace")


def read(path):
    return Path(path).read_bytes()


def load(path):
    """The arrays of a `.npz` in the order of their numbers."""
    import numpy as np

    with np.load(path) as arrays:
        return [arrays[str(index)] for index in range(len(arrays.files))]


def save(path, arrays):
    import numpy as np

    np.savez(path, **{str(index): array for index, array in enumerate(arrays)})


def exchange():
    """The module `export/worker.py`; what it says to the parent, and how, is said here the same way."""
    place = Path(__file__).parents[1] / "worker.py"
    specification = importlib.util.spec_from_file_location("exchange", place)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


if __name__ == "__main__":
    jobs = {"micro": micro, "fits": fits, "litert": litert, "operators": operators, "probe": probe}
    talking = exchange()
    talking.main({name: talking.limited(job) for name, job in jobs.items()})
