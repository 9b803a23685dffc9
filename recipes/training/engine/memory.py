"""Memory that does not suffice: said with the batch size to try."""

import contextlib

from recipes.errors import TrainingError

# Of TensorFlow, PyTorch, and Python with NumPy; JAX has none of its own.
_KINDS = {"ResourceExhaustedError", "OutOfMemoryError", "MemoryError"}
_WORDS = ("RESOURCE_EXHAUSTED", "OUT OF MEMORY", "OOM WHEN ALLOCATING", "CAN'T ALLOCATE MEMORY")


@contextlib.contextmanager
def guarded(recipe, batch_size):
    """Turn an out-of-memory error of any backend within the block into a `TrainingError`.

    Args:
        recipe: A `recipes.recipe.Recipe`.
        batch_size: Examples a step, as they are trained on.
    """
    try:
        yield
    except Exception as error:  # each backend has a class of its own
        if not ran_out(error):
            raise
        raise TrainingError(advice(recipe, batch_size, error)) from error


def ran_out(error):
    """Whether an exception says that memory ran out, on the backend it comes from."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error).upper()
    return bool(names & _KINDS) or any(word in text for word in _WORDS)


def advice(recipe, batch_size, error):
    """What ran out, and the batch size and the accumulation with which as many examples make an update."""
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    said = f"out of memory with {batch_size} examples a batch ({reason[:200]})."
    if batch_size == 1:
        return f"{said} One is too much already: give smaller images (features.image_size) or a smaller model"
    times = recipe.engine.accumulation
    half = batch_size // 2
    more = -(-batch_size * times // half)
    return (
        f"{said} Start anew with half of that, and as many examples an update: --set batch_size={half} "
        f"--set engine.accumulation={more}"
    )
