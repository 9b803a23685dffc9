"""Accuracy of int8 files by `export` against those of TensorFlow's own quantiser, on the same data.

    python tests/benchmarks/quantizers.py [NAME|RUN ...] [--samples 200]

NAME is an architecture of the zoo, built at its smallest with statistics of its data; RUN the directory
of a trained run, whose calibration data is drawn from its training split. All architectures by default.
Both quantisers start from the same float32 file and see the same calibration samples. The error is the
root mean square over held-out samples in standard deviations of the output, averaged over outputs; top-1
is the share of samples whose largest output stays the largest. An error of ours above 1.05 times the
other's is marked with `worse`.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MARGIN = 1.05
KEYS = ("calibration", "held out")


def main():
    sys.path.insert(0, str(ROOT))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", help="architectures or directories of runs")
    parser.add_argument("--samples", type=int, default=200, help="for calibration, and as many to compare on")
    arguments = parser.parse_args()
    import zoo

    print(f"{'model':36}{'TensorFlow':>12}{'ours':>9}{'ratio':>7}{'top-1':>8}{'ours':>7}  notes")
    worse = 0
    for target in arguments.targets or zoo.list_models():
        worse += compare(target, arguments.samples)
    print(f"{worse} worse")


def compare(target, samples):
    """Print a line for one model; whether ours is the worse file."""
    import export
    from export.quantization.tensorflows import by_tensorflow

    name, float_file, data = prepared(target, samples)
    calibration, held_out = (data[key] for key in KEYS)
    notes = []
    try:
        theirs = by_tensorflow(float_file, calibration)
        left = export.inspect(theirs).float_operators
        notes += [f"TensorFlow's leaves {sum(left.values())} operators in float"] if left else []
    except export.ExportError as error:
        theirs = None
        notes.append(str(error)[:80])
    try:
        ours = export.quantize(float_file, "int8", {key: [arrays] for key, arrays in calibration.items()})
    except export.ExportError as error:
        ours = None
        notes.append(f"refused: {str(error)[:120]}")
    first, second = (measured(float_file, file, held_out) if file else None for file in (theirs, ours))
    worse = bool(first and second and second[0] > MARGIN * first[0])
    notes += ["worse"] if worse else []
    print(line(name, first, second, notes), flush=True)
    return worse


def prepared(target, samples):
    """Name, float32 file, and the samples to calibrate and to compare by, of an architecture or a run."""
    if Path(target).is_dir():
        model, signatures, parts = of_run(Path(target), samples)
    else:
        model, signatures, parts = of_architecture(target, samples)
    import export
    from export import subpixel
    from export.quantization.calibration import samples_for

    float_file = subpixel.rewrite(export.to_tflite(model, signatures=signatures))
    described = export.inspect(float_file).signatures
    data = {key: samples_for(described, part, "int8") for key, part in zip(KEYS, parts, strict=True)}
    return Path(target).name, float_file, data


def of_architecture(name, samples):
    """A model, its signatures, and two sets of the same made-up data."""
    import keras

    from recipes.untrained import inputs_of
    from zoo.registry import create_smallest

    keras.utils.set_random_seed(0)
    model = create_smallest(name)
    data = inputs_of(model, samples)
    return model, getattr(model, "signatures", None), (data, data)


def of_run(folder, samples):
    """A trained model, its signatures, training samples and samples that were held back."""
    from recipes import parts, rundir, tasks
    from recipes.data import prepared as preparing

    run = rundir.open_run(folder)
    recipe, model, task = run.recipe, run.model(), tasks.get(run.recipe.task)
    part = parts.choose(model, task)
    context = tasks.Context(recipe, preparing.prepare(recipe.data, recipe.features))
    data = tuple(
        part.of(
            task.signature_inputs(
                model, context.images(subset.take(range(min(samples, subset.size)))), recipe
            )
        )
        for subset in (context.train, context.validation)
    )
    return model, part.models, data


def measured(float_file, file, samples):
    """Mean error over outputs, and the share of equal top-1 in the first output."""
    import export
    from export.quantization.treatments import error
    from export.running import outputs, real_outputs

    reference = real_outputs(float_file, samples)
    found = real_outputs(file, samples)
    signature, tensor = next(
        (name, s.outputs[0]) for name, s in export.inspect(file).signatures.items() if name in samples
    )
    wanted, got = (
        each[signature][tensor.name].reshape(len(each[signature][tensor.name]), -1)
        for each in (reference, found)
    )
    equal = float((wanted.argmax(1) == got.argmax(1)).mean())
    return error(file, outputs(file, samples), reference), equal


def line(name, first, second, notes):
    columns = [f"{first[0]:12.4f}" if first else f"{'-':>12}", f"{second[0]:9.4f}" if second else f"{'-':>9}"]
    columns.append(f"{second[0] / first[0]:7.2f}" if first and second else f"{'':7}")
    columns += [f"{first[1]:8.3f}" if first else f"{'':8}", f"{second[1]:7.3f}" if second else f"{'':7}"]
    return f"{name:36}{''.join(columns)}  {', '.join(notes)}"


if __name__ == "__main__":
    main()
