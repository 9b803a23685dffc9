"""The files of a trained run: made, compared with the model, scored, and known when they are whole."""

import pathlib

import msgspec
import numpy as np


def export_files(
    run, precisions=None, progress=None, signatures=None, author="", license="", changes=None, mixed=None
):
    """Export `run`, verified and scored. Returns an `export.Report`.

    Args:
        run: A trained run.
        precisions: Files to make, beside those that are there; the recipe's by default.
        progress: Called as `progress(stage, done, total)`.
        signatures: Names of those that the files are to have; such files go into a folder of their own,
            `export-NAME`. All signatures by default.
        author: Who made the model, for the metadata in the files.
        license: The files' licence, best as an SPDX identifier such as `Apache-2.0`.
        changes: Values of `export.QuantizationOptions` in the place of the recipe's, by name.
        mixed: None, or a precision and a distance: `mixed.tflite` gets the fewest layers of more bits with
            which the task's headline on the validation split is within that distance of float32.
    """
    import export
    from recipes import parts, quantizing, tasks, variants
    from recipes.data import prepared
    from recipes.statistics import sidecars

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
        advice=variants.of(recipe.model),
        metadata=metadata_of(recipe, model, part, context.data, author, license),
        progress=progress,
        options=quantizing.options(recipe, changes),
        mixed=quantizing.search(context, part, mixed) if mixed else None,
        notes_on=sidecars.notes(run, context),
    )


def exported(run):
    """The `export.Report` of an export that is whole: all the recipe's files, as they were checked; else `None`."""
    import export

    try:
        report = export.load_report(run.path / "export")
    except export.InvalidFile:
        return None
    done = {f.precision for f in report.files} | set(report.refused)
    return report if done >= set(run.recipe.precisions) else None


def explained(run, precisions=None, signatures=None):
    """The `export.Report` of an export that is whole and explains its files layer by layer; else `None`."""
    import export
    from recipes import parts

    try:
        report = export.load_report(run.path / parts.folder(signatures))
    except export.InvalidFile:
        return None
    found = {f.precision for f in report.files if f.explanations} | {"float32"} | set(report.refused)
    return report if found >= set(precisions or run.recipe.precisions) else None


def metadata_of(recipe, model, part, data, author="", license=""):
    """What the files say about themselves."""
    import export

    models = list((part.models or {"": model}).values())
    shapes = [tuple(tensor.shape[1:]) for one in models for tensor in one.inputs]
    images = recipe.features.front_end == "none" and any(len(s) == 3 and s[-1] in (1, 3) for s in shapes)
    labelled = recipe.task in ("classification", "segmentation") and not part.models
    labelled = labelled and model.outputs[0].shape[-1] == len(data.classes)
    values = msgspec.to_builtins(recipe)
    values.pop("space")  # what might be searched says nothing about the model
    if recipe.data.startswith("folder:"):  # where it lies is nobody's business
        values["data"] = f"folder:{pathlib.PurePath(recipe.data).name}"
    return export.Metadata(
        name=recipe.name,
        description=recipe.summary,
        author=author,
        license=license,
        labels=data.classes if labelled else (),
        normalization=export.Normalization(mean=0, std=255) if images else None,
        recipe=values,
    )
