"""One model converted three ways, in a process that may crash; `export_latency.py` runs this.

    python tests/benchmarks/conversions.py FOLDER NAME ...

Each NAME gets a folder with `{ours,converter,litert}.{float32,int8}.tflite` and `failures.json`, which says
what went wrong with those that are missing. What is there is not made again.
"""

import json
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRECISIONS = ("float32", "int8")
SAMPLES, LARGE, FEWER = 32, 50_000_000, 4
APPLICATIONS = "keras/"
CRASHED = "the process crashed"


def main():
    sys.path.insert(0, str(ROOT))
    for name in sys.argv[2:]:
        convert(name, Path(sys.argv[1]) / name.replace("/", "_"))


def convert(name, folder):
    """All files of a model that are neither there nor known to fail."""
    folder.mkdir(parents=True, exist_ok=True)
    known = read_failures(folder)
    left = [(way, p) for way in WAYS for p in PRECISIONS if not settled(folder, known, way, p)]
    if not left:
        return
    model, data = build(name)
    for way, precision in left:
        # A crash leaves this behind.
        write_failures(folder, known | {f"{way}.{precision}": CRASHED})
        try:
            content = WAYS[way](model, data, precision)
            (folder / f"{way}.{precision}.tflite").write_bytes(content)
        # Whatever a converter raises is its answer.
        except Exception as error:
            known[f"{way}.{precision}"] = said(error)
        write_failures(folder, known)


def settled(folder, known, way, precision):
    return (folder / f"{way}.{precision}.tflite").exists() or f"{way}.{precision}" in known


def read_failures(folder):
    file = folder / "failures.json"
    return json.loads(file.read_text()) if file.exists() else {}


def write_failures(folder, failures):
    (folder / "failures.json").write_text(json.dumps(failures))


def said(error):
    """What an error says of its cause: the operators it names, else its first line."""
    text = str(error)
    names = re.findall(r"[Ff]lex ops?: ([^\n]+)", text) or re.findall(r"'(tf\.\w+)' op is neither", text)
    if names:
        return f"refused, needs Flex for {names[0].strip()}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:120] if lines else 'no message'}"


def build(name):
    """A model with fixed weights and settled statistics, and data to calibrate it with."""
    import keras

    import zoo
    from recipes.untrained import inputs_of

    keras.utils.set_random_seed(0)
    model = PROBES[name]() if name in PROBES else zoo.create(name)
    large = name.startswith(APPLICATIONS) or (zoo.describe(model).macs or 0) > LARGE
    return model, inputs_of(model, FEWER if large else SAMPLES)


def causal():
    """Dilated causal convolutions over time (van den Oord et al. 2016, https://arxiv.org/abs/1609.03499)."""
    import keras

    x = start = keras.Input((256, 16), name="signal")
    for rate in (1, 2, 4, 8, 16):
        y = keras.layers.Conv1D(32, 3, dilation_rate=rate, padding="causal", name=f"causal{rate}")(x)
        x = keras.layers.ReLU(name=f"relu{rate}")(keras.layers.BatchNormalization(name=f"norm{rate}")(y))
    x = keras.layers.GlobalAveragePooling1D(name="mean")(x)
    return keras.Model(start, keras.layers.Dense(12, name="logits")(x), name="causal")


def transposed():
    """Transposed convolutions from a code to an image."""
    import keras

    x = start = keras.Input((4, 4, 32), name="code")
    for i, filters in enumerate((32, 16, 16), start=1):
        y = keras.layers.Conv2DTranspose(filters, 3, strides=2, padding="same", name=f"up{i}")(x)
        x = keras.layers.ReLU(name=f"relu{i}")(keras.layers.BatchNormalization(name=f"norm{i}")(y))
    x = keras.layers.Conv2DTranspose(3, 3, padding="same", name="image", activation="sigmoid")(x)
    return keras.Model(start, x, name="transposed")


PROBES = {"probe/causal": causal, "probe/transposed": transposed}


made = {}  # both precisions come from one conversion


def ours(model, data, precision):
    import export

    if model not in made:
        made.clear()
        made[model] = export.convert(model, PRECISIONS, data, getattr(model, "signatures", None))
    return made[model][precision]


def by_converter(model, data, precision):
    """As most tutorials do it."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision == "int8":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = examples(model, data)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def by_keras(model, data, precision):
    """`model.export`, which always lets the file call TensorFlow for what LiteRT lacks (Flex)."""
    import tensorflow as tf

    settings = {}
    if precision == "int8":
        settings = {
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": examples(model, data),
            "inference_input_type": tf.int8,
            "inference_output_type": tf.int8,
        }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.tflite"
        model.export(str(file), format="litert", verbose=False, **settings)
        return file.read_bytes()


def examples(model, data):
    """The main signature's calibration data, one example after another."""
    import keras
    import numpy as np

    (batch,) = next(iter(data.values())) if isinstance(data, dict) else data
    named = batch if isinstance(batch, dict) else {None: batch}
    arrays = keras.tree.flatten(named)

    def feed():
        for i in range(len(arrays[0])):
            yield [np.asarray(array[i : i + 1]) for array in arrays]

    return feed


WAYS = {"ours": ours, "converter": by_converter, "litert": by_keras}

if __name__ == "__main__":
    main()
