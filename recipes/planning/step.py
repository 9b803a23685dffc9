"""A recipe's training step as JAX traces it: the trainee that trains it, with shapes in the place of numbers.

Everything here runs in the child process, on Keras's JAX backend.
"""

import contextlib
import dataclasses
import random
from typing import Any

import msgspec
import numpy as np

from recipes import pipeline, registry, rundir, tasks
from recipes.training import compressing, engine, fit, regularization, teaching, transfer
from recipes.training.engine import precision
from recipes.training.transfer import layers

AXIS = "batch"  # of the mesh: the only one, as each chip holds a copy of all variables


@dataclasses.dataclass(frozen=True)
class Step:
    """A training step that can be lowered for any number of examples.

    Attributes:
        trainee: The compiled Keras model, with all its variables.
        shape: Of one example.
        target: The shape of its label.
        conditional: Whether the model takes the label beside the image.
        examples: As many as are learnt.
        parameters: Of the architecture.
    """

    trainee: Any
    shape: tuple[int, ...]
    target: tuple[int, ...]
    conditional: bool
    examples: int
    parameters: int

    @property
    def variables(self):
        """What the step takes and gives back: trained, not trained, the optimiser's, the metrics'."""
        trainee = self.trainee
        return (
            trainee.trainable_variables,
            trainee.non_trainable_variables,
            trainee.optimizer.variables,
            trainee.metrics_variables,
        )

    @property
    def state_bytes(self):
        """Bytes of all variables."""
        from keras.backend import standardize_dtype

        return sum(
            int(np.prod(variable.shape)) * np.dtype(standardize_dtype(variable.dtype)).itemsize
            for group in self.variables
            for variable in group
        )

    def lowered_for(self, mesh, batch_size, lower):
        """What `lower` makes of the jitted step and its arguments.

        Args:
            mesh: Of devices, or abstract; its one axis is `AXIS`.
            batch_size: The global one, a multiple of the number of devices.
            lower: Called with the function and a tuple of arguments, all shapes.
        """
        import jax
        from jax.sharding import NamedSharding, PartitionSpec

        copied, spread = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in ((), (AXIS,)))
        state = tuple([_shape(v.shape, v.dtype, copied) for v in group] for group in self.variables)
        x = _shape((batch_size, *self.shape), "float32", spread)
        y = _shape((batch_size, *self.target), "int32", spread)
        batch = ({"image": x, "label": y} if self.conditional else x, y)
        placed = jax.tree.map(lambda _: copied, state)
        step = jax.jit(self.trainee.train_step, donate_argnums=0, out_shardings=(None, placed))
        return lower(step, (state, batch))


@contextlib.contextmanager
def training_step(recipe, data):
    """The `Step` of a recipe on `data`, a `recipes.data.prepared.Prepared`, within the block.

    A teacher is built, not trained: its numbers change nothing of what is planned.
    """
    values = msgspec.structs.replace(recipe.transfer, unfreeze_every=0)  # at the end all layers are learnt
    recipe = msgspec.structs.replace(recipe, transfer=values)
    random.seed(recipe.seed)  # of all initial weights, as Keras draws their seeds from it
    examples, teacher = tasks.Context(recipe, data).train.size, _teacher(recipe, data)
    model = pipeline.build(recipe, data)
    for check in (engine.check, compressing.check, transfer.check):
        check(recipe, model)
    for layer in layers.matched(model, recipe.transfer.freeze, "transfer.freeze").values():
        layer.trainable = False
    steps = examples // min(recipe.batch_size, examples)
    trainee = fit.compile_trainee(recipe, model, steps, recipe.seed, data.shape, teacher)
    target = tuple(data.train.y.shape[1:])
    step = Step(trainee, data.shape, target, tasks.conditional(recipe), examples, model.count_params())
    with (
        precision.applied(model, recipe.engine.precision_policy),
        regularization.applied(model, recipe.regularization),
        compressing.applied(recipe, model, trainee, steps * recipe.epochs // recipe.engine.accumulation),
        transfer.applied(recipe, model, trainee),
    ):
        _build_metrics(step)
        yield step


def _build_metrics(step):
    """Give the metrics their variables, by the method with which Keras's own trainer does before its first step."""
    x, y = np.zeros((1, *step.shape), "float32"), np.zeros((1, *step.target), "int32")
    step.trainee._symbolic_build(data_batch=({"image": x, "label": y} if step.conditional else x, y))


def _teacher(recipe, data):
    name = recipe.distillation.teacher
    if not name:
        return None
    if name in registry.names():
        model = pipeline.build(registry.get(name, seed=recipe.seed), data)
    else:
        model = rundir.open_run(name).model()
    return teaching.Teaching(model, recipe.distillation, recipe.task in teaching.CLASSES)


def _shape(shape, dtype, sharding):
    import jax

    return jax.ShapeDtypeStruct(shape, dtype, sharding=sharding)
