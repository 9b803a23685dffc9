"""Files compiled for Arm's accelerators by Vela, and what its report says."""

import csv
import math
import re
import subprocess
import sys
from dataclasses import dataclass, field

from .. import flatbuffer
from ..contents import read
from ..errors import ExportError, InvalidInput
from ..process import TIMEOUT
from ..scratch import scratch_folder
from .pieces import main_part
from .runtimes import package_version, require
from .target import get_target, target_names

KIBIBYTE = 1024
WARNING = re.compile(r"Warning \(supported operators\) operator: \S+, ofm: '(.*)'\n\s*Reason: ((?:.+\n?)+)")


@dataclass(frozen=True, kw_only=True)
class LeftOnCpu:
    """An operator that the accelerator does not run: its name, its output, and Vela's reason."""

    operator: str
    tensor: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EthosRun:
    """What Vela made of a file's main signature.

    `cycles` and `inferences_per_second` are its estimate, of the accelerator's part alone, at `clock_hz`
    with the memories of `system_config`. Memory is in bytes; `dram_bytes` is 0 where weights lie
    in flash. `content` is the compiled file.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    clock_hz: float
    sram_bytes: int
    flash_bytes: int
    dram_bytes: int
    cycles: int
    inferences_per_second: float
    macs: int
    npu_operators: int
    left_on_cpu: tuple[LeftOnCpu, ...]
    compiler: str
    content: bytes = field(repr=False)


def compile_ethos(tflite, accelerator="ethos-u55-128", timeout=TIMEOUT):
    """Compile the main signature of a file for an Ethos-U accelerator.

    Args:
        tflite: The file's path, or its bytes.
        accelerator: One of `accelerators()`: the type and its multiply-accumulates a cycle.
        timeout: Seconds the compiler may take.

    Returns:
        An `EthosRun`.

    Raises:
        ExportError: Vela can't compile the file, or the extra `ethos` is not installed.
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: There is no such accelerator.
    """
    if accelerator not in accelerators():
        possible = ", ".join(accelerators())
        raise InvalidInput(f"There is no accelerator {accelerator!r}. Possible: {possible}.")
    content = main_part(read(tflite))
    model = flatbuffer.parse(content)
    require("ethosu", "ethos", "Compiling a file for Ethos-U")
    with scratch_folder() as folder:
        (folder / "model.tflite").write_bytes(content)
        said = _vela(folder, accelerator, accelerators()[accelerator].compiler, timeout)
        return _run(folder, model, accelerator, said)


def accelerators():
    """A dict from the names of all accelerators to their targets."""
    targets = map(get_target, target_names())
    return {name: target for target in targets for name in target.accelerators}


def _vela(folder, accelerator, settings, timeout):
    """Compile `model.tflite` in a folder; what Vela printed."""
    options = {
        "--accelerator-config": accelerator,
        "--config": "Arm/vela.ini",
        "--system-config": settings["system_config"],
        "--memory-mode": settings["memory_mode"],
        "--output-dir": "compiled",
    }
    command = [sys.executable, "-P", "-m", "ethosu.vela", "model.tflite", "--verbose-performance"]
    command += [word for option in options.items() for word in option]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ExportError(f"Vela took more than {timeout:g} seconds for {accelerator}.") from error
    if done.returncode or not list((folder / "compiled").glob("*_summary_*.csv")):
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"it ended with code {done.returncode}"
        raise ExportError(f"Vela can't compile the file for {accelerator}: {reason}")
    return done.stdout + done.stderr


def _run(folder, model, accelerator, said):
    (summary,) = _rows(next((folder / "compiled").glob("*_summary_*.csv")))
    layers = _rows(next((folder / "compiled").glob("*_per-layer.csv")))
    flash = float(summary["on_chip_flash_memory_used"]) + float(summary["off_chip_flash_memory_used"])
    return EthosRun(
        accelerator=accelerator,
        system_config=summary["system_config"],
        memory_mode=summary["memory_mode"],
        clock_hz=float(summary["core_clock"]),
        sram_bytes=round(KIBIBYTE * float(summary["sram_memory_used"])),
        flash_bytes=round(KIBIBYTE * flash),
        dram_bytes=round(KIBIBYTE * float(summary["dram_memory_used"])),
        cycles=round(_number(summary["cycles_total"])),
        inferences_per_second=_number(summary["inferences_per_second"]),
        macs=round(_number(summary["nn_macs"])),
        npu_operators=sum(row["Target"] == "NPU" for row in layers),
        left_on_cpu=tuple(_left_on_cpu(model, layers, said)),
        compiler=f"ethos-u-vela {package_version('ethos-u-vela')}",
        content=next((folder / "compiled").glob("*_vela.tflite")).read_bytes(),
    )


def _number(text):
    """A figure; 0 where Vela divides by the cycles of a graph that the accelerator has no part in."""
    value = float(text)
    return value if math.isfinite(value) else 0.0


def _rows(file):
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _left_on_cpu(model, layers, said):
    reasons = {name: " ".join(text.split()) for name, text in WARNING.findall(said)}
    makers = _makers(model)
    for row in layers:
        if row["Target"] == "CPU":
            name = row["Name"]
            operator = makers.get(name, row["Original Operator"])
            yield LeftOnCpu(operator=operator, tensor=name, reason=reasons.get(name, "no reason given"))


def _makers(model):
    """A dict from the names of tensors to the operators of the first graph that give them."""
    graph = model.subgraphs[0]
    return {
        graph.tensors[index].name.decode(errors="replace"): flatbuffer.operator_name(model, operator)
        for operator in graph.operators or []
        for index in operator.outputs
    }
