"""The part of `explaining.py` that runs in the child process: three graphs side by side, sample by sample.

Like `worker.py`, which loads it, it stands alone: nothing of this package is imported.
"""


def compare(request, stage):
    """How far the tensors of a file are from those of its float file.

    Args:
        request: `float_file`, `file` and `apart`, paths: the float file, the file derived from it, and the
            operators of the float file taken apart; `samples`, the path of an `.npz` with the arrays
            `float/NAME` and `file/NAME` of each input; `signature`, and `graphs`, its graph in both files;
            `pairs`, a list of `[tensor, tensor in the file, scale, zero point]`; `feeds`, a list of
            `[input of apart, number of a pair]`; `computed`, whether each pair is an operator's output.
        stage: Called with what is being done.

    Returns:
        A list with `{"spread", "error", "own_error"}` for each pair, all in the tensor's own unit: its
        standard deviation, and the root mean squares of the two differences.
    """
    import numpy as np

    stage("loading the files in LiteRT")
    samples = np.load(request["samples"])
    inputs = {
        side: {key.partition("/")[2]: samples[key] for key in samples.files if key.startswith(f"{side}/")}
        for side in ("float", "file")
    }
    reference, candidate, apart = (_interpreter(request[key]) for key in ("float_file", "file", "apart"))
    apart.allocate_tensors()
    sums = [_Sums() for _ in request["pairs"]]
    stage("comparing layer by layer in LiteRT")
    for index in range(len(next(iter(inputs["float"].values())))):
        for interpreter, side in ((reference, "float"), (candidate, "file")):
            run = interpreter.get_signature_runner(request["signature"])
            run(**{name: rows[index : index + 1] for name, rows in inputs[side].items()})
        stored = [
            _real(candidate.get_tensor(pair[1], request["graphs"][1]), *pair[2:]) for pair in request["pairs"]
        ]
        for tensor, number in request["feeds"]:
            apart.set_tensor(tensor, stored[number])
        apart.invoke()
        for pair, real, seen, computed in zip(
            request["pairs"], stored, sums, request["computed"], strict=True
        ):
            expected = reference.get_tensor(pair[0], request["graphs"][0])
            seen.add(expected, real, apart.get_tensor(pair[0]) if computed else expected)
    return [seen.result() for seen in sums]


def _interpreter(path):
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    return Interpreter(
        model_path=path,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )


def _real(values, scale, zero_point):
    import numpy as np

    if not scale:
        return values.astype(np.float32, copy=False)
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)


class _Sums:
    """What the samples of one tensor add up to."""

    def __init__(self):
        self.count, self.largest = 0, 0.0
        self.total = self.squares = self.error = self.own = 0.0

    def add(self, expected, real, local):
        """One sample: the float file's values, the file's, and the float operator's on the file's inputs."""
        import numpy as np

        # Padding before a maximum is -inf, in both files and for a reason.
        finite = np.isfinite(expected) & np.isfinite(local)
        expected, real, local = (np.float64(values[finite]) for values in (expected, real, local))
        if not expected.size:
            return
        self.count += expected.size
        self.largest = max(self.largest, float(np.abs(expected).max()))
        self.total += float(expected.sum())
        self.squares += float(np.square(expected).sum())
        self.error += float(np.square(real - expected).sum())
        self.own += float(np.square(real - local).sum())

    def result(self):
        count = max(self.count, 1)
        variance = max(self.squares / count - (self.total / count) ** 2, 0.0)
        spread = variance**0.5
        # A tensor that does not vary is measured by its magnitude, up to the rounding of the sums.
        spread = spread if spread > 1e-6 * self.largest else self.largest or 1.0
        return {
            "spread": spread,
            "error": (self.error / count) ** 0.5,
            "own_error": (self.own / count) ** 0.5,
        }
