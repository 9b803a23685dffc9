"""Search for the fewest layers that need more bits than the others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import ExportError, InvalidInput
from .predictor import load
from .process import TIMEOUT
from .quantization import derive, merged
from .quantization.outcome import Quantization
from .quantization.sensitivity import keeping, possible, sensitivities
from .signatures import named_models
from .tflite import check_calibration, float_conversion, source_for

LEVELS = {
    "int8": ("keep_int16", "keep_float"),
    "int4": ("keep_int8", "keep_float"),
    "int16x8": ("keep_float",),
}
"""What a layer may be raised to in a file of each precision, the cheapest first."""

MIXED = "mixed"
"""What the file of a search is called in an export."""

WORDS = {"keep_int8": "int8", "keep_int16": "int16", "keep_float": "float32"}


@dataclass(frozen=True, kw_only=True)
class MixedSearch:
    """What to look for: see the arguments of `search_mixed`."""

    score: Callable
    within: float
    precision: str = "int8"
    higher_is_better: bool = True

    def __post_init__(self):
        if not callable(self.score):
            raise InvalidInput(f"score must be a function of a predictor, not {self.score!r}.")
        if not self.within >= 0:
            raise InvalidInput(f"within must be a number of at least 0, not {self.within!r}.")
        if self.precision not in LEVELS:
            raise InvalidInput(
                f"precision must be one of {', '.join(LEVELS)}, of which layers can be kept,"
                f" not {self.precision!r}."
            )


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """How a file came about in which some layers have more bits than the others.

    `kept` names them, and `kept_as` is their precision. `score` is the file's, `plain_score` that of the
    file without any such layer (None if there is none that works) and `float_score` the float file's,
    all on the data the search was given; `met` says whether it is within the distance asked for.
    `sensitivities` holds the error of the output, in its standard deviations, where only that layer has
    few bits, None where no such file runs; the largest first.
    """

    precision: str
    kept: tuple[str, ...]
    kept_as: str
    score: float
    plain_score: float | None
    float_score: float
    within: float
    met: bool
    sensitivities: Mapping[str, float | None]

    def __str__(self):
        plain = "no file works" if self.plain_score is None else f"{self.plain_score:.6g}"
        kept = f"{', '.join(self.kept)} in {self.kept_as}" if self.kept else "no layer of more bits"
        text = f"{kept} for a score of {self.score:.6g} ({self.float_score:.6g} in float32, {plain} without)"
        return text if self.met else f"{text}: further than {self.within:g} from float32"


def search_mixed(
    model,
    calibration,
    score,
    within,
    *,
    precision="int8",
    higher_is_better=True,
    signatures=None,
    options=None,
    progress=None,
    timeout=TIMEOUT,
):
    """The file of a precision with the fewest layers of more bits that scores about as well as float.

    Layers are ranked by how far the output moves when they alone are quantised, on the calibration
    samples. As many of the worst as needed get more bits: int16 in an int8 file, int8 weights in an int4
    file, and float32 where that does not do. Those that turn out not to be needed are given back.

    Args:
        model, calibration, signatures: See `to_tflite`.
        score: A function from `predict(batch, signature=None)` to a number, on data that is not the test
            split.
        within: How much worse than the float file's the score may be, in its own unit.
        precision: What most layers have: `int8`, `int4` or `int16x8`.
        higher_is_better: Whether a larger score is a better one.
        options: `QuantizationOptions`; layers that it keeps are kept in any case.
        progress: None, or a function called with `(stage, done, total)`.
        timeout: Seconds a single step may take.

    Returns:
        The file's bytes and a `Mixed`; look at its `met`.

    Raises:
        ExportError: The model can't be converted, or no file works.
        InvalidInput: An argument does not fit.
    """
    wanted = MixedSearch(score=score, within=within, precision=precision, higher_is_better=higher_is_better)
    parts = named_models(model, signatures)
    calibration = check_calibration(parts, (precision,), calibration)
    float_file = float_conversion(model, parts, timeout=timeout)
    content, _, found = search(float_file, calibration, wanted, options, progress, timeout)
    return content, found


def search(float_file, calibration, wanted, options=None, progress=None, timeout=TIMEOUT):
    """`search_mixed` from a float32 file: the new file's bytes, its `Quantization` and the `Mixed`."""
    options = merged(options).for_precision(wanted.precision)
    work = _Search(source_for(float_file, wanted.precision), calibration, wanted, options, timeout)
    return work.run(progress or (lambda stage, done, total: None))


