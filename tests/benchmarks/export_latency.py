"""Latency of the usual TFLite conversion against `export`'s, for the architectures of the zoo.

    python tests/benchmarks/export_latency.py [NAME ...] [--rounds 20] [--seconds 0.05]

The usual way is `tf.lite.TFLiteConverter.from_keras_model(model)`, with the batch set to 1 when the
file is loaded. Both files hold the same weights and, in int8, saw the same calibration data. They
run in turns in one process, and the ratio is the median over turns of usual / ours. A conversion
that fails the usual way is shown with what went wrong.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRECISIONS = ("float32", "int8")


def main():
    sys.path.insert(0, str(ROOT))
    arguments = parse()
    if arguments.convert_into:
        return convert_usually(arguments.names[0], Path(arguments.convert_into))
    import zoo

    print(f"{'model':28}{'precision':10}{'usual ms':>10}{'ours ms':>10}{'ratio':>7}  operators")
    for name in arguments.names or zoo.list_models():
        compare(name, arguments)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="architectures of the zoo; all by default")
    parser.add_argument("--rounds", type=int, default=20, help="turns each file gets")
    parser.add_argument("--seconds", type=float, default=0.05, help="length of a turn")
    parser.add_argument("--convert-into", help=argparse.SUPPRESS)
    return parser.parse_args()


def compare(name, arguments):
    """Print a line for each precision of an architecture."""
    import export

    model, samples = build(name)
    signatures = getattr(model, "signatures", None)
    calibration = for_signatures(model, samples, signatures) if signatures else [samples]
    ours = export.convert(model, PRECISIONS, calibration, signatures)
    with tempfile.TemporaryDirectory() as folder:
        failure = run_usual_conversion(name, folder)
        for precision in PRECISIONS:
            file = Path(folder) / f"{precision}.tflite"
            usual = file.read_bytes() if file.exists() else None
            print_line(name, precision, usual, ours[precision], failure, arguments)


def build(name):
    """The architecture with fixed weights, and calibration data."""
    import keras
    import numpy as np

    import zoo

    keras.utils.set_random_seed(0)
    model = zoo.create(name)
    return model, np.random.default_rng(0).random((32, *model.input_shape[1:]), np.float32)


def for_signatures(model, samples, signatures):
    """Calibration for every signature: the images, or codes of unit variance."""
    import numpy as np

    generator = np.random.default_rng(1)
    return {
        name: [
            (
                samples
                if part.input_shape == model.input_shape
                else generator.standard_normal((len(samples), *part.input_shape[1:])).astype(
                    np.float32
                )
            )
        ]
        for name, part in signatures.items()
    }


def run_usual_conversion(name, folder):
    """Convert in a process of its own, which may crash; the last line it printed if it failed."""
    command = [sys.executable, __file__, name, "--convert-into", folder]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    if run.returncode == 0:
        return ""
    return f"ended with code {run.returncode}: {lines[-1][:100] if lines else 'no message'}"


def convert_usually(name, folder):
    """Write `float32.tflite` and `int8.tflite` as most tutorials do."""
    import tensorflow as tf

    model, samples = build(name)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (folder / "float32.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([samples[i : i + 1]] for i in range(len(samples)))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "int8.tflite").write_bytes(converter.convert())


def print_line(name, precision, usual, ours, failure, arguments):
    import export

    here = export.inspect(ours)
    if usual is None:
        print(f"{name:28}{precision:10}{'-':>10}{'':>10}{'':>7}  {failure}")
        return
    there = export.inspect(usual)
    first, second, ratio = race(usual, ours, arguments.rounds, arguments.seconds)
    counts = f"{sum(there.operators.values())} -> {sum(here.operators.values())}"
    islands = sum(there.float_operators.values()) if precision == "int8" else 0
    note = f", {islands} of the usual ones in float" if islands else ""
    print(
        f"{name:28}{precision:10}{first:10.4f}{second:10.4f}{ratio:7.2f}  {counts}{note}",
        flush=True,
    )


def race(usual, ours, rounds, seconds):
    """Milliseconds of both files in their median turn, and the median ratio of a pair of turns."""
    runners = [prepared(usual), prepared(ours)]
    for runner in runners:
        turn(runner, seconds)
    pairs = [[turn(runner, seconds) for runner in runners] for _ in range(rounds)]
    first, second = zip(*pairs, strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(first), statistics.median(second), ratio


def prepared(content):
    """An interpreter with a batch of 1 and its inputs set."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content, num_threads=1)
    for detail in interpreter.get_input_details():
        interpreter.resize_tensor_input(detail["index"], [1, *detail["shape"][1:]])
    interpreter.allocate_tensors()
    generator = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        values = (
            100 * generator.random(detail["shape"])
            if detail["dtype"] == np.int8
            else generator.random(detail["shape"])
        )
        interpreter.set_tensor(detail["index"], values.astype(detail["dtype"]))
    return interpreter


def turn(interpreter, seconds):
    """Milliseconds an inference takes, over as many as fit into a turn."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        interpreter.invoke()
        count += 1
    return 1e3 * (time.perf_counter() - start) / count


if __name__ == "__main__":
    main()
