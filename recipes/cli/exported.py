"""What `edgezoo export` was asked for, of a run or of a Keras model, and the files it came to."""

import dataclasses
import pathlib

from recipes.cli import files, output


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """The options of `edgezoo export`, checked; `changes` and `search` are those of `quantizing`.

    Raises:
        RecipeError: Two of them exclude one another.
    """

    target: pathlib.Path
    precisions: tuple | None
    signatures: list | None
    calibration: pathlib.Path | None
    out: pathlib.Path | None
    explain: bool
    labels: pathlib.Path | None
    author: str
    license: str
    changes: dict
    search: tuple | None
    device: str | None
    accelerator: str | None

    def __post_init__(self):
        from export.precisions import CALIBRATED
        from recipes.errors import RecipeError

        of_integers = [f"--{name.replace('_', '-')}" for name in self.changes]
        if self.precisions and of_integers and not set(CALIBRATED) & set(self.precisions):
            raise RecipeError(
                f"{' and '.join(of_integers)}: only of files of integers. Leave it out, or ask for one with "
                f"--precision: {', '.join(CALIBRATED)}"
            )
        if self.explain and self.device:
            raise RecipeError(
                f"--explain shows layers, --target {self.device} puts files together: ask for one at a time"
            )
        if self.explain and self.precisions == ("float32",):
            raise RecipeError(
                "--explain compares files with float32.tflite, layer by layer: there is nothing to explain of "
                "--precision float32. Ask for another, or for none"
            )


def exported_run(asked, progress=None):
    """The report on a run's files, and their folder."""
    from recipes import parts, pipeline, rundir
    from recipes.errors import RecipeError
    from recipes.exports import explained
    from recipes.targets import whole

    if asked.calibration or asked.out or asked.labels:
        raise RecipeError(
            "a run is calibrated on its own training data and exported into its own directory, with its own "
            "labels: leave out --calibration, --out and --labels"
        )
    run = rundir.open_run(asked.target)
    anew = asked.author or asked.license or asked.changes or asked.search
    report = None
    if (asked.explain or asked.device) and not anew:
        report = (explained if asked.explain else whole)(run, asked.precisions, asked.signatures)
    report = report or pipeline.export_files(
        run,
        asked.precisions,
        progress,
        asked.signatures,
        asked.author,
        asked.license,
        asked.changes,
        asked.search,
    )
    return report, run.path / parts.folder(asked.signatures)


def exported_model(asked, progress=None):
    """The report on the files of any Keras model, or of one part of it, and their folder.

    Float files without data, integer files with `--calibration`.
    """
    import export
    from recipes import rundir
    from recipes.quantizing import closest_to

    target, signatures, search = asked.target, asked.signatures, asked.search
    folder = asked.out or target.with_name("-".join((target.stem, "export", *(signatures or ()))))
    _check_places(target, folder)
    model = _part(rundir.load_model(target), signatures)
    data = files.load_array(asked.calibration) if asked.calibration else None
    precisions = _possible(asked, data)
    batches = [data[:100]] if data is not None else [_noise(model)]
    report = export.export_model(
        model,
        folder,
        precisions=precisions,
        signatures={signatures[0]: model} if signatures else None,
        calibration=None if data is None else [data],
        calibration_description=f"{asked.calibration}",
        batches=batches,
        name=target.name,
        metadata=_metadata(asked),
        progress=progress,
        options=export.QuantizationOptions(**asked.changes),
        mixed=closest_to(model, data[:100], search) if search else None,
    )
    return report, folder


def _check_places(target, folder):
    """Raise a `RecipeError` where the one is no Keras model by its name, or the other can be no folder."""
    from recipes.errors import RecipeError

    if target.suffix not in (".keras", ".h5", ".hdf5"):
        raise RecipeError(
            f"{target} is neither a run's directory nor a .keras file. What a .tflite holds and takes is told by "
            "`edgezoo check` and `edgezoo benchmark`; `export.quantize` in Python makes other precisions of it"
        )
    for place in (folder, *folder.parents):
        if place.is_file():
            raise RecipeError(f"{place} is a file; give another directory with --out")


def _possible(asked, data):
    """The precisions that were asked for, or all that can be made; integer files need data."""
    import export
    from export.precisions import CALIBRATED
    from recipes.errors import RecipeError

    integers = asked.changes or asked.search or set(CALIBRATED) & set(asked.precisions or ())
    if data is None and integers:
        raise RecipeError(
            f"{', '.join(CALIBRATED)}, --mixed and what says how they are made need --calibration FILE.npy, an "
            "array (n, …) of training inputs as the model takes them"
        )
    if asked.precisions is None and data is None:
        output.say("No --calibration data: int8 and int16x8 are left out.")
        return ("float32", "float16", "dynamic_int8")
    return asked.precisions or export.DEFAULT_PRECISIONS


def _metadata(asked):
    import export

    labels = _lines(asked.labels) if asked.labels else ()
    return export.Metadata(author=asked.author, license=asked.license, labels=labels)


def _lines(path):
    from recipes.errors import RecipeError

    try:
        return tuple(files.existing(path).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} is no text file with a class a line: {error}") from error


def _part(model, signatures):
    """The model, or the one part of it that a signature names; its inputs are what `--calibration` holds."""
    from recipes import parts
    from recipes.errors import RecipeError

    if not signatures:
        return model
    if len(signatures) > 1:
        raise RecipeError(
            f"--signature {' --signature '.join(signatures)}: of a MODEL.keras one part is exported at a time, "
            "calibrated on that part's own inputs; a run's directory takes several"
        )
    (part,) = parts.only(model, signatures).values()
    return part


def _noise(model):
    """Uniform noise in [0, 1] to compare files on where the user gave no data."""
    import numpy as np

    from recipes.errors import RecipeError

    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:]:
        raise RecipeError(f"the model's inputs have the shapes {shape}; one input of a fixed size is needed")
    return np.random.default_rng(0).random((16, *shape[1:]), np.float32)