@dataclass(frozen=True)
class _Attempt:
    """A file that works, with what it scores."""

    kept: tuple
    level: str
    content: bytes
    quantization: Quantization
    score: float


class _Search:
    """The arguments of a search, and the files that were made so far."""

    def __init__(self, float_file, calibration, wanted, options, timeout):
        self.float_file, self.calibration, self.wanted = float_file, calibration, wanted
        self.precision, self.options, self.timeout = wanted.precision, options, timeout
        self.sign = 1 if wanted.higher_is_better else -1
        self.attempts = {}
        self.float_score = float(wanted.score(load(float_file)))

    def run(self, report):
        """The outcome of the first level that does; of the best file where none does."""
        levels, errors = LEVELS[self.precision], {}
        plain = self.attempt((), levels[0])
        if self.does((), levels[0]):
            return self.result(plain, plain, errors)
        arguments = self.float_file, self.precision, self.calibration, self.options
        errors = sensitivities(*arguments, report, self.timeout)
        for level in levels:
            kept = self.fewest(possible(*arguments, level, errors), level, report)
            if kept is not None:
                return self.result(self.attempt(kept, level), plain, errors)
        working = [attempt for attempt in self.attempts.values() if attempt is not None]
        if not working:
            raise ExportError(f"no file of {self.precision} with layers of more bits works. Use float16.")
        return self.result(max(working, key=lambda each: self.sign * each.score), plain, errors)

    def fewest(self, ranked, level, report):
        """The shortest beginning of a ranking that does, less what is not needed; None if none does."""
        if not ranked or not self.does(ranked, level):
            return None
        too_few, enough = 0, len(ranked)
        while enough - too_few > 1:
            report(f"searching layers for {WORDS[level]}", len(ranked) - enough + too_few, len(ranked))
            middle = (too_few + enough) // 2
            too_few, enough = (too_few, middle) if self.does(ranked[:middle], level) else (middle, enough)
        kept = tuple(ranked[:enough])
        for layer in kept[-2::-1]:
            fewer = tuple(name for name in kept if name != layer)
            kept = fewer if self.does(fewer, level) else kept
        return kept

    def does(self, kept, level):
        """Whether a file with these layers kept works and scores well enough."""
        found = self.attempt(tuple(kept), level)
        return found is not None and self.sign * (self.float_score - found.score) <= self.wanted.within

    def attempt(self, kept, level):
        """The `_Attempt` with these layers kept, None if there is no file that works."""
        key = (frozenset(kept), level)
        if key not in self.attempts:
            self.attempts[key] = self._attempt(kept, level)
        return self.attempts[key]

    def _attempt(self, kept, level):
        options = keeping(self.options, level, kept)
        try:
            content, done = derive(self.float_file, self.precision, self.calibration, self.timeout, options)
        except ExportError:
            return None
        return _Attempt(kept, level, content, done, float(self.wanted.score(load(content))))

    def result(self, best, plain, errors):
        found = Mixed(
            precision=self.precision,
            kept=tuple(name for name in errors if name in best.kept),
            kept_as=WORDS[best.level],
            score=best.score,
            plain_score=None if plain is None else plain.score,
            float_score=self.float_score,
            within=float(self.wanted.within),
            met=self.sign * (self.float_score - best.score) <= self.wanted.within,
            sensitivities=errors,
        )
        return best.content, best.quantization, found
