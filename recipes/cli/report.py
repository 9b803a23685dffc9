"""What a person sees at the end of a run."""

from recipes.cli import output


def print_result(result):
    """The Keras model's metrics, the files, and what fell short."""
    rows = [[name, f"{value:.4f}"] for name, value in result.metrics.items()]
    output.table(f"{result.run.recipe.name}: Keras model on the test split", ["metric", ">value"], rows)
    print_report(result.report, result.run.path / "export", result.problems)
    output.say(f"Plots: {result.run.path / 'plots'}")


def print_report(report, folder, problems=None):
    """A row a file, then a sentence on each problem."""
    metric = next((f.verdict.metric for f in report.files if f.verdict), None)
    columns = [
        "file",
        ">size",
        *([f">{metric}", ">against float32"] if metric else []),
        ">error / σ",
        ">median ms",
        ">memory",
        "checks",
    ]
    output.table(
        f"{report.name}: exported files",
        columns,
        [_row(file, metric) for file in report.files],
        caption=_caption(report),
    )
    from export.remarks import quantised
    from export.slowness import slower

    problems = report.problems if problems is None else problems
    for problem in problems:
        output.say(problem, "missed ", "bold red")
    made = (text for file in report.files for text in quantised(file))
    for note in (*report.notes, *slower(report), *made):
        output.say(note)
    if not problems:
        output.say("", "Every file agrees with the Keras model and meets its bar.", "green")
    output.say(f"Report: {folder / 'report.md'}")


def _row(file, metric):
    from rich.text import Text

    errors = [a.rms_error for a in file.verification.agreements]
    return [
        file.file,
        output.bytes_text(file.contents.bytes),
        *([f"{file.metrics[metric]:.4f}", f"{file.difference[metric]:+.4f}"] if metric else []),
        f"{max(errors):.1e}" if errors else "–",
        f"{file.benchmark.median_ms:.3f}",
        output.bytes_text(file.benchmark.peak_memory_bytes),
        Text("failed", "red") if file.problems else Text("passed", "green"),
    ]


def _caption(report):
    times = report.files[0].benchmark
    return (
        f"Latency: median of {times.runs} runs, {times.threads} thread, {times.device}. "
        "error / σ: root mean square against Keras, in standard deviations of its output."
    )
