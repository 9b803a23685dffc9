"""The errors a user can cause, and the one a training run can end in."""


class RecipeError(ValueError):
    """Something the user gave cannot be used: a name, a value, a data set, a file."""


class TrainingError(RuntimeError):
    """A run could not go on: the loss became NaN, the disk is full, a file is damaged."""


class WorkerLost(TrainingError):
    """Another worker of the same training ended before its part was done."""
