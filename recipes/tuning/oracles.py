"""keras-tuner's oracles, with a memory that a kill leaves whole and with several objectives.

The first trial is the recipe as it is, so that a search never ends with less, and knows what it gained.
"""

import json
import time
import warnings

import keras_tuner
import numpy as np
from keras_tuner.engine import trial as trials

from recipes import files
from recipes.errors import RecipeError
from recipes.tuning.scalarizing import scalarized, weights

COMBINED = "combined"
"""Name of the one number that several objectives are for keras-tuner."""
_TRIES = 3  # of a trial whose worker dies, or that ends in an error nobody foresaw


class _Remembering:
    """What the oracles here do beside their algorithm.

    Args:
        search: A `recipes.tuning.search.Search`.
        options: Those of keras-tuner's oracle.
    """

    def __init__(self, search, **options):
        self.search, self._heard = search, {}
        super().__init__(
            objective=_objective(search.objectives),
            hyperparameters=search.space.hyperparameters(),
            tune_new_entries=False,
            seed=search.settings.recipe.seed + 1,  # keras-tuner takes 0 for none
            max_retries_per_trial=_TRIES - 1,
            max_consecutive_failed_trials=None,
            **options,
        )
        self.verbose = 0

    def _random_values(self):
        return (
            super()._random_values() if self.trials else self.search.space.encode(self.search.space.default)
        )

    def populate_space(self, trial_id):
        """The next trial's values; where an algorithm repeats itself, random ones."""
        self._combine()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a Gaussian process that is sure of itself
            found = super().populate_space(trial_id)
        if found["status"] == trials.TrialStatus.RUNNING and self._duplicate(found["values"]):
            values = self._random_values()
            return {"status": found["status"] if values else trials.TrialStatus.STOPPED, "values": values}
        return found

    def score_trial(self, trial):
        """Several objectives are combined anew for each trial; a score of one is itself."""
        super().score_trial(trial)
        if not np.isfinite(self._costs(trial)).all():
            trial.score = float("nan")  # which keras-tuner takes for a failure

    def _combine(self):
        """Score the trials by weights drawn for the next one."""
        done = [t for t in self.trials.values() if t.status == trials.TrialStatus.COMPLETED]
        if len(self.search.objectives) < 2 or not done:
            return
        shares = weights(len(self.search.objectives), (self.seed, len(self.trials)))
        for trial, score in zip(done, scalarized([self._costs(t) for t in done], shares), strict=True):
            trial.score = float(score)

    def _costs(self, trial):
        return [o.cost(trial.metrics.get_best_value(o.name)) for o in self.search.objectives]

    def save(self):
        """Write all there is to remember, trials included, into one file."""
        content = {"state": self.get_state(), "trials": [t.get_state() for t in self.trials.values()]}
        files.write_text(self.search.oracle_file, json.dumps(content))

    def _save_trial(self, trial):
        """Nothing: `save` keeps the trials, all at one time."""

    def reload(self, running=False):
        """Remember what was saved.

        Args:
            running: Whether workers may still be at their trials; else these are tried again at once.

        Raises:
            RecipeError: The file is damaged.
        """
        file = self.search.oracle_file
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            found = [trials.Trial.from_state(state) for state in content["trials"]]
            self.trials = {trial.trial_id: trial for trial in found}
            self.set_state(content["state"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecipeError(f"{file} is damaged ({error}): this search can't be gone on with") from error
        self.ongoing_trials = {  # keras-tuner saves the end of a trial while it still counts as running
            who: t for who, t in self.ongoing_trials.items() if t.status == trials.TrialStatus.RUNNING
        }
        if running:
            self._heard = {t.trial_id: time.monotonic() for t in self.ongoing_trials.values()}
        else:
            self._retry_queue += [t.trial_id for t in reversed(list(self.ongoing_trials.values()))]
            self.ongoing_trials = {}

    def get_trial(self, trial_id):
        """A trial; workers ask for theirs as a sign of life."""
        self._heard[trial_id] = time.monotonic()
        return super().get_trial(trial_id)

    def create_trial(self, tuner_id):
        """The next trial of a worker; see keras-tuner."""
        trial = super().create_trial(tuner_id)
        self._heard[trial.trial_id] = time.monotonic()
        return trial

    @keras_tuner.synchronized
    def end_trial(self, trial):
        """What a worker came to; see keras-tuner. A trial that was given up meanwhile is not tried again."""
        super().end_trial(trial)
        if trial.status == trials.TrialStatus.COMPLETED and trial.trial_id in self._retry_queue:
            self._retry_queue.remove(trial.trial_id)
            self.save()

    def silent(self, seconds):
        """The workers with a trial of which nothing was heard for so long."""
        since = time.monotonic() - seconds
        return [who for who, t in list(self.ongoing_trials.items()) if self._heard.get(t.trial_id, 0) < since]

    @keras_tuner.synchronized
    def release(self, tuner_id, why):
        """Have the trial of a worker that is gone tried again, a few times at most."""
        self.tuner_ids.discard(tuner_id)
        trial = self.ongoing_trials.pop(tuner_id, None)
        if trial is None:
            return
        self._run_times[trial.trial_id] += 1
        if self._run_times[trial.trial_id] < _TRIES:
            self._retry_queue.append(trial.trial_id)
        else:
            trial.status, trial.message = trials.TrialStatus.FAILED, why
            self.end_order.append(trial.trial_id)
        self.save()

    @property
    def waiting(self):
        """Whether trials are to be tried again, or run."""
        return bool(self._retry_queue or self.ongoing_trials)


class RandomOracle(_Remembering, keras_tuner.oracles.RandomSearchOracle):
    """Values drawn at random."""


class BayesianOracle(_Remembering, keras_tuner.oracles.BayesianOptimizationOracle):
    """Values at which a Gaussian process may be best: the upper confidence bound."""

    def populate_space(self, trial_id):
        """The next trial's values, the same in a search that was killed before."""
        self._random_state = np.random.RandomState(self.seed + len(self.trials))
        return super().populate_space(trial_id)


class HyperbandOracle(_Remembering, keras_tuner.oracles.HyperbandOracle):
    """Many short trials, of which the better ones go on (Li et al., 2018)."""

    @property
    def planned(self):
        """How many trials all brackets have."""
        brackets = range(self._get_num_brackets())
        return sum(self._get_size(b, r) for b in brackets for r in range(self._get_num_rounds(b)))


def build(search):
    """The oracle that a search asks for, with what it remembers."""
    settings = search.settings
    if settings.algorithm == "hyperband":
        oracle = HyperbandOracle(search, max_epochs=settings.recipe.epochs)
        oracle.max_trials = settings.trials
    elif settings.algorithm == "random":
        oracle = RandomOracle(search, max_trials=settings.trials)
    else:
        first = max(3, min(3 * len(search.space.dimensions), settings.trials // 3))
        oracle = BayesianOracle(search, max_trials=settings.trials, num_initial_points=first)
    return oracle


def _objective(objectives):
    if len(objectives) > 1:
        return keras_tuner.Objective(COMBINED, "min")
    direction = "max" if objectives[0].higher_is_better else "min"
    return keras_tuner.Objective(objectives[0].name, direction)
