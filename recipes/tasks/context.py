"""The data a task is scored with: which examples were learnt, which were held back."""

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True)
class Context:
    """A recipe with its data.

    Attributes:
        recipe: A `recipes.recipe.Recipe`.
        data: A `recipes.data.prepared.Prepared`.
        progress: Called as `progress(stage, done, total)` by what takes long, or `None`.
    """

    recipe: object
    data: object
    progress: object = None

    @functools.cached_property
    def train(self):
        """The examples that are learnt, a `Subset` of the training split."""
        return self._parts[0]

    @functools.cached_property
    def validation(self):
        """The examples of the training split that are held back, a `Subset`."""
        return self._parts[1]

    def images(self, subset):
        """The subset's images as the task sees them, `(n, h, w, c)` float32."""
        from recipes.data.feeding import images

        return images(self.recipe, subset)

    def score(self, predict, progress=None, stage="scoring"):
        """The task's metrics of `predict` on the test split: one code for the Keras model and every file."""
        from recipes import tasks
        from recipes.data.feeding import test_batches

        batches = test_batches(self.recipe, self.data, progress, stage)
        return tasks.get(self.recipe.task).score(predict, batches, self)

    @functools.cached_property
    def _parts(self):
        """Training and validation, stratified by class, of what the task lets a model learn."""
        from recipes import tasks
        from recipes.data import fewer
        from recipes.data.preparing import stratified

        task, split = tasks.get(self.recipe.task), self.data.train
        allowed = task.learnt(self.recipe, self.data) if hasattr(task, "learnt") else np.arange(len(split.y))
        allowed = allowed[fewer.chosen(self.recipe, split.y[allowed])]
        rest, part = stratified(split.y[allowed], self.recipe.validation, self.recipe.seed)
        return split.take(allowed[rest]), split.take(allowed[part])
