"""Early stopping, told from the history alone, so that a resumed run stops where it would have stopped."""


def best_epoch(history):
    """The first epoch, counted from 1, with the lowest validation loss; None where no epoch was finished."""
    if not history:
        return None
    losses = [row["val_loss"] for row in history]
    return losses.index(min(losses)) + 1


def due(history, patience):
    """Whether the last `patience` epochs brought no lower validation loss; never where it is None."""
    if patience is None or not history:
        return False
    return len(history) - best_epoch(history) >= patience
