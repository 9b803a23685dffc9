"""What "good" means: one module a task.

A task module offers

- `HEADLINE`, the metric quoted first, and `HIGHER_IS_BETTER`;
- `RECONSTRUCTS`, whether the target is the (augmented) input itself;
- `BARS`, per precision how far a file's headline metric may be from the float file's;
- `loss(recipe)` and `metrics()` for `compile`;
- `score(predict, batches)` → dict of floats. `predict(batch, signature=None)` is any function from a
  batch to outputs: the Keras model and every exported file are scored by this same code;
- `reference(model, train, test, metrics)` → dict of floats to compare with, such as PCA's error,
  computed in the same run from the two splits;
- `signature_inputs(model, images)` → by signature the inputs that follow from `images`, or `images`
  itself where the model has one signature: to calibrate files and to compare them with Keras.
"""

import importlib

from recipes.errors import RecipeError


def get(name):
    """The task's module, imported when first needed."""
    return importlib.import_module(f"recipes.tasks.{name}")


def check_labels(recipe, data):
    """Raise a `RecipeError` where the data's labels are not of the kind that the task learns."""
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
    `predict.shape` is the shape of one input.
    """
    parts = getattr(model, "signatures", {})

    def predict(batch, signature=None):
        part = parts[signature] if signature else model
        return part.predict_on_batch(batch)

    predict.shape = model.input_shape[1:]
    return predict
