"""What "good" means: one module a task.

A task module offers

- `HEADLINE`, the metric quoted first, and `HIGHER_IS_BETTER`;
- `RECONSTRUCTS`, whether the target is the (augmented) input itself;
- `BARS`, per precision how far a file's headline metric may be from the float file's;
- `loss(recipe)` and `metrics()` for `compile`;
- `score(predict, batches, context)` → dict of floats. `predict(batch, signature=None)` is any function
  from a batch to outputs: the Keras model and every exported file are scored by this same code on
  `batches`, pairs of the test split; `context`, a `Context`, has the recipe and the other data;
- `reference(model, context, metrics)` → dict of floats to compare with, such as PCA's error, computed
  once, beside the scores of the Keras model;
- `per_example(predict, batches, context)` → `(n, ...)`, by test example what the headline is computed from: what
  two models are compared by on the same examples;
- `signature_inputs(model, images, recipe)` → by signature the inputs that follow from `images`, or those
  alone where the model has one signature: to calibrate files and to compare them with Keras;
- `draw(folder, context, model, predict)` writes the pictures that this task is looked at by;

and, where a task needs them,

- `input_shape(recipe, shape)`, the shape of the model's input for data of `shape`, if it is another;
- `degradation(recipe)`, Keras layers between the target and the model's input in training;
- `learnt(recipe, data)`, indices of the training split's examples that may be learnt, if not all; a
  `RecipeError` where the recipe's values and the data do not fit;
- `resampled(values, counts)` → dict of `(resamples,)`, the headline first, where it is not the mean of what
  `per_example` gives: the headline, and what it can be bought with, of resamples of the examples. `counts`
  `(resamples, n)` says how often each example is in which; a headline that a resample does not define is NaN;
- `SIGNATURES`, those that `score` asks a file for, if not all: a file with these alone is scored too. One
  that ends in `*` stands for all that begin so, as many as the model has;
- `CONDITIONAL = True`: the model takes `{"image": …, "label": …}`.
"""

import importlib

from recipes.errors import RecipeError
from recipes.tasks.context import Context

__all__ = [
    "Context",
    "check_labels",
    "conditional",
    "degradation",
    "get",
    "input_shape",
    "keras_predictor",
    "resampled",
]


def get(name):
    """The task's module, imported when first needed."""
    return importlib.import_module(f"recipes.tasks.{name}")


def input_shape(recipe, shape):
    """The shape of the model's input, without the batch axis, for data of `shape`."""
    task = get(recipe.task)
    return task.input_shape(recipe, shape) if hasattr(task, "input_shape") else shape


def conditional(recipe):
    """Whether the model takes the label beside the image."""
    return getattr(get(recipe.task), "CONDITIONAL", False)


def degradation(recipe):
    """Keras layers that make the model's input of the target in training; none for most tasks."""
    task = get(recipe.task)
    return task.degradation(recipe) if hasattr(task, "degradation") else []


def resampled(recipe, values, counts):
    """The measures of resamples of test examples by name, `(resamples,)` each, the headline first.

    Args:
        recipe: A `recipes.recipe.Recipe`, whose task it is.
        values: What `per_example` of the task gave, `(n, ...)`.
        counts: How often each example is in each resample, `(resamples, n)`.
    """
    task = get(recipe.task)
    if hasattr(task, "resampled"):
        return task.resampled(values, counts)
    return {task.HEADLINE: counts @ values / counts.sum(1)}


def check_labels(recipe, data):
    """Raise a `RecipeError` where the data's labels are not of the kind that the task learns."""
    task = get(recipe.task)
    if hasattr(task, "learnt"):
        task.learnt(recipe, data)
    if recipe.task == "segmentation" and not data.per_pixel:
        from recipes.data.generated import SETS

        canvases = ", ".join(name for name, plan in SETS.items() if plan.kind == "canvas")
        raise RecipeError(
            f"data={recipe.data} has one class an image, and task=segmentation learns one a pixel: give data "
            f"with masks ({canvases}) or another task"
        )
    if recipe.task == "classification" and data.per_pixel:
        raise RecipeError(
            f"data={recipe.data} has a class a pixel, and task=classification learns one an image: give "
            "task=segmentation and a segmenter as model"
        )


def keras_predictor(model):
    """`predict(batch, signature=None)` of a Keras model, in inference mode.

    A model that names its parts in `model.signatures` is asked by signature, as an exported file is.
    `predict.shape` is the shape of one input, `predict.inputs` those of all by signature and name.
    """
    parts = getattr(model, "signatures", None) or {"serving_default": model}

    def predict(batch, signature=None):
        part = parts[signature] if signature else model
        return part.predict_on_batch(batch)

    predict.shape = tuple(model.inputs[0].shape[1:])
    predict.inputs = {name: _inputs(part) for name, part in parts.items()}
    return predict


def _inputs(model):
    """The shapes of one example by the names of the inputs."""
    named = model.input if isinstance(model.input, dict) else {tensor.name: tensor for tensor in model.inputs}
    return {name: tuple(tensor.shape[1:]) for name, tensor in named.items()}
