"""C sources of a file: they compile, and hold what the file holds."""

import shutil
import subprocess

import numpy as np
import pytest

import export
from export import flatbuffer
from export.targets.pieces import main_part
from export.targets.target import get_target

LABELS = ("Tür", 'a "quote"', "back\\slash", "??/trigraph", "5")
STRICT = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")
MAIN = """
    #include <stdio.h>
    #include "digits.h"

    int main(void) {
      fwrite(digits_data, 1, DIGITS_BYTES, stdout);
      fprintf(stderr, "%a %d %a %d %d %d %d %d\\n", DIGITS_INPUT_SCALE, DIGITS_INPUT_ZERO_POINT,
              DIGITS_OUTPUT_SCALE, DIGITS_OUTPUT_ZERO_POINT, DIGITS_INPUT_ELEMENTS,
              DIGITS_OUTPUT_ELEMENTS, (int)sizeof(digits_input_t), (int)((size_t)digits_data % 16));
      for (int i = 0; i < DIGITS_INPUT_CHANNELS; ++i)
        fprintf(stderr, "%a %a\\n", digits_input_mean[i], digits_input_std[i]);
      for (int i = 0; i < DIGITS_LABELS; ++i) fprintf(stderr, "%s\\n", digits_labels[i]);
      return digits_labels[DIGITS_LABELS] != 0;
    }
"""
# What the sketch and the resolver's header take of TensorFlow Lite Micro and of Arduino, declared only: the
# compiler then checks the syntax and the types of what was written here, not the library.
LIBRARY = {
    "micro_mutable_op_resolver.h": """
        #pragma once
        #include <stddef.h>
        #include <stdint.h>
        enum TfLiteStatus { kTfLiteOk, kTfLiteError };
        #define TF_LITE_ENSURE_STATUS(a) do { const TfLiteStatus s = (a); if (s != kTfLiteOk) return s; } while (0)
        namespace tflite { template <unsigned int n> class MicroMutableOpResolver { public: METHODS }; }
    """,
    "micro_interpreter.h": """
        #pragma once
        #include "micro_mutable_op_resolver.h"
        struct TfLiteTensor { union { float* f; int8_t* int8; uint8_t* uint8; int16_t* i16; int32_t* i32; } data; };
        namespace tflite {
        struct Model;
        struct MicroInterpreter {
          template <class R> MicroInterpreter(const Model*, const R&, uint8_t*, size_t) {}
          TfLiteStatus AllocateTensors(); TfLiteStatus Invoke();
          TfLiteTensor* input(size_t); TfLiteTensor* output(size_t);
        };
        const Model* GetModel(const void*);
        }
    """,
    "Arduino.h": """
        #pragma once
        void delay(unsigned long);
        struct Printer { void begin(long); void print(const char*); void println(const char*); void println(float); };
        extern Printer Serial;
    """,
}


@pytest.fixture(scope="module")
def sources(classifier, tmp_path_factory):
    """The classifier's sources, in a folder."""
    folder = tmp_path_factory.mktemp("sources")
    export.to_c(
        classifier.files["int8"],
        folder,
        "digits",
        labels=LABELS,
        normalization=(0, 255),
        samples=classifier.main[:2],
    )
    return folder / "digits"


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, **options)


def test_the_folder_is_a_sketch(sources):
    assert {file.name for file in sources.iterdir()} == {
        "digits.c",
        "digits.h",
        "digits.ino",
        "digits_operators.h",
    }


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc")
def test_the_compiled_program_holds_the_file(sources, classifier, tmp_path):
    (tmp_path / "main.c").write_text(MAIN)
    program = tmp_path / "program"
    run("gcc", "-std=c11", *STRICT, "-I", sources, tmp_path / "main.c", sources / "digits.c", "-o", program)
    done = run(program)
    content = classifier.files["int8"]
    assert done.stdout == content
    numbers, scaling, *labels = done.stderr.decode().splitlines()
    described = next(iter(export.inspect(content).signatures.values()))
    given, answer = described.inputs[0], described.outputs[0]
    words = numbers.split()
    assert np.float32(float.fromhex(words[0])) == np.float32(given.scale)
    assert np.float32(float.fromhex(words[2])) == np.float32(answer.scale)
    assert [int(words[1]), int(words[3])] == [given.zero_point, answer.zero_point]
    assert [int(word) for word in words[4:]] == [12 * 12 * 3, 5, 1, 0]
    assert [float.fromhex(word) for word in scaling.split()] == [0, 255]
    assert tuple(labels) == LABELS


@pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="there is no arm-none-eabi-gcc (Debian: gcc-arm-none-eabi)",
)
@pytest.mark.parametrize("core", ["cortex-m0", "cortex-m4", "cortex-m55"])
def test_it_compiles_for_a_microcontroller(sources, classifier, tmp_path, core):
    flags = (f"-mcpu={core}", "-mthumb", "-ffreestanding", "-std=c11", *STRICT)
    run("arm-none-eabi-gcc", "-c", *flags, sources / "digits.c", "-o", tmp_path / "digits.o")
    sizes = run("arm-none-eabi-size", "-A", tmp_path / "digits.o").stdout.decode().split()
    assert int(sizes[sizes.index(".rodata") + 1]) >= len(classifier.files["int8"])


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")
@pytest.mark.parametrize("precision", ["int8", "int16x8", "float32"])
@pytest.mark.parametrize("labels", [(), LABELS])
def test_the_sketch_is_well_formed(classifier, tmp_path, precision, labels):
    place = tmp_path / "tensorflow" / "lite"
    (place / "micro").mkdir(parents=True)
    (place / "schema").mkdir()
    (place / "schema" / "schema_generated.h").write_text("#pragma once\n")
    methods = sorted({limits.method for limits in get_target("tflite_micro").operators.values()})
    declared = " ".join(f"TfLiteStatus {method}();" for method in methods)
    for name, text in LIBRARY.items():
        folder = tmp_path if name == "Arduino.h" else place / "micro"
        (folder / name).write_text(text.replace("METHODS", declared))
    paths = export.to_c(classifier.files[precision], tmp_path, "net", labels=labels, arena=20_000)
    flags = ("-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++")
    run("g++", *flags, "-I", tmp_path, "-include", tmp_path / "Arduino.h", paths[-1])


def test_the_operators_are_those_of_the_file(sources, classifier):
    text = (sources / "digits_operators.h").read_text()
    assert "MicroMutableOpResolver<4>" in text
    for method in ("AddConv2D", "AddMaxPool2D", "AddMean", "AddFullyConnected"):
        assert text.count(f"resolver.{method}()") == 1


def test_the_arena_is_the_smallest_that_runs(sources, classifier):
    least = export.run_micro(classifier.files["int8"]).arena_smallest
    assert f"#define DIGITS_ARENA_BYTES {least}\n" in (sources / "digits.h").read_text()


def test_only_the_main_signature_is_written(coder, tmp_path):
    paths = export.to_c(coder.files["int8"], tmp_path, "coder", arena=5_000)
    part = main_part(coder.files["int8"])
    assert f"#define CODER_BYTES {len(part)}\n" in paths[0].read_text()
    assert "#define CODER_ARENA_BYTES 5008\n" in paths[0].read_text()


def test_a_scale_for_each_channel(classifier, tmp_path):
    normalization = export.Normalization((1.0, 2.0, 3.0), (4.0,))
    paths = export.to_c(classifier.files["int8"], tmp_path, normalization=normalization, arena=16)
    assert "model_input_mean[MODEL_INPUT_CHANNELS] = {1.0f, 2.0f, 3.0f};" in paths[1].read_text()
    assert "model_input_std[MODEL_INPUT_CHANNELS] = {4.0f, 4.0f, 4.0f};" in paths[1].read_text()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": "int"}, "keyword"),
        ({"name": "two words"}, "identifier"),
        ({"name": "../elsewhere"}, "identifier"),
        ({"labels": ["one"]}, "1 labels; the output has 5"),
        ({"labels": [1, 2, 3, 4, 5]}, "must be texts"),
        ({"normalization": (0, 0)}, "std"),
        ({"normalization": 3}, "mean, std"),
        ({"normalization": ((1, 2), 1)}, "3 channels"),
        ({"arena": 0}, "positive number"),
        ({"arena": "10"}, "positive number"),
    ],
)
def test_bad_input(classifier, tmp_path, changed, message):
    with pytest.raises(export.InvalidInput, match=message):
        export.to_c(classifier.files["int8"], tmp_path, **{"arena": 16, **changed})
    assert not list(tmp_path.iterdir())


def test_an_operator_that_the_resolver_lacks(classifier, tmp_path):
    from export.targets.probing import single

    with pytest.raises(export.ExportError, match=r"no TILE.*check_target"):
        export.to_c(single("TILE"), tmp_path, arena=16)
    with pytest.raises(export.ExportError, match="Hybrid"):
        export.to_c(classifier.files["dynamic_int8"], tmp_path)


def test_several_inputs_are_refused(classifier, tmp_path):
    model = flatbuffer.parse(classifier.files["int8"])
    graph = model.subgraphs[0]
    graph.inputs = [graph.inputs[0], graph.operators[0].outputs[0]]
    with pytest.raises(export.ExportError, match="one input"):
        export.to_c(flatbuffer.serialise(model), tmp_path, arena=16)
