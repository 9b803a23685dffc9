"""Check a file against a target before anyone flashes it."""

import hashlib

from .. import flatbuffer
from ..contents import read
from ..errors import InvalidInput
from ..process import TIMEOUT
from ..structure import reading
from .findings import Finding, TargetCheck, grouped
from .listing import listed
from .micro import interface, runnable
from .pieces import main_part
from .proving import prove
from .target import get_target


def check_target(
    tflite, target, *, run=True, samples=None, accelerator=None, ram=None, flash=None, timeout=TIMEOUT
):
    """List what of a file a device will not run, and the remedies.

    Args:
        tflite: The path or the bytes of any `.tflite` file, also one that was not made here.
        target: A name of `target_names()`.
        run: Whether to go beyond the lists of operators where a package can: to run the file in the
            device's own runtime, or to compile it.
        samples: Inputs to run it on, see `run_micro`.
        accelerator: The size of an Ethos-U, see `compile_ethos`; the usual one by default.
        ram, flash: None, or the bytes that the device has for the model.
        timeout: Seconds a single step may take.

    Returns:
        A `TargetCheck`; look at `passed` and `findings`.

    Raises:
        InvalidFile: It is not a `.tflite` file, or it is damaged.
        InvalidInput: There is no such target or accelerator.
    """
    device, content = get_target(target), read(tflite)
    if accelerator is not None and accelerator not in device.accelerators:
        possible = ", ".join(device.accelerators) or "none, it has no sizes to choose from"
        raise InvalidInput(f"Target {target!r} has no accelerator {accelerator!r}. Possible: {possible}.")
    model = flatbuffer.parse(content)
    with reading(content):
        findings = list(grouped(listed(model, device)))
        inputs, _ = interface(main_part(content))
    proof = (
        prove(content, device, findings, samples, accelerator, timeout) if run and runnable(inputs) else None
    )
    measured = proof.measured if proof else {}
    return TargetCheck(
        target=target,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        findings=(*(proof.findings if proof else findings), *_memory(content, measured, ram, flash)),
        checked_by=(f"the operators of {device.operators_from}", *(proof.checked_by if proof else ())),
        measured=measured,
        notes=(*_notes(model, device, content), *(proof.notes if proof else ())),
    )


def _memory(content, measured, ram, flash):
    needed = {
        "flash": (flash, measured.get("flash_bytes", len(content)), "Make the model smaller, or prune it."),
        "RAM": (
            ram,
            measured.get("arena_smallest_bytes", measured.get("sram_bytes")),
            "Make the largest activations smaller: a stride earlier, fewer channels, a smaller input.",
        ),
    }
    for name, (has, needs, remedy) in needed.items():
        if has is not None and needs is not None and needs > has:
            yield Finding(
                subject=name,
                problem=f"of {has:,} bytes is not enough for the {needs:,} needed",
                remedy=remedy,
            )


def _notes(model, device, content):
    if not device.signatures and len(model.signatureDefs or []) > 1:
        names = [entry.signatureKey.decode(errors="replace") for entry in model.signatureDefs]
        yield (
            f"{device.runtime} runs the main signature only, of {', '.join(names)}; export the one that is"
            " needed in a file of its own"
        )
    if not device.proof:
        yield "the file was compared with what is published only: it was neither compiled nor run"
    limit = device.memory.get("parameters")
    if limit is not None and len(content) > limit:
        yield f"the file is larger than the {limit:,} bytes on the chip; each inference streams the rest"
