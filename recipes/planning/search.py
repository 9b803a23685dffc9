"""The largest batch that fits, found with few compilations."""

from recipes.planning.plans import Largest

PRECISION = 1.125  # of the smallest batch that does not fit to the largest that does
_MOST = 12  # compilations: each halves, at least, what is between the two


def largest(compile_at, first, unit, most):
    """The `Largest` batch, a multiple of `unit` and at most `most`.

    The most is tried first: where it fits, nothing else is needed. Between a batch that fits and one that
    does not, memory is taken as growing evenly, and the next one lies where it would just fit, but well
    between the two.

    Args:
        compile_at: Called with a batch size; gives `plans.Facts`.
        first: The `Facts` of the batch that was asked for.
        unit: The number of chips.
        most: As many as the training split gives.
    """
    known = {first.batch_size: first}
    most = max(unit, most // unit * unit)

    def fits(batch):
        known[batch] = known.get(batch) or compile_at(batch)
        return known[batch].fits

    if first.batch_size >= most or not first.fits or not fits(most):
        while len(known) < _MOST and (batch := _next(known, unit)):
            fits(batch)
    fitting = [batch for batch, facts in known.items() if facts.fits]
    failing = [batch for batch, facts in known.items() if not facts.fits]
    best = max(fitting, default=0)
    return Largest(
        batch_size=best,
        whole_split=best >= most,
        too_large=min(failing, default=None),
        compilations=len(known),
    )


def _next(known, unit):
    """The batch to try next; None where the answer is near enough."""
    low = max((batch for batch, facts in known.items() if facts.fits), default=0)
    high = min((batch for batch, facts in known.items() if not facts.fits), default=None)
    if high is None or high - low <= unit or (low and high <= low * PRECISION):
        return None
    share = known[high].limit_bytes / known[high].hbm_bytes
    needed = known[low].hbm_bytes if low else 0
    if low and known[high].hbm_bytes > needed:
        share = (known[high].limit_bytes - needed) / (known[high].hbm_bytes - needed)
    margin = (high - low) / 16  # memory does not grow evenly: no step is lost at either end
    guess = min(max(low + share * (high - low), low + margin), high - margin)
    return min(max(int(guess) // unit, low // unit + 1), (high - 1) // unit) * unit
