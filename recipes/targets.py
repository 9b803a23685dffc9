"""A run's files for a device: in the right precision, checked, with what they need beside them."""

from recipes import exports, parts
from recipes.errors import RecipeError

SAMPLES = 8  # images of the validation split that a device's runtime is compared on


def precisions_for(target, asked=None):
    """The precisions to make for a target: those asked for, which it has to run, else its best.

    Raises:
        RecipeError: The target does not run one that was asked for.
    """
    import export

    device = export.get_target(target)
    for precision in asked or ():
        if precision not in device.precisions:
            raise RecipeError(
                f"{target} does not run {precision}. Possible, the best first: {', '.join(device.precisions)}"
            )
    return tuple(asked or device.precisions[:1])


def whole(run, precisions, signatures=None):
    """The `export.Report` of an export that is whole and has, or refused, the precisions; else `None`."""
    import export

    try:
        report = export.load_report(run.path / parts.folder(signatures))
    except export.InvalidFile:
        return None
    done = {file.precision for file in report.files} | set(report.refused)
    return report if done >= set(precisions) else None


def of_run(run, report, target, precisions, signatures=None, accelerator=None, progress=None):
    """A dict from precision to `export.Delivery`, in a folder `TARGET` beside the files of a run.

    Args:
        run: A trained run.
        report: What its export reported.
        target: Name of the target.
        precisions: Files to deliver; those that were refused are left out.
        signatures: As `exports.export_files` was given them.
        accelerator: Size of an Ethos-U.
        progress: Called as `progress(stage, done, total)`.
    """
    from recipes import tasks
    from recipes.data import prepared

    recipe, model, task = run.recipe, run.model(), tasks.get(run.recipe.task)
    context = tasks.Context(recipe, prepared.prepare(recipe.data, recipe.features, progress))
    images = context.images(context.validation.take(range(min(SAMPLES, context.validation.size))))
    part = parts.choose(model, task, signatures)
    given = part.of(task.signature_inputs(model, images, recipe))
    batches = next(iter(given.values())) if isinstance(given, dict) else given
    metadata = exports.metadata_of(recipe, model, part, context.data)
    return delivered(
        report,
        run.path / part.folder,
        target,
        precisions,
        recipe.name,
        labels=metadata.labels,
        normalization=metadata.normalization,
        samples=next(iter(batches)),
        accelerator=accelerator,
    )


def delivered(report, folder, target, precisions, name, **values):
    """A dict from each precision that was made to its `export.Delivery`, in `folder/TARGET`.

    With several precisions each has a folder of its own in there.

    Raises:
        RecipeError: None of them was made.
    """
    import export

    made = [precision for precision in precisions if report.file(precision) is not None]
    if not made:
        reasons = " ".join(report.refused[p] for p in precisions if p in report.refused)
        others = [p for p in export.get_target(target).precisions if p not in precisions]
        hint = f" Try --precision {others[0]}" if others else ""
        raise RecipeError(f"there is no file for {target}: {reasons}{hint}")
    place = folder / target
    return {
        precision: export.deliver(
            folder / f"{precision}.tflite",
            target,
            place if len(precisions) == 1 else place / precision,
            name=f"{name}_{precision}",
            **values,
        )
        for precision in made
    }


def arena(content):
    """Bytes of the smallest arena a file runs with in TensorFlow Lite Micro, or why it does not run there."""
    import export

    check = export.check_target(content, "tflite_micro")
    if not check.passed:
        return " ".join("; ".join(check.problems).split())[:300]
    return check.measured["arena_smallest_bytes"]


def arena_lines(rows):
    """Rows of the matrix with `arena`, as Markdown: a table of those that run, then why the others do not."""
    runs = [row for row in rows if row["tflite_micro"].isdigit()]
    yield "The smallest arena with which the file really ran in the runtime, on a 64-bit machine."
    yield ""
    yield "| architecture | arena |"
    yield "| --- | ---: |"
    yield from (f"| `{row['architecture']}` | {int(row['tflite_micro']):,} bytes |" for row in runs)
    if len(runs) < len(rows):
        yield ""
        yield from (f"- `{row['architecture']}`: {row['tflite_micro']}" for row in rows if row not in runs)
