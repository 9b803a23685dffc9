"""Images per second of `resnet8_cifar10` on a GPU, and the share of its peak: edgezoo on JAX beside PyTorch.

    KERAS_BACKEND=jax python tests/benchmarks/gpu.py [--policy mixed_bfloat16] [--batch 128] [--rounds 5]

Both train the same network from images that lie on the device, with the same augmentation, optimiser and
schedule, and validate after every epoch; PyTorch by a plain loop written here, compiled with
`torch.compile` where `--compile` is given. They take turns, an epoch each, and the first epoch, which
compiles, does not count; the median of the others is printed. Images are random: their content does not
change the time. Floating-point operations are those of the step as JAX lowers it, forward, backward and
update, counted by XLA's cost analysis; both shares are taken of that one number. Where there is no GPU all
of it runs on the processor, to be tried out: fewer images, and no share.
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch needs memory too
sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[2])]

import jax
from jax.sharding import Mesh
from training import Turns, prepared

from recipes import pipeline, registry, tasks
from recipes.planning.step import AXIS, training_step
from recipes.training import fit

# Card → dense peaks in TFLOP/s, from NVIDIA's data sheets: TF32, which both frameworks multiply float32 by where
# the card has it (else FP32), float16, bfloat16.
PEAKS = {
    "B200": (1_100, 2_250, 2_250),
    "H200": (494.7, 989.4, 989.4),
    "H100 PCIe": (378, 756, 756),
    "H100": (494.7, 989.4, 989.4),
    "A100": (156, 312, 312),
    "A10G": (35, 70, 70),
    "A10": (62.5, 125, 125),
    "L40S": (183, 362, 362),
    "L4": (60, 121, 121),
    "RTX 4090": (82.6, 165.2, 165.2),
    "RTX 3090": (35.6, 71, 71),
    "V100": (15.7, 125, None),
    "T4": (8.1, 65, None),
}
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")  # in the order of the peaks


def peak(name, policy):
    """Operations a second at most of the card called `name`, or `None` where the table has none."""
    row = next((peaks for card, peaks in PEAKS.items() if card in name), None)
    value = row and row[POLICIES.index(policy)]
    return value and 1e12 * value


def operations(recipe, data):
    """Floating-point operations of one training step."""
    with training_step(recipe, data) as step:
        mesh = Mesh(jax.devices()[:1], (AXIS,))
        lowered = step.lowered_for(mesh, recipe.batch_size, lambda function, given: function.lower(*given))
    return lowered.cost_analysis()["flops"]


def on_jax(recipe, data, folder, ended):
    """A function that trains as `edgezoo train` does."""
    model = pipeline.build(recipe, data)

    def progress(stage, done, total):
        if stage.startswith("epoch "):
            ended()
        elif total == 0:
            print(stage)

    return lambda: fit.fit(recipe, model, data, 0, folder, progress)


def on_pytorch(recipe, data, compiled, ended):
    """A function that trains by a loop in PyTorch."""
    import pytorch_resnet8

    context = tasks.Context(recipe, data)
    subsets = (context.train, context.validation)
    arrays = [(part.split.x[part.indices], part.split.y[part.indices]) for part in subsets]
    return lambda: pytorch_resnet8.train(recipe, *arrays, compiled, ended)


def main(policy, batch, rounds, images, compiled):
    """Print both throughputs, and the share of the card's peak where it is known."""
    device = jax.devices()[0]
    if device.platform != "gpu":
        print("No GPU is found: this is the processor, and says nothing about a GPU")
    images = images or (50_000 if device.platform == "gpu" else 2_000)
    values = {"engine.precision_policy": policy, "engine.data": "device", "seed": 0}
    recipe = registry.get("resnet8_cifar10", epochs=rounds + 1, batch_size=batch, **values)
    turns = Turns(("edgezoo", "PyTorch") if _installed("torch") else ("edgezoo",))
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        data = prepared(folder, (32, 32, 3), images)
        step = operations(recipe, data)
        trainings = {"edgezoo": on_jax(recipe, data, folder, lambda: turns.ended("edgezoo"))}
        if "PyTorch" in turns.times:
            trainings["PyTorch"] = on_pytorch(recipe, data, compiled, lambda: turns.ended("PyTorch"))
        times = turns.run(trainings)
    trained = tasks.Context(recipe, data).train.size // batch * batch
    best = peak(device.device_kind, policy)
    print(f"{device.device_kind}, {policy}, batch {batch}: {step / batch / 1e6:.1f} MFLOP an image")
    for name, epochs in times.items():
        rate = trained / statistics.median(seconds for seconds, _ in epochs[1:])
        share = f"{100 * rate * step / batch / best:.2f} % of the peak" if best else "no peak is known"
        print(f"{name:8} {rate:9.0f} images/s  {share}")
    if len(times) == 1:
        print("PyTorch is not installed: no comparison")


def _installed(package):
    import importlib.util

    return importlib.util.find_spec(package) is not None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--policy", choices=POLICIES, default="float32")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int)
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    main(given.policy, given.batch, given.rounds, given.images, given.compile)
