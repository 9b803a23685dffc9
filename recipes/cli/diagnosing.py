"""`--diagnostics` of `edgezoo run` and `edgezoo train`: what is asked for, and what was found."""

from recipes.cli import output


def assignments(values, watched):
    """The assignments `values`, before which the usual interval stands where training is to be watched."""
    from recipes.diagnosing import USUAL_INTERVAL

    return [f"diagnostics.every={USUAL_INTERVAL}", *(values or [])] if watched else values


def content(run):
    """For a script: `{"diagnostics": …}`, the findings; nothing where the run was not watched."""
    from recipes import diagnostics

    return {"diagnostics": diagnostics.found(run.path)} if run.recipe.diagnostics.every else {}


def print_findings(run):
    """A line a finding, and where the picture is; nothing where the run was not watched."""
    if not run.recipe.diagnostics.every:
        return
    for finding in content(run)["diagnostics"]:
        text = f"{finding['message']} Usual remedies: {finding['remedy']}."
        output.say(text, "warning ", "bold yellow")
    output.say(f"Diagnostics: {run.path / 'plots' / 'diagnostics.png'}")
