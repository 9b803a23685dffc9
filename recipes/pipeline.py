"""Train → evaluate → export → verify → report, each part done once and skipped where it is done."""

import dataclasses
import inspect
import time

import msgspec

from recipes import files, registry, rundir, scaling
from recipes.errors import RecipeError
from recipes.exports import export_files, exported
from recipes.training import distribution, learnt


@dataclasses.dataclass(frozen=True)
class Result:
    """What a run came to.

    Attributes:
        run: The directory, a `recipes.rundir.Run`.
        metrics: The task's metrics of the Keras model on the test split.
        report: The export report, an `export.Report`.
        problems: What fell short, one sentence each; empty where all is well.
    """

    run: rundir.Run
    metrics: dict
    report: object
    problems: tuple[str, ...]

    @property
    def passed(self):
        """Whether every bar was reached."""
        return not self.problems


def run(name, /, out=None, seed=0, progress=None, strategy=None, **overrides):
    """Train, evaluate, export and verify the recipe called `name`.

    Args:
        name: A name from `recipes.names()`.
        out: The run's directory, new or empty; `runs/{name}-seed{seed}` by default.
        seed: Of everything random.
        progress: Called as `progress(stage, done, total)`.
        strategy: Where it trains, one of `recipes.training.distribution.NAMES`; what the machine has by default.
        **overrides: New values for the recipe, such as `epochs=3`.

    Returns:
        A `Result`; `None` on a worker that is not the chief of several.

    Raises:
        RecipeError: A name, a value or the directory cannot be used; nothing was written.
        TrainingError: Training could not go on; the last checkpoint is kept.
    """
    recipe = registry.get(name, seed=seed, **overrides)
    taken = distribution.take(strategy or "auto")
    return finish(taken.shared(lambda: start(recipe, out, progress)), progress, taken.name)


def start(recipe, out=None, progress=None):
    """Make the run's directory, once the data are there and the architecture takes them.

    Raises:
        RecipeError: The directory, the data or the architecture cannot be used; nothing was written.
    """
    import zoo
    from recipes import tasks
    from recipes.data import augmentation
    from recipes.training import compressing, engine, masked, pretraining, teaching, transfer, tuning_integers

    out = out or rundir.default_path(recipe)
    rundir.check_free(out)
    if recipe.model not in (*zoo.list_models(), *zoo.list_models("keras/*")):
        raise RecipeError(
            f"there is no architecture {recipe.model!r}.{registry.closest(recipe.model, zoo.list_models())} "
            "`edgezoo list models` shows all"
        )
    if recipe.data.startswith("folder:"):  # a resumed run may begin in another working directory
        from recipes.data.places import absolute

        recipe = msgspec.structs.replace(recipe, data=absolute(recipe.data))
    augmentation.check(recipe)
    recipe = transfer.resolve(teaching.check(recipe))
    data = prepare(recipe, progress)
    tasks.check_labels(recipe, data)
    model = build(recipe, data)
    engine.check(recipe, model)
    compressing.check(recipe, model)
    tuning_integers.check(recipe)
    transfer.check(recipe, model)
    if recipe.pretraining.kind == "rbm":
        pretraining.machines(model)
    elif recipe.pretraining.kind == "masked":
        masked.check(recipe, model)
    return rundir.create(out, recipe)


def finish(run, progress=None, strategy=None):
    """Do what is left of `run`, all parts. Returns a `Result`; `None` on a worker that is not the chief."""
    if not train(run, progress, strategy):
        return None
    metrics = evaluate(run, progress)
    report = exported(run) or export_files(run, progress=progress)
    refused = [
        f"{p}.tflite could not be made: {why}"
        for p, why in report.refused.items()
        if p not in report.required
    ]
    problems = [*shortfalls(run.recipe, metrics["test"]), *report.problems, *refused]
    return Result(run, metrics["test"], report, tuple(problems))


def train(run, progress=None, strategy=None):
    """Train what is left of `run` and write `model.keras`.

    Args:
        run: A `recipes.rundir.Run`.
        progress: Called as `progress(stage, done, total)`.
        strategy: Where, one of `recipes.training.distribution.NAMES`; where the run was trained so far by
            default, or what the machine has.

    Returns:
        Whether this process has the run's directory: all have, save workers that are not the chief.
    """
    if run.trained:
        return distribution.current().chief
    taken = _taken(run, strategy, progress)
    data = prepare(run.recipe, progress)
    began = time.monotonic()
    try:
        with taken.watched():
            trained = learnt.model(run, data, progress)
            learnt.twin(run, data, progress)
    finally:
        rundir.add_seconds(run, time.monotonic() - began)
    files.write_text(run.path / "labels.txt", "\n".join(data.classes) + "\n")
    with files.replacing(run.model_file) as scratch:
        trained.save(scratch)
    return taken.chief


