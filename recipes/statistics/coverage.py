"""Conformal sets of every file of a run: quantiles into the JSON beside it, coverage on the test split."""

from recipes import files, rundir
from recipes.statistics import conformal, probing

FILE = "conformal.json"
MEASURES = ("coverage", "set_size", "empty")


def measure(run, coverage, progress=None):
    """Find the quantiles of a run's files, write them into their sidecars, and try them on the test split.

    Args:
        run: A finished run of task `classification`.
        coverage: Share of sets that are to hold the true class.
        progress: Called as `progress(stage, done, total)`.

    Returns:
        What `conformal.json` holds: by file and method the `quantile` and what the `test` split gave; how
        many `examples` were held back and tested on; `expected`, where the coverage of such a test split lies
        95 times in 100; `notes` on what the promise rests on.

    Raises:
        RecipeError: The run is not finished, is of another task, or holds back too few examples.
    """
    import export

    context = probing.context_of(run, progress)
    report, folder = probing.report_of(run), run.path / "export"
    held_out, tested = context.validation.size, len(context.data.test.y)
    expected = conformal.expected_range(held_out, tested, coverage)
    found = {
        file.file: of_file(export.load(folder / file.file), context, coverage, progress, file.file)
        for file in report.files
    }
    notes = {name: {"conformal": sidecar(part, coverage, held_out)} for name, part in found.items()}
    export.annotate(folder, notes)
    content = {
        "coverage": coverage,
        "examples": held_out,
        "test_examples": tested,
        "expected": list(expected),
        "files": found,
        "notes": _notes(run, found, coverage),
    }
    files.write_json(run.path / FILE, content)
    return content


def of_file(predict, context, coverage, progress=None, stage="conformal"):
    """By method the `quantile` of a file on the validation split, and the measures on the `test` split."""
    held_out = probing.validation(predict, context, progress, f"{stage}, validation split")
    tested = probing.test(predict, context, progress, f"{stage}, test split")
    found = {}
    for method in conformal.METHODS:
        limit = conformal.quantile(held_out.probabilities, held_out.labels, coverage, method)
        chosen = conformal.sets(tested.probabilities, method, limit)
        found[method] = {"quantile": limit, "test": conformal.measured(chosen, tested.labels)}
    return found


def promised(path):
    """What the JSON beside a file says about its sets; None where it does not, or is that of another file."""
    import export

    beside = path.with_suffix(".json")
    if path.suffix != ".tflite" or not beside.is_file():
        return None
    content = rundir.read_json(beside)
    same = content.get("sha256") == export.inspect(path).sha256
    return content.get("conformal") if same else None


def sidecar(found, coverage, held_out):
    """What the JSON beside a file says about its sets."""
    return {"coverage": coverage, "held_out_examples": held_out, **found}


def _notes(run, found, coverage):
    """Why sets may be empty, and what the validation split was used for beside the quantiles."""
    notes = []
    if any(part["lac"]["test"]["empty"] > 0 for part in found.values()):
        notes.append(
            "Some `lac` sets are empty: no class of these examples is probable enough. Where the likeliest "
            f"class alone is right more often than {coverage:g}, ask for more; `aps` sets are never empty."
        )
    if run.recipe.regularization.early_stopping:
        notes.append(
            "The validation split chose the epoch too (early stopping): the model has seen a little of it, "
            "and new examples may be covered a little less."
        )
    if (run.path / "confidence.json").exists():
        notes.append("The temperature was fitted on the same validation split: one number, of little effect.")
    return notes
