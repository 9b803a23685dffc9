"""The loop of whoever runs trials: ask for one, run it, say what it came to."""

import contextlib
import time
import traceback

from keras_tuner.engine.trial import TrialStatus

from recipes.errors import TrainingError
from recipes.tuning import trials
from recipes.tuning.beating import every
from recipes.tuning.oracles import COMBINED

_BEAT = 5.0  # seconds between two signs of life
_HOPELESS = 3  # trials that fail before any is completed


def work(search, oracle, worker, beating=False, progress=None):
    """Run trials until the oracle has no more.

    Args:
        search: A `recipes.tuning.search.Search`.
        oracle: One of `recipes.tuning.oracles`, or keras-tuner's client of one.
        worker: A name that no other worker has.
        beating: Whether to give signs of life, to an oracle in another process.
        progress: Called as `progress(stage, done, total)`.

    Raises:
        TrainingError: The first trials all failed.
    """
    while True:
        trial = oracle.create_trial(worker)
        if trial.status == TrialStatus.STOPPED:
            return
        if trial.status == TrialStatus.IDLE:  # others have to end first
            time.sleep(0.5)
            continue
        with _signs_of_life(oracle, trial.trial_id) if beating else contextlib.nullcontext():
            trial.status, trial.message = _run(search, oracle, trial, worker, progress)
        oracle.end_trial(trial)
        if not beating:
            check_hope(search, oracle)


def check_hope(search, oracle):
    """Raise a `TrainingError` where the first trials failed, and none was completed."""
    ended = [oracle.trials[trial] for trial in oracle.end_order]
    if len(ended) >= _HOPELESS and all(trial.status == TrialStatus.FAILED for trial in ended):
        last = search.record(ended[-1].trial_id)
        raise TrainingError(
            f"the first {len(ended)} trials failed, so the search ends here. The last one: {last.error}"
        )


def _run(search, oracle, trial, worker, progress):
    """How a trial ended, and why."""
    try:
        found = trials.run(search, trial.trial_id, trial.hyperparameters.values, worker, progress)
    except trials.Failed as error:
        return TrialStatus.FAILED, str(error)
    except Exception:  # noqa: BLE001  (tried again, by another worker where there is one)
        return TrialStatus.INVALID, traceback.format_exc()
    combined = {COMBINED: 0.0} if len(search.objectives) > 1 else {}  # the oracle's to make
    oracle.update_trial(trial.trial_id, {**found, **combined})
    return TrialStatus.COMPLETED, None


def _signs_of_life(oracle, trial):
    """Within the block the oracle is asked for the trial now and then."""

    def ask():
        with contextlib.suppress(Exception):  # a chief that is away for a while
            oracle.get_trial(trial)

    return every(_BEAT, ask)