def _taken(run, strategy, progress):
    """The strategy that `run` is trained by, told and written down."""
    taken = distribution.take(strategy or rundir.noted(run, "strategy") or "auto")
    taken.check(run.recipe)
    _tell(run, taken, progress)
    return taken


def _tell(run, taken, progress):
    """Write down where the run trains and at which rate, and say it."""
    recipe = run.recipe
    rate = {"learning_rate": recipe.optimizer.learning_rate, "learning_rate_rule": scaling.told(recipe)}
    rundir.note(run, strategy=taken.name, devices=taken.devices, **rate)
    if progress:
        progress(taken.told(recipe.batch_size), 0, 0)
        if rate["learning_rate_rule"]:
            progress(rate["learning_rate_rule"], 0, 0)


def pause(run, epochs, progress=None, strategy=None):
    """Train what is left of the first `epochs` of `run` and return the model as it is then; `train` goes on."""
    _taken(run, strategy, progress)
    data = prepare(run.recipe, progress)
    began = time.monotonic()
    try:
        return learnt.in_float(run, data, progress, epochs)
    finally:
        rundir.add_seconds(run, time.monotonic() - began)


def prepare(recipe, progress=None):
    """The recipe's data in arrays."""
    from recipes.data import prepared

    return prepared.prepare(recipe.data, recipe.features, progress)


def build(recipe, data):
    """The untrained architecture for the data's shape and classes."""
    import zoo
    from recipes import tasks
    from recipes.training.regularization import architecture_arguments
    from zoo import registry as architectures

    arguments = {"input_shape": tasks.input_shape(recipe, data.shape), **architecture_arguments(recipe)}
    if recipe.task in ("classification", "segmentation") or tasks.conditional(recipe):
        arguments.setdefault("classes", len(data.classes))
    try:
        if (
            "steps" in inspect.signature(architectures.find(recipe.model)).parameters
        ):  # what changes as training goes on
            arguments.setdefault("steps", _steps(recipe, data))
        return zoo.create(recipe.model, **arguments)
    except ValueError as error:
        raise RecipeError(f"{recipe.model} on {recipe.data} {data.shape}: {error}") from error


def _steps(recipe, data):
    """How many steps all epochs together have."""
    from recipes import tasks

    examples = tasks.Context(recipe, data).train.size
    return examples // min(recipe.batch_size, examples) * recipe.epochs


def evaluate(run, progress=None):
    """Score the trained model on the test split and write `metrics.json` and the plots, once.

    Returns:
        `{"test": …, "expected": …}`, where `test` holds the task's metrics and what they compare with.
    """
    if metrics := run.metrics():
        return metrics
    from recipes import plots, tasks

    recipe, data, model = run.recipe, prepare(run.recipe, progress), run.model()
    task, context = tasks.get(recipe.task), tasks.Context(recipe, data, progress)
    predict = tasks.keras_predictor(model)
    scores = context.score(predict, progress)
    if progress:
        progress("comparing", 0, 1)
    scores |= task.reference(model, context, scores)
    if progress:
        progress("comparing", 1, 1)
    if run.float_file.exists():  # how good it was before integers were simulated
        before = context.score(tasks.keras_predictor(rundir.load_model(run.float_file)), progress)
        scores[f"float_{task.HEADLINE}"] = before[task.HEADLINE]
    if run.scratch_file.exists():
        scratch = context.score(tasks.keras_predictor(rundir.load_model(run.scratch_file)), progress)
        scores |= learnt.gain(task, scores, scratch)
    metrics = {"test": scores, "parameters": model.count_params(), "expected": str(recipe.expected or "")}
    plots.learning_curves(run.path / "plots" / "learning_curves.png", run.history(), recipe.name)
    task.draw(run.path / "plots", context, model, predict)
    files.write_json(run.path / "metrics.json", metrics)
    return metrics


def shortfalls(recipe, scores):
    """What the unchanged recipe promised and did not reach, a sentence each."""
    if recipe.expected is None or recipe.name not in registry.names():
        return []
    kept = {name: getattr(recipe, name) for name in ("seed", "space", "diagnostics")}  # they change no result
    unchanged = registry.get(recipe.name, **kept)
    if recipe != unchanged or recipe.expected.met_by(scores):
        return []
    reached = scores[recipe.expected.metric]
    return [f"the Keras model reached {recipe.expected.metric} {reached:.4f}; expected {recipe.expected}"]
