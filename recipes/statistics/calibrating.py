"""A run's probabilities made honest: a temperature fitted, folded into its model, and its files made anew.

`uncalibrated.keras` keeps the model as it was trained, `confidence.json` what was found. A call that is cut
short goes on where it ended.
"""

import shutil

from recipes import files, pipeline, rundir
from recipes.exports import export_files, exported
from recipes.statistics import drawing, folding, probing, reliability, temperature
from recipes.statistics.reliability import MEASURES, measured

__all__ = ["FEW_ERRORS", "FILE", "MEASURES", "calibrate"]

FILE = "confidence.json"
_KERAS = "Keras model"
_DRAWN = ("float32.tflite", "int8.tflite")
FEW_ERRORS = 10  # wrong validation examples, below which a temperature is found by chance
_PROVEN_ON = 64  # examples


def calibrate(run, progress=None):
    """Fit a temperature on the validation split and fold it into `model.keras` and every file.

    A run that was calibrated keeps its temperature.

    Args:
        run: A finished run of task `classification`.
        progress: Called as `progress(stage, done, total)`.

    Returns:
        What `confidence.json` holds: `temperature`; `validation` with how many examples it has, how many of
        them are classified wrongly, and its cross-entropy in nats; and under `test`, by file, the expected
        calibration error, the cross-entropy and the bins, `before` and `after`.

    Raises:
        RecipeError: The run is not finished, is of another task, or no temperature fits or can be folded in.
    """
    context, file = probing.context_of(run, progress), run.path / FILE
    if not file.exists():
        files.write_json(file, _begun(run, context, progress))
    found = rundir.read_json(file)
    if not found["folded"]:
        _put_in_place(run, found["temperature"], context)
        found["folded"] = True
        files.write_json(file, found)
    pipeline.evaluate(run, progress)
    report = exported(run) or export_files(run, progress=progress)
    for name, part in _on_test(run, report, context, progress).items():
        found["test"].setdefault(name, {})["after"] = part
    files.write_json(file, found)
    pairs = {name: found["test"][name] for name in _DRAWN if len(found["test"].get(name, ())) == 2}
    drawing.reliability(run.path / "plots" / "reliability.png", pairs)
    return found


def _begun(run, context, progress):
    """What is known before anything is changed; the model as it was trained is laid aside."""
    report, model = probing.report_of(run), run.model()
    held_out = probing.validation(_predictor(model), context, progress)
    found = temperature.fit(held_out.logits, held_out.labels)
    before = _on_test(run, report, context, progress)
    folding.fold(model, found, _examples(context))
    with files.replacing(_original(run)) as scratch:
        shutil.copyfile(run.model_file, scratch)
    nats = [reliability.cross_entropy(held_out.logits, held_out.labels, t) for t in (1.0, found)]
    return {
        "temperature": found,
        "folded": False,
        "validation": {
            "examples": len(held_out.labels),
            "errors": int((held_out.logits.argmax(-1) != held_out.labels).sum()),
            "cross_entropy": {"before": nats[0], "after": nats[1]},
        },
        "test": {name: {"before": part} for name, part in before.items()},
    }


def _put_in_place(run, found, context):
    """Fold the temperature into the run's model; what was measured of the old one gives way first."""
    folded = folding.fold(rundir.load_model(_original(run)), found, _examples(context))
    for outdated in (run.path / "export" / "report.json", run.path / "metrics.json"):
        outdated.unlink(missing_ok=True)
    with files.replacing(run.model_file) as scratch:
        folded.save(scratch)


def _on_test(run, report, context, progress):
    """By file, and for the Keras model, what `reliability.measured` says about the test split."""
    import export

    found = {_KERAS: measured(probing.test(_predictor(run.model()), context, progress))}
    for file in report.files:
        predict = export.load(run.path / "export" / file.file)
        found[file.file] = measured(probing.test(predict, context, progress, file.file))
    return found


def _predictor(model):
    from recipes import tasks

    return tasks.keras_predictor(model)


def _examples(context):
    return context.images(context.validation.take(range(min(_PROVEN_ON, context.validation.size))))


def _original(run):
    return run.path / "uncalibrated.keras"
