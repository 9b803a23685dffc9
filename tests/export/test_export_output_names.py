"""A file's outputs are named after what gives them, also where models are layers of models."""

import keras
import pytest

import export
from export.signatures import output_names

L = keras.layers


def inner(name, *outputs):
    """A model of one dense layer for each of `outputs`."""
    start = keras.Input((4,), name="start")
    heads = [L.Dense(2, name=output)(start) for output in outputs]
    return keras.Model(start, heads if len(heads) > 1 else heads[0], name=name)


def around(*parts):
    """A model that gives what each of `parts` makes of one input."""
    start = keras.Input((4,), name="start")
    return keras.Model(start, keras.tree.flatten([part(start) for part in parts]))


@pytest.mark.parametrize("precision", export.PRECISIONS)
def test_files_name_the_innermost_layer(coder, precision):
    (output,) = export.inspect(coder.files[precision]).signatures["reconstruct"].outputs
    assert output.name == "image_out"


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ([lambda: inner("decoder", "pixels")], ["pixels"]),
        ([lambda: keras.Sequential([L.Dense(3), L.Dense(2, name="last")], name="row")], ["last"]),
        ([lambda: around(inner("deep", "deeper"))], ["deeper"]),
        ([lambda: inner("one", "same"), lambda: L.Dense(2, name="same")], ["same", "same_1"]),
        ([lambda: inner("two", "first", "second")], ["two", "two_1"]),
        ([lambda: L.Dense(2, name="plain")], ["plain"]),
    ],
    ids=["model", "sequential", "model in a model", "same name", "two outputs", "layer"],
)
def test_names(parts, names):
    assert output_names(around(*(part() for part in parts))) == names


def test_keys_are_names():
    start = keras.Input((4,))
    named = keras.Model(start, {"mean": L.Dense(2)(start)}, name="named")
    assert output_names(named) == ["mean"]
    assert output_names(keras.Model(start, named(start)["mean"])) == ["named"]


def test_a_model_written_as_a_class_goes_by_its_own_name():
    class Written(keras.Model):
        def __init__(self):
            super().__init__(name="written")
            self.dense = L.Dense(2)

        def call(self, inputs):
            return self.dense(inputs)

    assert output_names(around(Written())) == ["written"]
