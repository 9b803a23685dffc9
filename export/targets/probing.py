"""Which operators runtimes really have, asked of the installed packages one operator at a time.

python -m export.targets.probing         write `operators/{litert,tflite_micro,ethos_u}.toml` anew

A runtime looks an operator up before it looks at anything else, so a graph of one operator tells.
"""

import atexit
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from .. import flatbuffer
from ..errors import WorkerDied
from ..process import Worker
from ..scratch import scratch_folder
from .runtimes import SCRIPT
from .target import OPERATORS

VERSIONS = 20
NOT_ASKED = ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
TYPES = ("float32", "int8", "int16")
# Operators of one tensor, no options and no prescribed scale: a file of any type can be run.
UNARY = (
    "ABS",
    "CEIL",
    "COS",
    "ELU",
    "EXP",
    "FLOOR",
    "HARD_SWISH",
    "LOG",
    "NEG",
    "RELU",
    "RELU6",
    "ROUND",
    "RSQRT",
    "SIN",
    "SQRT",
    "SQUARE",
)
# The resolver's names that differ from the operator's own in more than its case.
METHODS = {
    "BATCH_MATMUL": "AddBatchMatMul",
    "CUMSUM": "AddCumSum",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}
HEADER = (
    "# Written by `python -m export.targets.probing`.\nsource = {source!r}\nurl = {url!r}\n\n[operators]\n"
)


def litert():
    """A dict from the operators LiteRT has to the newest version of each."""
    asked = [name for name in flatbuffer.builtin_names() if name not in NOT_ASKED]
    newest = {}
    for name in asked:
        said = ask("litert", [single(name, number) for number in range(1, VERSIONS)])
        known = [number for number, text in enumerate(said, 1) if "Didn't find op" not in (text or "")]
        if known:
            newest[name] = max(known)
    return newest


def micro():
    """A dict from the operators TensorFlow Lite Micro has to the types they are known to take.

    An empty tuple where a file of one operator and no options can't tell the types.
    """
    asked = [name for name in flatbuffer.builtin_names() if name not in NOT_ASKED]
    found = {}
    for name in asked:
        (said,) = ask("micro", [single(name)])
        if f"registration from op code {name}" not in (said or ""):
            types = zip(TYPES, ask("micro", [single(name, type_=t) for t in TYPES]), strict=True)
            found[name] = tuple(t for t, text in types if text is None) if name in UNARY else ()
    return found


def ethos_u():
    """The operators that Vela puts on Ethos-U55 and Ethos-U65, from the report it writes of itself."""
    with scratch_folder() as folder:
        command = [sys.executable, "-P", "-m", "ethosu.vela", "--supported-ops-report"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        report = (folder / "SUPPORTED_OPS.md").read_text(encoding="utf-8")
    table = report.partition("## Ethos-U55 and Ethos-U65 TFLite Summary Table")[2].partition("\n## ")[0]
    return re.findall(r"^\| ([A-Z0-9_]+) \|", table, re.MULTILINE)


def single(name, number=1, type_="float32"):
    """The bytes of a file of one operator of a version, from one tensor `(1, 4)` to another."""
    from ai_edge_litert import schema_py_generated as schema

    model, graph, operator = schema.ModelT(), schema.SubGraphT(), schema.OperatorT()
    graph.tensors = [_tensor(schema, type_, label) for label in (b"x", b"y")]
    graph.inputs, graph.outputs = operator.inputs, operator.outputs = [0], [1]
    graph.operators, model.subgraphs = [operator], [graph]
    model.version, model.buffers, model.operatorCodes = 3, [schema.BufferT()], []
    operator.opcodeIndex = flatbuffer.operator_code(model, name, number)
    return flatbuffer.serialise(model)


def _tensor(schema, type_, label):
    tensor = schema.TensorT()
    tensor.shape, tensor.buffer, tensor.name = [1, 4], 0, label
    tensor.type = getattr(schema.TensorType, type_.upper())
    if type_ != "float32":
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = [2.0**-15], [0]
    return tensor


def ask(runtime, files):
    """What a runtime says to files; of one that ends the process, how it ended."""
    with scratch_folder() as folder:
        paths = []
        for index, content in enumerate(files):
            paths.append(str(folder / f"{index}.tflite"))
            Path(paths[-1]).write_bytes(content)
        try:
            return _worker.call("probe", 60, runtime=runtime, files=paths)
        except WorkerDied as death:
            if len(files) == 1:
                return [f"{death.cause} {death.log}"]
            return [text for content in files for text in ask(runtime, [content])]


_worker = Worker(SCRIPT)
atexit.register(_worker.stop)


def tables():
    """A dict from the names of files in `operators/` to their content."""
    lite, device, npu = litert(), micro(), ethos_u()
    return {
        "litert.toml": _header("ai-edge-litert", "https://ai.google.dev/edge/litert")
        + "".join(f"{name} = {{ version = {number} }}\n" for name, number in sorted(lite.items())),
        "tflite_micro.toml": _header("tflite_micro", "https://github.com/tensorflow/tflite-micro")
        + "".join(f"{name} = {_entry(name, types)}\n" for name, types in sorted(device.items())),
        "ethos_u.toml": _header("ethos-u-vela", "https://gitlab.arm.com/artificial-intelligence/ethos-u")
        + "".join(f"{name} = {{}}\n" for name in sorted(npu)),
    }


def _header(package, url):
    return HEADER.format(source=f"{package} {version(package)}", url=url).replace("'", '"')


def _entry(name, types):
    known = ", types = [" + ", ".join(f'"{t}"' for t in types) + "]" if types else ""
    return f'{{ method = "{method(name)}"{known} }}'


def method(name):
    """The method of TensorFlow Lite Micro's operator resolver that registers a builtin operator."""
    words = (word if word[0].isdigit() else word.capitalize() for word in name.split("_"))
    return METHODS.get(name) or "Add" + "".join(words)


if __name__ == "__main__":
    for file, text in tables().items():
        (OPERATORS / file).write_text(text, encoding="utf-8")
