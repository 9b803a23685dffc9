"""Time to convert a model to every default precision, against that of its single float conversion.

    python tests/benchmarks/conversion_time.py [NAME ...] [--samples 100] [--rounds 3]

The converter's process is warm: a first conversion is not counted. Shown are the median over rounds of
wall-clock seconds, and how many times the float conversion all precisions take. Where time goes within
is shown by --profile, as cProfile sees it.
"""

import argparse
import cProfile
import pstats
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("separable_cnn", "resnet8", "convolutional_autoencoder")


def main():
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, help="architectures of the zoo")
    parser.add_argument("--samples", type=int, default=100, help="for calibration")
    parser.add_argument("--rounds", type=int, default=3, help="conversions of each kind")
    parser.add_argument("--profile", action="store_true", help="show where the time of all precisions goes")
    arguments = parser.parse_args()
    print(f"{'model':30}{'float32 s':>11}{'all s':>9}{'ratio':>7}  calibrated by {arguments.samples} samples")
    for name in arguments.names:
        measure(name, arguments)


def measure(name, arguments):
    """Print a line for an architecture at its full size."""
    import keras

    import export
    import zoo
    from recipes.untrained import inputs_of

    keras.utils.set_random_seed(0)
    model = zoo.create(name)
    signatures = getattr(model, "signatures", None)
    data = inputs_of(model, arguments.samples)

    def convert(precisions, calibration=None):
        start = time.perf_counter()
        export.convert(model, precisions, calibration, signatures)
        return time.perf_counter() - start

    convert(("float32",))
    float_times, all_times = [], []
    for turn in range(arguments.rounds):
        float_times.append(convert(("float32",)))
        # Other data every time: what was measured on the same is kept.
        all_times.append(convert(export.DEFAULT_PRECISIONS, shifted(data, turn)))
    first, whole = statistics.median(float_times), statistics.median(all_times)
    print(f"{name:30}{first:11.2f}{whole:9.2f}{whole / first:7.2f}", flush=True)
    if arguments.profile:
        profiler = cProfile.Profile()
        profiler.runcall(convert, export.DEFAULT_PRECISIONS, shifted(data, arguments.rounds))
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


def shifted(data, turn):
    """The samples, all in another order."""
    import keras
    import numpy as np

    return keras.tree.map_structure(lambda rows: np.roll(rows, turn + 1, axis=0), data)


if __name__ == "__main__":
    main()
