"""Damaged files through everything that reads one: how many are refused, how long it takes at most.

    python tests/benchmarks/fuzzing.py [--files 10000] [--seed 0]

Every file goes through the checks of a target; one that is not refused also through `inspect`,
`operator_costs`, `weigh` and `remove_metadata` in this process, and through the job of `benchmark` in a
child. Anything but an answer, `InvalidFile` or an accident of the child ends the program. The same seed
gives the same files.
"""

import argparse
import collections
import resource
import struct
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
WORDS = (0, 1, 2, 4, 127, 255, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32 - 4, 2**30, 2**24)
SLOW = 10.0
"""Seconds that running a file may take in the child."""


def flip(content, generator, others):
    """Some bytes become others."""
    damaged = bytearray(content)
    for place in generator.integers(0, len(damaged), generator.integers(1, 9)):
        damaged[place] = generator.integers(256)
    return bytes(damaged)


def cut(content, generator, others):
    """The end is missing."""
    return content[: generator.integers(len(content))]


def word(content, generator, others):
    """An aligned word, mostly an offset or the length of a vector, becomes an extreme one."""
    damaged = bytearray(content)
    for place in generator.integers(0, len(damaged) // 4, generator.integers(1, 4)):
        struct.pack_into("<I", damaged, 4 * int(place), WORDS[generator.integers(len(WORDS))])
    return bytes(damaged)


def aim(content, generator, others):
    """An offset points elsewhere in the file."""
    damaged = bytearray(content)
    for place in generator.integers(2, len(damaged) // 4, generator.integers(1, 4)):
        struct.pack_into("<i", damaged, 4 * int(place), int(generator.integers(-len(damaged), len(damaged))))
    return bytes(damaged)


def splice(content, generator, others):
    """A piece of another file, or of this one, lies over a place."""
    source, damaged = others[generator.integers(len(others))], bytearray(content)
    length = int(generator.integers(4, 200))
    start, place = (4 * int(generator.integers(0, len(part) // 4)) for part in (source, content))
    piece = source[start : start + length]
    damaged[place : place + len(piece)] = piece
    return bytes(damaged)


def edit(content, generator, others):
    """A sound flatbuffer of nonsense: a field of a tensor, an operator or a signature has another value."""
    from export import flatbuffer

    model = flatbuffer.parse(content)
    for _ in range(generator.integers(1, 3)):
        EDITS[generator.integers(len(EDITS))](model, generator)
    try:
        return flatbuffer.serialise(model)
    # A value that the format has no room for.
    except (struct.error, TypeError, ValueError):
        return content


def _shape(model, generator):
    tensor = _any(_any(model.subgraphs, generator).tensors, generator)
    shape = [*(tensor.shape if tensor.shape is not None else ())]
    how = generator.integers(4)
    if how == 0 or not shape:
        shape = [*shape, SIZES[generator.integers(len(SIZES))]]
    elif how == 1:
        shape[generator.integers(len(shape))] = SIZES[generator.integers(len(SIZES))]
    elif how == 2:
        shape = [SIZES[generator.integers(len(SIZES))]] * int(generator.integers(0, 9))
    else:
        shape.pop()
    tensor.shape = np.array(shape, np.int32)


def _type(model, generator):
    _any(_any(model.subgraphs, generator).tensors, generator).type = int(generator.integers(0, 30))


def _buffer(model, generator):
    tensor = _any(_any(model.subgraphs, generator).tensors, generator)
    tensor.buffer = int(generator.integers(0, len(model.buffers) + 2))


def _scale(model, generator):
    tensor = _any(_any(model.subgraphs, generator).tensors, generator)
    if tensor.quantization is not None:
        value = (0.0, -1.0, 1e-45, 3e38, np.inf, np.nan)[generator.integers(6)]
        tensor.quantization.scale = np.array([value] * int(generator.integers(0, 4)), np.float32)
        tensor.quantization.quantizedDimension = int(generator.integers(-2, 6))


def _operand(model, generator):
    graph = _any(model.subgraphs, generator)
    operator = _any(graph.operators, generator)
    indices = [*(operator.inputs if generator.integers(2) else operator.outputs)]
    if generator.integers(3) == 0 or not indices:
        indices = indices[:-1]
    else:
        indices[generator.integers(len(indices))] = int(generator.integers(-1, len(graph.tensors)))
    field = "inputs" if generator.integers(2) else "outputs"
    setattr(operator, field, np.array(indices, np.int32))


def _code(model, generator):
    code = _any(model.operatorCodes, generator)
    code.builtinCode = int(generator.integers(0, 215))
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = int(generator.integers(0, 9))


def _option(model, generator):
    options = _any(_any(model.subgraphs, generator).operators, generator).builtinOptions
    fields = [name for name, value in vars(options).items() if isinstance(value, int)] if options else []
    if fields:
        setattr(options, _any(fields, generator), (0, 1, -1, 127)[generator.integers(4)])


def _graph(model, generator):
    graph = _any(model.subgraphs, generator)
    field = ("inputs", "outputs", "operators", "tensors")[generator.integers(4)]
    listed = [*getattr(graph, field)]
    if field in ("inputs", "outputs"):
        listed = [int(generator.integers(0, len(graph.tensors)))] * int(generator.integers(0, 3))
    else:
        listed = listed[: generator.integers(len(listed) + 1)]
    setattr(graph, field, listed)


def _signature(model, generator):
    if not model.signatureDefs:
        return
    entry = _any(model.signatureDefs, generator)
    how = generator.integers(5)
    if how == 0:
        entry.subgraphIndex = int(generator.integers(0, 3))
    elif how == 1:
        entry.signatureKey = None
    elif how == 2:
        entry.inputs = None
    elif how == 3 and entry.outputs:
        entry.outputs[0].tensorIndex = int(generator.integers(0, 40))
    else:
        model.signatureDefs = [*model.signatureDefs, entry]


def _any(items, generator):
    return items[generator.integers(len(items))]


SIZES = (0, 1, -1, 3, 1000, 65536, 2**31 - 1, -(2**31))
EDITS = (_shape, _shape, _type, _buffer, _scale, _operand, _code, _option, _graph, _signature)
MUTATIONS = (flip, cut, word, aim, splice, edit, edit)


def damaged(files, seed):
    """One damaged file, always the same for the same seed, and what was done to it."""
    generator = np.random.default_rng(seed)
    content = files[generator.integers(len(files))]
    mutation = MUTATIONS[generator.integers(len(MUTATIONS))]
    try:
        return mutation(content, generator, files), mutation.__name__
    # An edit of what an edit before has emptied.
    except (TypeError, ValueError):
        return content[: len(content) // 2], cut.__name__


TARGETS = ("android", "coral_edgetpu", "ethos_u55", "tflite_micro")


def read_everywhere(content, seed=0):
    """A file through all that reads one and runs nothing; whether it was refused.

    Raises whatever is no `InvalidFile`.
    """
    import export

    try:
        export.check_target(content, TARGETS[seed % len(TARGETS)], run=False)
    except export.InvalidFile:
        return True
    for read in (export.inspect, export.operator_costs, export.weigh, export.remove_metadata):
        try:
            read(content)
        # A check asks less than some of these: that the signatures have names, for one.
        except export.InvalidFile:
            continue
    return False


def load_in_child(worker, content, path):
    """A file through what `benchmark` does, but in a process that is kept; what came of it, in a word."""
    import export
    from export.errors import WorkerDied
    from export.process import JobFailed

    try:
        export.inspect(content)
        path.write_bytes(content)
        worker.call("measure", SLOW, file=str(path), threads=1, runs=1, warmup=0)
    except export.InvalidFile:
        return "refused as damaged"
    except JobFailed:
        return "refused by LiteRT"
    except WorkerDied as error:
        return f"the child {error.cause}"
    return "ran"


def small_files():
    """Bytes of small files: every precision, two signatures, metadata and a loop."""
    import keras

    import export

    layers = keras.layers
    image, steps = keras.Input((6, 6, 2), name="image"), keras.Input((80, 2), name="steps")
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(image)
    x = layers.Flatten(name="flat")(layers.MaxPooling2D(name="pool")(x))
    model = keras.Model(image, layers.Dense(3, name="logits")(x), name="net")
    images = np.random.default_rng(0).random((16, 6, 6, 2), np.float32)
    files = export.convert(model, export.PRECISIONS, [images])
    both = {"classify": model, "encode": keras.Model(image, x, name="encoder")}
    return [
        *files.values(),
        export.to_tflite(model, signatures=both),
        export.write_metadata(files["float32"], export.Metadata(name="net", labels=("a", "b", "c"))),
        export.to_tflite(keras.Model(steps, layers.LSTM(3)(steps))),
    ]


def main(arguments=None):
    """Print a count of what came of the files; an exception of another kind than promised ends it."""
    sys.path.insert(0, str(ROOT))
    from export.process import Worker
    from export.scratch import scratch_folder

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=10_000, help="how many to damage")
    parser.add_argument("--seed", type=int, default=0, help="of the first")
    options = parser.parse_args(arguments)
    files, slowest, ends = small_files(), 0.0, collections.Counter()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with scratch_folder() as folder, Worker() as worker:
        for count, seed in enumerate(range(options.seed, options.seed + options.files), 1):
            content, _ = damaged(files, seed)
            start = time.process_time()
            refused = read_everywhere(content, seed)
            slowest = max(slowest, time.process_time() - start)
            end = "refused as damaged" if refused else load_in_child(worker, content, folder / "x.tflite")
            ends[end] += 1
            if count % 1000 == 0 or count == options.files:
                grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
                print(
                    f"{count} files, slowest to read {slowest:.2f} s, memory grew by {grown} MiB", flush=True
                )
                print("  " + ", ".join(f"{n} {name}" for name, n in ends.most_common()), flush=True)


if __name__ == "__main__":
    main()
