"""What the options of `edgezoo export` say about how files of integers are made."""

from recipes.errors import RecipeError


def changes(keep_float, samples, ranges, percentile, equalize, correct_bias):
    """The values of `export.QuantizationOptions` that were given, by name; a percentile asks for such ranges.

    Raises:
        export.InvalidInput: A value is out of range.
        RecipeError: The percentile is not of the ranges asked for.
    """
    import export

    if percentile is not None and ranges not in (None, "percentile"):
        raise RecipeError(
            f"--percentile {percentile:g} is for --ranges percentile: leave out --ranges {ranges}, or --percentile"
        )
    if percentile is not None:
        ranges = "percentile"
    given = {
        "keep_float": tuple(keep_float) if keep_float else None,
        "samples": samples,
        "ranges": ranges,
        "percentile": percentile,
        "equalize": equalize,
        "correct_bias": correct_bias,
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    export.QuantizationOptions(**chosen)
    return chosen


def search(within, precision, context):
    """Precision and distance of `--mixed`, or None; `context` is the verb's.

    Raises:
        RecipeError: One of them can't be used.
    """
    import export

    if within is None:
        if context.get_parameter_source("mixed_from").name == "COMMANDLINE":
            raise RecipeError(
                f"--mixed-from {precision} says what most layers of mixed.tflite have: give --mixed WITHIN too"
            )
        return None
    try:
        export.MixedSearch(score=len, within=within, precision=precision)
    except export.InvalidInput as error:
        raise RecipeError(f"--mixed {within:g} --mixed-from {precision}: {error}") from error
    return precision, within
