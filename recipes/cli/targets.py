"""`edgezoo targets` and `edgezoo check`: where files run, and whether one does."""

import json
import pathlib
from typing import Annotated

import typer

from recipes.cli import files, options, output


def targets(
    name: Annotated[str | None, typer.Argument(help="A target, to see all about it.")] = None,
    as_json: files.Json = False,
):
    """List the devices that files can be made for, or show one.

    Example: `edgezoo targets`, `edgezoo targets tflite_micro`
    """
    import export

    if name is not None:
        _show(export.get_target(name), as_json)
        return
    devices = [export.get_target(each) for each in export.target_names()]
    if as_json:
        output.print_json([_plain(device) for device in devices])
        return
    rows = [
        [d.name, d.summary, d.runtime, ", ".join(d.precisions), len(d.operators), _PROOFS[d.proof]]
        for d in devices
    ]
    columns = ["target", "what it is", "runtime", "precisions, best first", ">operators", "a check also"]
    output.table(None, columns, rows)


_PROOFS = {
    "": "–",
    "litert": "runs it in LiteRT",
    "micro": "runs it in TensorFlow Lite Micro",
    "vela": "compiles it",
}


def _show(device, as_json):
    if as_json:
        output.print_json(_plain(device))
        return
    output.say(f" — {device.summary}", device.name, "bold")
    rows = [
        ["runtime", device.runtime],
        ["precisions, best first", ", ".join(device.precisions)],
        ["tensors", ", ".join(device.types)],
        ["what it does not run goes to", device.fallback or "nothing: the file is refused"],
        ["operators", f"{', '.join(device.operators)} ({device.operators_from})"],
        *([["sizes (--accelerator)", ", ".join(device.accelerators)]] if device.accelerators else []),
        *(["needs", text] for text in device.needs),
        *(["source", url] for url in device.sources),
    ]
    output.table(None, ["value", ""], rows)


def _plain(device):
    import dataclasses

    content = dataclasses.asdict(device)
    return content | {"operators": sorted(device.operators), "remedies": dict(device.remedies)}


def check(
    file: Annotated[pathlib.Path, typer.Argument(metavar="FILE.tflite", help="Any file, from anywhere.")],
    target: Annotated[
        list[str] | None, typer.Option(help="Where it is to run; may be repeated. All targets by default.")
    ] = None,
    accelerator: options.Accelerator = None,
    ram: Annotated[int | None, typer.Option(min=1, help="Bytes of RAM the device has for it.")] = None,
    flash: Annotated[int | None, typer.Option(min=1, help="Bytes of flash the device has for it.")] = None,
    samples: Annotated[
        pathlib.Path | None, typer.Option(help="A .npy of inputs (n, …) to run it on; noise by default.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Compare with the lists of operators only; run nothing.")
    ] = False,
    as_json: files.Json = False,
):
    """List what of a file a device will not run, and the remedies; exit status 1 if it can't be used there.

    Example: `edgezoo check model.tflite --target tflite_micro --ram 262144`
    """
    import export

    content = files.existing(file)
    data = files.load_array(samples) if samples else None
    names = tuple(target or export.target_names())
    checks = []
    for name in names:
        sized = accelerator if accelerator in export.get_target(name).accelerators or target else None
        with files.naming(file):
            checks.append(
                export.check_target(
                    content,
                    name,
                    run=not fast,
                    samples=data,
                    accelerator=sized,
                    ram=ram,
                    flash=flash,
                )
            )
    if as_json:
        print_json(checks)
    else:
        for each in checks:
            print_check(each, len(checks) > 1)
    raise typer.Exit(0 if all(each.passed for each in checks) else 1)


def print_json(checks):
    """The checks as one JSON document: an object for one, else a list."""
    contents = [json.loads(each.to_json()) for each in checks]
    output.print_json(contents if len(contents) > 1 else contents[0])


def print_check(each, brief=False):
    """A verdict, then a line for each finding, figure and note; figures and notes are left out if brief."""
    from rich.text import Text

    from export.targets.findings import figures

    verdict = Text("runs", "green") if each.passed else Text("does not run", "red")
    if each.passed and each.findings:
        verdict = Text("runs, in part on something slower", "yellow")
    rows = [["verdict", verdict]]
    rows += [["stops" if f.stops else "slower", str(f)] for f in each.findings]
    if not brief:
        rows += [[label, text] for label, text in figures(each.measured)]
        rows += [["note", text] for text in each.notes]
        rows += [["checked by", ", ".join(each.checked_by)]]
    output.table(None, [each.target, ""], rows)


def precisions(device, asked, accelerator):
    """What to make for a device, or for none; names that can't be are refused before anything is made."""
    import export
    from recipes.errors import RecipeError
    from recipes.targets import precisions_for

    if device is None:
        if accelerator is not None:
            raise RecipeError(
                f"--accelerator {accelerator} is a size of --target ethos_u55 or ethos_u65: give one"
            )
        return asked
    sizes = export.get_target(device).accelerators
    if accelerator is not None and accelerator not in sizes:
        possible = f"Possible: {', '.join(sizes)}" if sizes else "It has no sizes: leave --accelerator out"
        raise RecipeError(f"{device} has no accelerator {accelerator!r}. {possible}")
    return precisions_for(device, asked)


def deliver(asked, report, folder, progress):
    """A dict from precision to `export.Delivery` of a run's or a Keras model's files; `asked` is an `Asked`."""
    from recipes import rundir
    from recipes.targets import SAMPLES, delivered, of_run

    device, chosen, accelerator = asked.device, asked.precisions, asked.accelerator
    if asked.target.is_dir():
        run = rundir.open_run(asked.target)
        return of_run(run, report, device, chosen, asked.signatures, accelerator, progress)
    data = files.load_array(asked.calibration)[:SAMPLES] if asked.calibration else None
    named = files.existing(asked.labels).read_text(encoding="utf-8").splitlines() if asked.labels else ()
    values = {"labels": named, "samples": data, "accelerator": accelerator}
    return delivered(report, folder, device, chosen, asked.target.stem, **values)


def print_deliveries(deliveries, report, as_json):
    """What was put together for a device, and what its files' reports lack; the exit status."""
    if as_json:
        contents = [_delivery(each) for each in deliveries.values()]
        output.print_json(contents if len(contents) > 1 else contents[0])
    else:
        for each in deliveries.values():
            _print_delivery(each)
    problems = [text for file in report.files if file.precision in deliveries for text in file.problems]
    for problem in problems:
        output.say(problem, "missed ", "bold red")
    return 0 if all(each.passed for each in deliveries.values()) and not problems else 1


def _delivery(delivery):
    places = {"directory": str(delivery.directory), "files": [str(file) for file in delivery.files]}
    return json.loads(delivery.check.to_json()) | places


def _print_delivery(delivery):
    print_check(delivery.check)
    for file in delivery.files:
        output.say(str(file))
    output.say(f"What it needs beside it: {delivery.directory / 'README.md'}")
