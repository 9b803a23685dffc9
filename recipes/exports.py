"""The files of a trained run: made, compared with the model, scored, and known when they are whole."""

import hashlib

import msgspec
import numpy as np

from recipes import rundir
from recipes.errors import RecipeError


def export_files(run, precisions=None, progress=None, signatures=None):
    """Export `run`, verified and scored. Returns an `export.Report`.

    Args:
        run: A trained run.
        precisions: Files to make, beside those that are there; the recipe's by default.
        progress: Called as `progress(stage, done, total)`.
        signatures: Names of those that the files are to have; such files go into a folder of their own,
            `export-NAME`. All signatures by default.
    """
    import export
    from recipes import parts, tasks
    from recipes.data import prepared

    recipe, model, task = run.recipe, run.model(), tasks.get(run.recipe.task)
    part = parts.choose(model, task, signatures)
    context = tasks.Context(recipe, prepared.prepare(recipe.data, recipe.features, progress))
    asked, folder = set(precisions or recipe.precisions), run.path / part.folder
    there = {file.stem for file in folder.glob("*.tflite")}
    precisions = tuple(p for p in export.PRECISIONS if p in asked | there)
    chosen = sorted(np.random.default_rng(recipe.seed).permutation(context.train.size)[: recipe.calibration])
    compared = range(min(100, context.validation.size))
    calibration, agreement = (
        part.of(task.signature_inputs(model, context.images(subset), recipe))
        for subset in (context.train.take(chosen), context.validation.take(compared))
    )

    return export.export_model(
        model,
        folder,
        precisions=precisions,
        signatures=part.models,
        calibration=calibration,
        calibration_description=(
            f"{len(chosen)} examples of the training split of {recipe.data}, drawn with seed {recipe.seed}"
        ),
        batches=agreement,
        score=(lambda predict: context.score(predict, progress, "scoring files")) if part.scored else None,
        bars={
            p: export.Bar(task.HEADLINE, *bar, task.HIGHER_IS_BETTER)
            for p, bar in task.BARS.items()
            if part.scored and p in precisions
        },
        name=", ".join((recipe.name, f"seed {recipe.seed}", *(part.models if signatures else ()))),
        notes=part.notes,
        progress=progress,
    )


def exported(run):
    """The `export.Report` of an export that is whole: all the recipe's files, as they were checked; else `None`."""
    import export

    folder = run.path / "export"
    try:
        report = msgspec.convert(rundir.read_json(folder / "report.json"), export.Report)
        intact = all(_sha256(folder / f.file) == f.contents.sha256 for f in report.files)
    except (RecipeError, msgspec.ValidationError, OSError):
        return None
    done = {f.precision for f in report.files} | set(report.refused)
    return report if intact and done >= set(run.recipe.precisions) else None


def _sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()
