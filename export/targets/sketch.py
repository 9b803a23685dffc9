"""The texts of the C sources; each takes a `c_source.CSource` and fills a template of the folder `c`."""

from pathlib import Path
from string import Template

from ..errors import ExportError

TEMPLATES = Path(__file__).with_name("c")
BYTES_A_LINE = 16
# The C type of an element, and the field of TfLiteTensor's union that points at it.
ELEMENTS = {
    "float32": ("float", "f"),
    "int8": ("int8_t", "int8"),
    "uint8": ("uint8_t", "uint8"),
    "int16": ("int16_t", "i16"),
    "int32": ("int32_t", "i32"),
}

TENSOR = """\
typedef {type} {name}_{side}_t;
#define {guard}_{SIDE}_ELEMENTS {elements}
#define {guard}_{SIDE}_SCALE {scale}
#define {guard}_{SIDE}_ZERO_POINT ({zero_point})
"""

QUANTISE = """\
  float steps = roundf(real / {guard}_INPUT_SCALE) + {guard}_INPUT_ZERO_POINT;
  if (steps < {least}) steps = {least};
  if (steps > {most}) steps = {most};
  return ({name}_input_t)steps;"""

DEQUANTISE = """\
  return {guard}_OUTPUT_SCALE * (float)(stored - {guard}_OUTPUT_ZERO_POINT);"""

CLASS = """\
  size_t best = 0;
  for (size_t i = 1; i < {guard}_OUTPUT_ELEMENTS; ++i) {{
    if (output[i] > output[best]) best = i;
  }}
  Serial.print({name}_labels[best]);
  Serial.print(" ");
  Serial.println(real(output[best]));"""

VALUES = """\
  for (size_t i = 0; i < {guard}_OUTPUT_ELEMENTS; ++i) {{
    Serial.println(real(output[i]));
  }}"""


def header(source):
    """`NAME.h`: sizes, scaling and labels."""
    return _filled(
        "model.h.in",
        **_names(source),
        bytes=len(source.content),
        arena=source.arena,
        interface=_tensor(source, "input") + _tensor(source, "output"),
        known="" if source.normalization else ", which was not said when this was written",
        channels=len(_scaling(source)[0]),
        labels=len(source.labels),
    )


def model_source(source):
    """`NAME.c`: the file and the labels."""
    content = source.content
    rows = (content[i : i + BYTES_A_LINE] for i in range(0, len(content), BYTES_A_LINE))
    mean, std = (", ".join(map(_float, values)) for values in _scaling(source))
    return _filled(
        "model.c.in",
        **_names(source),
        mean=mean,
        std=std,
        rows="\n".join("    " + ", ".join(f"0x{byte:02x}" for byte in row) + "," for row in rows),
        labels="".join(f"{_quoted(label)}, " for label in source.labels),
    )


def operators_header(source):
    """`NAME_operators.h`: the resolver with the operators registered."""
    calls = (f"  TF_LITE_ENSURE_STATUS(resolver.{method}());" for method in source.methods)
    return _filled("operators.h.in", **_names(source), count=len(source.methods), calls="\n".join(calls))


def sketch(source):
    """`NAME.ino`: a loop that reads, runs and prints."""
    names = _names(source)
    scaled_in, scaled_out = source.input.scale, source.output.scale
    least, most = _limits(source.input.dtype)
    quantise = (
        QUANTISE.format(**names, least=least, most=most)
        if scaled_in
        else f"  return ({source.name}_input_t)real;"
    )
    return _filled(
        "sketch.ino.in",
        **names,
        quantise=quantise,
        dequantise=DEQUANTISE.format(**names) if scaled_out else "  return (float)stored;",
        answer=(CLASS if source.labels else VALUES).format(**names),
        input_field=_element(source.input)[1],
        output_field=_element(source.output)[1],
    )


def _filled(template, **values):
    return Template((TEMPLATES / template).read_text(encoding="utf-8")).substitute(values)


def _scaling(source):
    """The means and standard deviations of the input's channels, as many of each."""
    if source.normalization is None:
        return (0.0,), (1.0,)
    mean, std = source.normalization.mean, source.normalization.std
    count = max(len(mean), len(std))
    return tuple(values * count if len(values) == 1 else values for values in (mean, std))


def _names(source):
    return {"name": source.name, "guard": source.name.upper()}


def _tensor(source, side):
    tensor = getattr(source, side)
    elements = 1
    for axis in tensor.shape:
        elements *= axis
    return TENSOR.format(
        **_names(source),
        side=side,
        SIDE=side.upper(),
        type=_element(tensor)[0],
        elements=elements,
        scale=_float(tensor.scale),
        zero_point=tensor.zero_point,
    )


def _element(tensor):
    if tensor.dtype not in ELEMENTS:
        raise ExportError(f"C sources are written for {', '.join(ELEMENTS)}, not for {tensor.dtype}.")
    return ELEMENTS[tensor.dtype]


def _limits(dtype):
    bits = int(dtype.removeprefix("u").removeprefix("int") or 8) if "int" in dtype else 8
    return (0, 2**bits - 1) if dtype.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _float(value):
    """A number as a C constant that gives the same float."""
    text = f"{value:.9g}"
    return (text if any(mark in text for mark in ".e") else f"{text}.0") + "f"


def _quoted(text):
    """A text as a C string of its UTF-8 bytes; escapes are octal, which end after three digits."""
    plain = {byte for byte in range(32, 127) if chr(byte) not in '"\\?'}
    return '"' + "".join(chr(b) if b in plain else f"\\{b:03o}" for b in text.encode()) + '"'
