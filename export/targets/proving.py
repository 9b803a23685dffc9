"""Beyond the lists of operators: a file in the device's own runtime, or through its compiler."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from .. import flatbuffer
from ..errors import ExportError
from .ethos import compile_ethos
from .findings import Finding, grouped
from .listing import refused_elsewhere
from .micro import interface, run_micro
from .pieces import main_part
from .runtimes import installed, package_version, running

CONVERT = "Convert the model with `export.to_tflite`, and look at the operator named here."


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What came of running or compiling a file; `findings` replace those of the lists."""

    findings: tuple[Finding, ...]
    checked_by: tuple[str, ...] = ()
    measured: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def prove(content, device, findings, samples, accelerator, timeout):
    """The `Proof` of a file with `runnable` inputs on a `Target`, or None where nothing can run it.

    Args:
        findings: What the lists say.
        samples, accelerator, timeout: See `check_target`.
    """
    if device.proof == "litert":
        return _in_litert(content, findings, timeout)
    if device.proof == "micro":
        return _in_micro(content, device, findings, samples, timeout)
    if device.proof == "vela":
        return _by_vela(content, device, findings, accelerator or device.accelerators[0], timeout)
    return None


def _in_litert(content, findings, timeout):
    """Loaded and run once."""
    inputs, _ = interface(main_part(content))
    if any(finding.stops for finding in findings):
        return None
    zeros = [np.zeros((1, *tensor.shape), tensor.dtype) for tensor in inputs]
    try:
        with running(content, zeros, timeout) as file:
            file.outputs("litert", kernels="optimized")
    except ExportError as error:
        refused = Finding(subject="LiteRT", problem=f"does not run the file: {error}", remedy=CONVERT)
        return Proof(findings=(*findings, refused))
    return Proof(
        findings=tuple(findings),
        checked_by=(f"a run in ai-edge-litert {package_version('ai-edge-litert')} on this machine",),
    )


def _in_micro(content, device, findings, samples, timeout):
    if not installed("tflite_micro"):
        return _not_run(findings, "micro", "run in TensorFlow Lite Micro")
    try:
        run = run_micro(content, samples, timeout=timeout)
    except ExportError as error:
        return Proof(findings=_named(findings, error), checked_by=(_runtime(),))
    differs = Finding(subject="output", problem=f"is not LiteRT's: {run.explanation}", remedy=CONVERT)
    wrong = run.operator_steps and max(run.operator_steps.values()) > 1
    arena = {key: value for key, value in asdict(run).items() if key.startswith("arena_")}
    return Proof(
        findings=(*findings, differs) if wrong else tuple(findings),
        checked_by=(f"a run in {run.runtime}",),
        measured={f"{key}_bytes": value for key, value in arena.items()}
        | {"largest_difference_from_litert_in_steps": run.max_steps, "compared_samples": run.samples},
        notes=(run.explanation,) if run.explanation and not wrong else (),
    )


def _runtime():
    return f"a run in tflite_micro {package_version('tflite_micro')}"


def _named(findings, error):
    """The lists' findings, with the runtime's own words where they name nothing that stops the file."""
    if any(finding.stops for finding in findings):
        return tuple(findings)
    return (
        *findings,
        Finding(subject="TensorFlow Lite Micro", problem=f"refuses the file: {error}", remedy=CONVERT),
    )


def _by_vela(content, device, findings, accelerator, timeout):
    if not installed("ethosu"):
        return _not_run(findings, "ethos", "compiled by Vela")
    try:
        run = compile_ethos(content, accelerator, timeout)
    except ExportError as error:
        refused = Finding(subject="Vela", problem=f"does not compile the file: {error}", remedy=CONVERT)
        return Proof(findings=(*findings, refused))
    # Vela looks closer than the lists do: what it says of operators that may fall back takes their place.
    kept = [finding for finding in findings if finding.stops and finding.subject not in _vela_names(run)]
    if run.npu_operators:
        unable = refused_elsewhere(flatbuffer.parse(content), device)
        kept += grouped(_on_cpu(left, device, left.operator not in unable) for left in run.left_on_cpu)
    else:
        problem = "runs no part of the file, only the processor beside it would"
        remedy = f"Make the file in {' or '.join(device.precisions)}."
        kept.append(Finding(subject=accelerator, problem=problem, remedy=remedy))
    return Proof(
        findings=tuple(kept), checked_by=(f"{run.compiler} for {accelerator}",), measured=_figures(run)
    )


def _vela_names(run):
    return {left.operator for left in run.left_on_cpu} if run.npu_operators else set()


def _on_cpu(left, device, has_it):
    """An operator left on the CPU, which stops the file where the runtime there has no kernel for it."""
    reason = left.reason.rstrip(".")
    return Finding(
        subject=left.operator,
        problem=f"goes to {device.fallback} ({reason})" + ("" if has_it else ", which can't run it either"),
        remedy="Replace the layer" + (", or register the operator with the resolver." if has_it else "."),
        places=(left.tensor,),
        stops=not has_it,
    )


def _figures(run):
    figures = asdict(run)
    for name in ("content", "left_on_cpu", "compiler"):
        del figures[name]
    return figures | {"cpu_operators": len(run.left_on_cpu)}


def _not_run(findings, extra, done):
    note = f"the file was not {done}: pip install 'edgezoo[{extra}]'"
    return Proof(findings=tuple(findings), notes=(note,))
