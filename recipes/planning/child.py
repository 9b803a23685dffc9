"""The process that compiles: a request on standard input, answers on standard output, a line of JSON each.

It ends when its standard input does, so that it never outlives the process that started it.
"""

import os
import sys
import threading

import msgspec

from recipes.errors import RecipeError, TrainingError
from recipes.planning.described import Described
from recipes.planning.plans import COMPILED, LOWERED, Plan
from recipes.recipe import Recipe


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be planned.

    Attributes:
        recipe: The recipe.
        data: Its data.
        topology: A name.
        search: Whether the largest batch is looked for.
    """

    recipe: Recipe
    data: Described
    topology: str
    search: bool = True


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the process says: how far it is, the plan, or why there is none.

    Attributes:
        message: How far it is, or what is wrong.
        error: The name of the error's class; nothing where `message` is none.
        plan: The plan.
    """

    message: str = ""
    error: str = ""
    plan: Plan | None = None


def answer(request, tell):
    """The `Plan` for a `Request`; `tell(message)` is told how far it is."""
    from recipes import tasks
    from recipes.data import augmentation
    from recipes.planning import compiling
    from recipes.planning.chips import topology
    from recipes.planning.step import training_step
    from recipes.training import teaching, transfer

    data, chips = request.data.arrays(), topology(request.topology)
    recipe = transfer.resolve(teaching.check(request.recipe))
    augmentation.check(recipe)
    tasks.check_labels(recipe, data)
    with training_step(recipe, data) as step:
        common = _common(recipe, chips, step) | {"versions": compiling.versions()}
        if not compiling.has_compiler():
            tell(f"lowering for {chips}")
            compiling.lower_only(step, common["batch_size"], chips.chips)
            return Plan(**common, proof=LOWERED)
        found = _compiled(compiling.Compiler(chips), step, request.search, common["batch_size"], tell)
        return Plan(**common, proof=COMPILED, **found)


def _common(recipe, topology, step):
    size = min(recipe.batch_size, step.examples)
    return {
        "recipe": recipe.name,
        "topology": str(topology),
        "accelerator_type": topology.accelerator_type,
        "chips": topology.chips,
        "hosts": topology.hosts,
        "asked_batch_size": recipe.batch_size,
        "batch_size": max(1, size // topology.chips) * topology.chips,
        "parameters": step.parameters,
        "state_bytes": step.state_bytes,
        "notes": tuple(_notes(recipe, size, topology)),
    }


def _notes(recipe, size, topology):
    chips = topology.chips
    if size < recipe.batch_size:
        yield f"batch_size={recipe.batch_size} is more than the {size} examples that are learnt."
    if size % chips:
        yield (
            f"{size} examples cannot be spread evenly over {chips} chips: planned with "
            f"{max(1, size // chips) * chips}; give the training --set batch_size={max(1, size // chips) * chips}."
        )
    if recipe.pretraining.kind != "none":
        yield "The pre-training before is not in this step."
    if recipe.clustering.clusters:
        yield "The step is that before weights share values, which they do in later epochs."
    if recipe.quantization == "aware":
        yield "The fine-tuning with simulated integers afterwards is not in this step."


def _compiled(compiler, step, search, batch_size, tell):
    from recipes.planning.roofline import estimate
    from recipes.planning.search import largest

    def compile_at(batch):
        tell(f"compiling for {compiler.topology}, a batch of {batch}")
        facts, known = compiler.facts(step, batch)
        verdict = "fits" if facts.fits else "does not fit"
        tell(f"a batch of {batch} {verdict}" + (", as was known" if known else f" ({facts.seconds:.0f} s)"))
        return facts

    facts = compile_at(batch_size)
    return {
        "facts": facts,
        "estimate": estimate(facts, compiler.topology) if facts.fits else None,
        "largest": largest(compile_at, facts, compiler.topology.chips, step.examples) if search else None,
    }


def main():
    """Answer the request on standard input."""
    line = sys.stdin.readline()
    if not line:  # interrupted before it asked
        return
    request = msgspec.json.decode(line, type=Request)
    threading.Thread(target=_end_with_input, daemon=True).start()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # whatever a library prints is no answer

        def say(**values):
            out.write(msgspec.json.encode(Answer(**values)).decode() + "\n")
            out.flush()

        try:
            say(plan=answer(request, lambda message: say(message=message)))
        except RecipeError as error:
            say(message=str(error), error="RecipeError")
        except TrainingError as error:
            say(message=str(error), error="TrainingError")


def _end_with_input():
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
