"""A recipe's choices of post-training quantisation, as `export` takes them."""

import dataclasses

import msgspec
import numpy as np

from recipes.errors import RecipeError


def options(recipe, changes=None):
    """The `export.QuantizationOptions` of a recipe, with other values by name."""
    import export

    return export.QuantizationOptions(**msgspec.structs.asdict(recipe.post_training) | (changes or {}))


def search(context, part, mixed):
    """An `export.MixedSearch` by the task's headline on the validation split.

    Args:
        context: A `recipes.tasks.Context`.
        part: The `recipes.parts.Part` that is exported.
        mixed: Precision of most layers, and the distance from float32 that is allowed.

    Raises:
        RecipeError: The part can't be scored.
    """
    import export
    from recipes import tasks

    if not part.scored:
        raise RecipeError(
            f"the task's score can't be taken of {' and '.join(part.models)}: leave --mixed out"
        )
    precision, within = mixed
    task, held_back = tasks.get(context.recipe.task), validating(context)
    return export.MixedSearch(
        score=lambda predict: held_back.score(predict)[task.HEADLINE],
        within=within,
        precision=precision,
        higher_is_better=task.HIGHER_IS_BETTER,
    )


def closest_to(model, data, mixed):
    """An `export.MixedSearch` by the root mean square error against a Keras model.

    Args:
        model: A `keras.Model` of one input.
        data: Its inputs `(n, *input_shape)`.
        mixed: Precision of most layers, and the error that is allowed beside that of float32, in standard
            deviations of the outputs.
    """
    import export

    precision, within = mixed
    wanted = _outputs(model.predict(data, verbose=0))
    return export.MixedSearch(
        score=lambda predict: _error(_outputs(predict(data)), wanted),
        within=within,
        precision=precision,
        higher_is_better=False,
    )


def _outputs(given):
    if isinstance(given, dict):
        return [given[name] for name in sorted(given)]
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _error(found, wanted):
    parts = zip(found, wanted, strict=True)
    return float(np.mean([np.sqrt(np.mean((f - w) ** 2)) / (w.std() or 1.0) for f, w in parts]))


def validating(context):
    """A context whose test split is the validation split of the given one."""
    subset = context.validation
    split = type(subset.split)(*(values[subset.indices] for values in subset.split))
    return dataclasses.replace(context, data=context.data._replace(test=split))
