"""What is advised in the place of an architecture is there."""

import re

import pytest

import zoo
from export.slowness import ADVICE
from recipes import variants


@pytest.mark.parametrize("name", variants.VARIANTS)
def test_variants_are_architectures_with_the_arguments_they_name(name):
    assert name in zoo.list_models()
    assert variants.of(name)
    for operator, text in variants.of(name).items():
        assert operator in ADVICE
        named = [word for word in re.findall(r"`(\w+)`", text)]
        assert named and set(named) <= set(zoo.list_models())
    for text in set(variants.of(name).values()):
        for argument, value in re.findall(r"`(\w+)=([^`]+)`", text):
            assert zoo.create(name, **{argument: {"True": True, "False": False}.get(value, value.strip('"'))})


def test_others_have_no_advice():
    assert variants.of("resnet8") == {}
    assert variants.of("unknown") == {}
