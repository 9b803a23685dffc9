"""Sentences on how a file's numbers were found, for its report."""

from math import prod


def quantised(file):
    """What is special about a file's integers.

    Args:
        file: A `FileReport`.

    Returns:
        A list of sentences that begin with the file's name.
    """
    found = []
    if file.precision == "int4":
        found.append(_bits(file.contents.weight_bits))
    how = file.quantization
    if how is not None:
        found += [_kept(how), _change(how.equalization, "cross-layer equalisation")]
        found.append(_change(how.bias_correction, "bias correction"))
        if how.ranges != "min_max":
            found.append(f"its ranges come from {how.samples} samples by {how.ranges.replace('_', ' ')}.")
    if file.mixed is not None:
        found.append(f"the search kept {file.mixed}.")
    return [f"`{file.file}`: {text}" for text in found if text]


FEW = 64
MANY = 1000
SPARSE = 0.2


def compressed(file):
    """What of pruning and clustering is in a file, in sentences that begin with its name.

    Values are counted where a kernel has many weights, stored as integers of 8 bits.
    """
    if file.weights is None:
        return []
    tensors, found = file.weights.tensors, []
    if file.weights.zeros >= SPARSE:
        paired = sum(tensor.most_of_four <= 2 for tensor in tensors)
        found.append(
            f"{file.weights.zeros:.0%} of its weights are zero; {paired} of {len(tensors)} kernels have at most"
            " two others among any four neighbours (2:4)."
        )
    counts = [t.values for t in tensors if t.dtype == "int8" and prod(t.shape) >= MANY]
    if counts and max(counts) <= FEW:
        found.append(f"no kernel has more than {max(counts)} different weights.")
    return [f"`{file.file}`: {text}" for text in found]


def _bits(weight_bits):
    wide = [name for name, bits in weight_bits.items() if bits != 4]
    narrow = len(weight_bits) - len(wide)
    rest = f", {', '.join(wide)} more" if wide else ""
    return f"the weights of {narrow} of {len(weight_bits)} layers have 4 bits{rest}."


def _kept(how):
    kinds = (how.kept_float, "float"), (how.kept_int16, "int16"), (how.kept_int8, "int8 weights")
    parts = [f"{', '.join(layers)} in {kind}" for layers, kind in kinds if layers]
    return f"kept {' and '.join(parts)}." if parts else ""


def _change(change, name):
    if change is None:
        return ""
    done = "used" if change.kept else "not used"
    return f"{name} {done}: error on calibration samples {change.before:.3g} without, {change.after:.3g} with it."
