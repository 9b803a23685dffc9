"""A trained model whose outputs are learnt beside the labels.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2,
https://arxiv.org/abs/1503.02531
"""

import msgspec
from keras import ops

from recipes.errors import RecipeError
from recipes.training import sources

CLASSES = ("classification", "segmentation")
VALUES = ("denoising", "reconstruction", "super_resolution")


class Teaching:
    """What a teacher adds to the loss.

    Args:
        model: The teacher, a Keras model; none of its weights is trained or saved.
        values: A `recipes.compressing.Distillation`.
        classes: Whether its outputs are logits along the last axis, else values to come close to.
    """

    def __init__(self, model, values, classes):
        self.model, self.values, self.classes = model, values, classes

    def check(self, model):
        """Raise a `RecipeError` unless `model` takes and gives what the teacher does."""
        for what in ("input_shape", "output_shape"):
            own, other = getattr(model, what), getattr(self.model, what)
            if own != other:
                raise RecipeError(
                    f"distillation.teacher={self.values.teacher}: its {what} is {other}, that of "
                    f"{model.name} is {own}; they must be equal"
                )

    def __call__(self, inputs):
        """The teacher's outputs, in inference mode."""
        return ops.stop_gradient(self.model(inputs, training=False))

    def loss(self, hard, penalties, output, taught):
        """The two parts of the loss by their weights; penalties on weights count once and whole.

        Args:
            hard: The loss on the labels, penalties included.
            penalties: Their sum.
            output: What the model gave, of the shape of `taught`.
            taught: What the teacher gave.
        """
        share = self.values.weight
        soft = self.divergence(output, taught) if self.classes else squared_error(output, taught)
        return (1 - share) * (hard - penalties) + share * soft + penalties

    def divergence(self, output, taught):
        """The mean divergence of softened classes, times the square of the temperature.

        It differs from section 2's cross-entropy by the entropy of the teacher alone. The square keeps the
        gradient's size independent of the temperature.
        """
        temperature = self.values.temperature
        log_p = ops.log_softmax(taught / temperature)
        log_q = ops.log_softmax(output / temperature)
        return temperature**2 * ops.mean(ops.sum(ops.exp(log_p) * (log_p - log_q), axis=-1))


def squared_error(output, taught):
    """Summed over an example `(n, ...)`, the mean over examples."""
    squares = ops.square(output - taught)
    return ops.mean(ops.sum(squares, axis=tuple(range(1, len(squares.shape)))))


def check(recipe):
    """The recipe with a teacher that is there or can be trained; a run's directory as an absolute path.

    Raises:
        RecipeError: There is no such teacher, it learns something else, or the task can't be taught.
    """
    name = recipe.distillation.teacher
    if not name:
        return recipe
    if recipe.task not in (*CLASSES, *VALUES):
        raise RecipeError(
            f"distillation.teacher={name}: task={recipe.task} has no outputs that a teacher can give. Tasks "
            f"that have: {', '.join(sorted((*CLASSES, *VALUES)))}"
        )
    teacher = sources.recipe_of(name, "distillation.teacher", recipe.seed)
    if not sources.is_run(name):
        asked = ("distillation.teacher", "is taught by")
        sources.check_chain(recipe, teacher, asked, lambda other: other.distillation.teacher)
    _check_same(recipe, teacher)
    return msgspec.structs.replace(
        recipe, distillation=msgspec.structs.replace(recipe.distillation, teacher=sources.whole(name))
    )


def load(recipe, folder, progress=None):
    """The `Teaching` that the recipe asks for, trained first where there is no run of it; or `None`.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        folder: The run's own directory; a teacher that has to be trained gets one beside it.
        progress: Called as `progress(stage, done, total)`.
    """
    if not recipe.distillation.teacher:
        return None
    run = sources.trained(recipe.distillation.teacher, recipe.seed, folder, "the teacher", progress)
    return Teaching(run.model(), recipe.distillation, recipe.task in CLASSES)


def _check_same(recipe, teacher):
    for what in ("task", "data", "features"):
        own, other = getattr(recipe, what), getattr(teacher, what)
        if own != other:
            raise RecipeError(
                f"distillation.teacher={recipe.distillation.teacher}: {what} is {other}, that of this recipe "
                f"is {own}; they must be equal"
            )
