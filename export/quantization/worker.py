"""The child process that quantises files which were not made here.

Started as a script by `export.process.Worker`, which it answers as `export/worker.py` does. `ai-edge-quantizer`
and LiteRT rely on more than the checks of a file's structure promise, and may end the process or fill its memory.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]


def quantize(request, stage):
    """A float32 file and calibration samples to a file of another precision."""
    import numpy as np

    stage("loading the quantiser")
    quantization = importlib.import_module(f"{FOLDER.name}.quantization")
    options = importlib.import_module(f"{FOLDER.name}.quantization.options").QuantizationOptions
    with np.load(request["samples"]) as stored:
        rows = map(stored.get, stored.files)
        samples = {
            signature: [{name: next(rows) for name in names}] for signature, names in request["inputs"]
        }
    stage("quantising the file")
    content, _ = quantization.derive(
        Path(request["input"]).read_bytes(),
        request["precision"],
        samples or None,
        request["seconds"],
        options(**request["options"]),
    )
    Path(request["output"]).write_bytes(content)


def load_package():
    """Import this package from where this script lies, under its own name, installed or not."""
    specification = importlib.util.spec_from_file_location(
        FOLDER.name, FOLDER / "__init__.py", submodule_search_locations=[str(FOLDER)]
    )
    module = sys.modules[FOLDER.name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)


if __name__ == "__main__":
    load_package()
    talking = importlib.import_module(f"{FOLDER.name}.worker")
    talking.main({"quantize": talking.limited(quantize)})
