"""Pruning and weight clustering while a recipe trains; the model itself stays as it is."""

import contextlib

import keras

from recipes.errors import RecipeError


def check(recipe, model):
    """Raise a `RecipeError` where the recipe's pruning and clustering do not fit its model or each other."""
    pruning, clustering = recipe.pruning, recipe.clustering
    if not (pruning.sparsity or clustering.clusters):
        return
    import export
    from export.compression.clustering import clusterable
    from export.compression.pruning import Plan

    if recipe.regularization.early_stopping:
        raise RecipeError(
            "regularization.early_stopping keeps the weights of an epoch that may lie before all are pruned "
            "or clustered; leave it out, or pruning and clustering"
        )
    if pruning.sparsity and pruning.begin > pruning.end:
        raise RecipeError(f"pruning.begin={pruning.begin:g} is after pruning.end={pruning.end:g}")
    if pruning.sparsity and clustering.clusters and clustering.begin < pruning.end:
        raise RecipeError(
            f"clustering.begin={clustering.begin:g} is before pruning.end={pruning.end:g}: weights are "
            "pruned first, then clustered"
        )
    least = 3 if pruning.sparsity else 2
    if clustering.clusters and clustering.clusters < least:
        also = ", zero and a value on either side" if pruning.sparsity else ""
        raise RecipeError(f"clustering.clusters={clustering.clusters}: give at least {least}{also}")
    try:
        if pruning.sparsity:
            Plan(model, pruning.sparsity, pruning.pattern, pruning.scope, pruning.skip)
        if clustering.clusters:
            clusterable(model, clustering.skip)
    except export.InvalidInput as error:
        raise RecipeError(f"{recipe.model}: {error}") from error


@contextlib.contextmanager
def applied(recipe, model, trainee, steps):
    """Within the block, `trainee` prunes and clusters the kernels of `model` as it trains them.

    Where `model` trains with simulated integers, it keeps the zeros and shared values that are there.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        model: The architecture.
        trainee: The compiled model that trains it.
        steps: How many steps all epochs together have.

    Yields:
        The callbacks that `fit` needs.
    """
    callbacks = []
    with contextlib.ExitStack() as stack:
        if recipe.pruning.sparsity or recipe.clustering.clusters:
            if _simulates_integers(model):
                _keep(recipe, model, trainee, stack)
            else:
                callbacks = _begin(recipe, model, trainee, steps, stack)
        yield callbacks


def settle(recipe, model):
    """Bring shared weights to what integers can hold, also those of a run that was killed just before."""
    if recipe.clustering.clusters:
        from export.compression.clustering import settle_clusters

        settle_clusters(model)


def _simulates_integers(model):
    from export.awareness import is_aware

    return is_aware(model)


def _keep(recipe, model, trainee, stack):
    """Leave what the first part of training made: zeros, and weights that share values."""
    import export

    if recipe.pruning.sparsity:
        stack.enter_context(export.keep_sparsity(model, trainee))
    if recipe.clustering.clusters:
        stack.enter_context(export.keep_clusters(model, trainee))


def _begin(recipe, model, trainee, steps, stack):
    """Prune from now on, and cluster when it is time: by the callbacks that are returned."""
    import export

    values = recipe.pruning
    if values.sparsity:
        pruning = export.pruning(
            model,
            values.sparsity,
            begin=round(values.begin * (steps - 1)),
            end=round(values.end * (steps - 1)),
            every=values.every,
            schedule=values.schedule,
            pattern=values.pattern,
            scope=values.scope,
            skip=values.skip,
            trainer=trainee,
        )
        stack.enter_context(pruning)
    return [_Clustering(recipe, model, stack)] if recipe.clustering.clusters else []


class _Clustering(keras.callbacks.Callback):
    """From the epoch of the recipe on, weights share values."""

    def __init__(self, recipe, model, stack):
        super().__init__()
        self.values, self.trained, self.stack = recipe.clustering, model, stack
        self.start = min(round(self.values.begin * recipe.epochs), recipe.epochs - 1)
        self.begun = False

    def on_epoch_begin(self, epoch, logs=None):
        import export

        if self.begun or epoch < self.start:
            return
        if epoch == self.start:
            export.cluster(self.trained, self.values.clusters, self.values.init, self.values.skip)
        self.begun = True
        self.stack.enter_context(export.keep_clusters(self.trained, self.model))
