"""What the JSON beside a file says about its probabilities."""

from recipes import rundir
from recipes.statistics import calibrating, coverage, probing, reliability


def notes(run, context):
    """A function from `predict` to what is to stand beside that file; None where nothing is.

    Args:
        run: The run that is exported.
        context: Its `recipes.tasks.Context`.
    """
    asked = {
        name: rundir.read_json(run.path / name)
        for name in (calibrating.FILE, coverage.FILE)
        if (run.path / name).exists()
    }
    return (lambda predict: _of_file(predict, context, asked)) if asked else None


def _of_file(predict, context, asked):
    content = {}
    if calibrating.FILE in asked:
        error = reliability.measured(probing.test(predict, context))["calibration_error"]
        temperature = asked[calibrating.FILE]["temperature"]
        content["confidence"] = {
            "temperature": temperature,
            "calibration_error": error,
            "bins": reliability.BINS,
        }
    if coverage.FILE in asked:
        level = asked[coverage.FILE]["coverage"]
        found = coverage.of_file(predict, context, level)
        content["conformal"] = coverage.sidecar(found, level, context.validation.size)
    return content
