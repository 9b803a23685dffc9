"""Planning for a TPU: topologies, rooflines, exchanges, the search, data without data, and the shipped table."""

import math
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipes import pipeline, registry
from recipes.data import speech
from recipes.errors import RecipeError
from recipes.planning import chips, described, plans, roofline, search, table
from recipes.planning.collectives import collectives
from recipes.planning.plans import Collective, Facts


def facts(batch, fits=True, hbm=2**20, limit=2**34, **values):
    return Facts(batch_size=batch, fits=fits, hbm_bytes=hbm, limit_bytes=limit, **values)


def made(**values):
    """A `Plan` of `lenet5_digits` on four chips."""
    known = {
        "recipe": "lenet5_digits",
        "topology": "v5e:2x2",
        "accelerator_type": "v5litepod-4",
        "chips": 4,
        "hosts": 1,
        "asked_batch_size": 64,
        "batch_size": 64,
        "parameters": 61_706,
        "state_bytes": 740_500,
        "proof": plans.COMPILED,
    }
    return plans.Plan(**known | values)


@pytest.mark.parametrize(
    ("name", "count", "hosts", "accelerator"),
    [
        ("v5e:1x1", 1, 1, "v5litepod-1"),
        ("v5e:2x2", 4, 1, "v5litepod-4"),
        ("v5e:4x4", 16, 4, "v5litepod-16"),
        ("v6e:2x4", 8, 2, "v6e-8"),
        ("v5p:2x2x2", 8, 2, "v5p-16"),
        ("v4:2x2x1", 4, 1, "v4-8"),
    ],
)
def test_a_topology_knows_its_chips_and_hosts(name, count, hosts, accelerator):
    found = chips.topology(name)
    assert (found.chips, found.hosts, found.accelerator_type, str(found)) == (count, hosts, accelerator, name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v5e:3x3", "Possible: v5e:1x1, v5e:2x2"),
        ("v5p:2x2", "Possible: v5p:2x2x1"),
        ("v5:2x2", "Did you mean 'v5e:2x2'"),
        ("h100", "Possible: v4: 2x2x1"),
    ],
)
def test_an_unknown_topology_is_refused_with_those_there_are(name, said):
    with pytest.raises(RecipeError, match=f"--topology {name}") as refused:
        chips.topology(name)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("values", "bound", "seconds"),
    [
        ({"flops": 197e12, "bytes_moved": 1e9}, "compute", 1.0),
        ({"flops": 1e9, "bytes_moved": 819e9}, "memory", 1.0),
        # A ring of four sends 2 · 3/4 of what it reduces, at 200 GB/s one way.
        ({"collectives": (Collective(kind="all-reduce", count=1, bytes=200 * 10**9),)}, "interconnect", 1.5),
    ],
)
def test_the_slowest_part_bounds_a_step(values, bound, seconds):
    found = roofline.estimate(facts(64, **values), chips.topology("v5e:2x2"))
    assert found.bound == bound
    assert found.seconds == pytest.approx(seconds)
    assert found.images_per_second == pytest.approx(64 / seconds)


def test_one_chip_sends_nothing():
    kinds = ("all-reduce", "all-gather", "reduce-scatter", "all-to-all")
    assert [roofline.sent(Collective(kind=kind, count=1, bytes=10), 1) for kind in kinds] == [0] * 4


PROGRAM = """
HloModule jit_train_step, is_scheduled=true
ENTRY %main {
  %all-reduce.12 = (f32[]{:T(128)}, f32[5,5,1,6]{3,2,1,0:T(1,128)S(1)}, /*index=2*/bf16[120,84]{0,1:T(8,128)}) all-reduce(%a, %b, %c), channel_id=1
  %get-tuple-element.62 = f32[]{:T(128)} get-tuple-element(%all-reduce.12), index=1
  %all-gather-start.1 = (f32[16,10]{1,0}, f32[64,10]{1,0}) all-gather-start(%x), dimensions={0}
  %all-gather-done.1 = f32[64,10]{1,0} all-gather-done(%all-gather-start.1)
  ROOT %all-reduce.13 = pred[7]{0} all-reduce(%p), to_apply=%and
}
"""


def test_exchanges_are_read_from_a_program():
    assert collectives(PROGRAM) == (
        Collective(kind="all-gather", count=1, bytes=64 * 10 * 4),
        Collective(kind="all-reduce", count=2, bytes=4 + 5 * 5 * 6 * 4 + 120 * 84 * 2 + 7),
    )
    assert collectives("ENTRY %main { ROOT %x = f32[2]{0} add(%all-reduce.1, %b) }") == ()


@settings(deadline=None, max_examples=200)
@given(
    unit=st.sampled_from([1, 4, 16]),
    first=st.integers(1, 500),
    examples=st.integers(1, 60_000),
    fixed=st.integers(0, 2**33),
    each=st.integers(1, 2**28),
    bend=st.floats(0.5, 1.5),
)
def test_the_search_ends_near_the_edge(unit, first, examples, fixed, each, bend):
    """Whatever the memory of a batch is made of, the largest batch fits and little more does not."""
    limit, asked = 2**34, []

    def compile_at(batch):
        asked.append(batch)
        needed = int(fixed + each * batch**bend)
        return facts(batch, needed <= limit, needed, limit)

    most = max(unit, examples // unit * unit)
    begun = compile_at(min(first * unit, most))
    found = search.largest(compile_at, begun, unit, examples)
    assert len(asked) == len(set(asked)) == found.compilations <= 12
    assert all(batch % unit == 0 and batch <= most for batch in asked)
    if found.batch_size:
        assert fixed + each * found.batch_size**bend < limit + 1
    if found.whole_split:
        assert found.batch_size == most
    elif found.compilations < 12:
        near = max(found.batch_size * search.PRECISION, found.batch_size + unit)
        assert found.batch_size < found.too_large <= near


def test_a_whole_split_that_fits_costs_one_more_compilation():
    found = search.largest(facts, facts(64), 4, 1_298)
    assert (found.batch_size, found.whole_split, found.compilations) == (1_296, True, 2)


def test_without_a_search_a_batch_is_suggested_in_proportion():
    plan = made(facts=facts(1_000, False, 4 * 2**34, 2**34), batch_size=1_000)
    assert plan.fits is False
    assert plan.batch_to_try == 248  # a quarter, in whole fours


@pytest.mark.parametrize(
    ("recipe", "values"),
    [
        ("lenet5_digits", {}),
        ("lenet5_digits", {"features.image_size": None, "features.folds": 7}),
        ("lenet5_digits", {"data": "digits_canvas"}),
        ("lenet5_digits", {"data": "digits_transformed"}),
        ("anomaly_ecg", {}),
    ],
)
def test_the_facts_about_a_data_set_are_those_of_its_arrays(recipe, values, real_data):
    chosen = registry.get(recipe, **values)
    if not chosen.data.startswith("digits"):
        real_data(chosen.data)
    facts_alone, real = described.describe(chosen), pipeline.prepare(chosen)
    arrays = facts_alone.arrays()
    assert (arrays.shape, arrays.classes, arrays.per_pixel) == (real.shape, real.classes, real.per_pixel)
    for alone, split in ((arrays.train, real.train), (arrays.test, real.test)):
        assert abs(len(alone.y) - len(split.y)) <= (chosen.features.folds > 0)  # folds differ by one example
        assert alone.y.shape[1:] == split.y.shape[1:]
        if not real.per_pixel:
            shares = [np.bincount(y, minlength=len(real.classes)) / len(y) for y in (alone.y, split.y)]
            np.testing.assert_allclose(*shares, atol=0.03)


@pytest.mark.parametrize("front_end", ["log_mel", "mfcc"])
def test_a_spectrogram_has_the_shape_that_is_planned_with(front_end):
    chosen = registry.get("ds_cnn_spoken_digit", **{"features.front_end": front_end})
    made = speech.spectrogram(np.zeros(speech.RATE, np.float32), front_end)
    assert described.describe(chosen).shape == made.shape


def test_every_data_set_of_the_catalogue_is_known_by_its_facts():
    assert {registry.get(name).data for name in registry.names()} <= set(described._CLASSES)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"features.front_end": "mfcc"}, "features.front_end=mfcc"),
        ({"data": "spoken_digit"}, "give features.front_end"),
        ({"data": "no_such_set"}, "no_such_set"),
    ],
)
def test_features_that_do_not_fit_the_data_are_refused(values, said):
    with pytest.raises(RecipeError, match=said):
        described.describe(registry.get("lenet5_digits", **values))


def test_a_row_is_written_at_once_and_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "PATH", tmp_path / "tpu.csv")
    monkeypatch.setattr(table, "DOCUMENT", tmp_path / "tpu.md")
    exchange = (Collective(kind="all-reduce", count=2, bytes=246_832),)
    found = facts(64, flops=3.85e7, bytes_moved=1.87e8, collectives=exchange, seconds=40.0)
    times = roofline.estimate(found, chips.topology("v5e:2x2"))
    whole = plans.Largest(batch_size=1_296, whole_split=True, too_large=None, compilations=2)
    table.write(table.row(made(facts=found, estimate=times, largest=whole)))
    table.write({"recipe": "capsnet_mnist", "topology": "v5e:2x2", "result": "no lowering of X"})
    table.write(table.row(made(facts=found, estimate=times, recipe="capsnet_mnist")))
    assert [row["recipe"] for row in table.read()] == ["capsnet_mnist", "lenet5_digits"]
    page = (tmp_path / "tpu.md").read_text()
    assert "2 all-reduce (246.8 kB)" in page
    assert "0.228 ms, memory" in page
    assert "1,296, all that is learnt (2 compilations)" in page
    assert "not looked for" in page


def test_the_page_tells_what_does_not_fit_and_what_has_no_plan():
    blank = dict.fromkeys(table.COLUMNS, "") | {"topology": "v5e:2x2"}
    too_large = {k: str(v) for k, v in table.row(made(facts=facts(64, False, 2**35, 2**34))).items()}
    failed = blank | {"recipe": "lenet5_mnist", "result": "took more than 3 seconds"}
    page = table.document([blank | too_large, failed])
    assert "**no**" in page
    assert "- `lenet5_mnist`: took more than 3 seconds" in page


def test_everything_in_the_shipped_table_fits():
    """What it lacks, the page names; `python -m recipes.planning --check` tells it too."""
    rows = table.read()
    assert {(row["recipe"], row["topology"]) for row in rows} <= set(table.wanted())
    assert {row["result"] for row in rows} == {table.FITS}
    for row in rows:
        assert math.isfinite(float(row["images_per_second"]))
        assert 0 < int(row["hbm_bytes"]) < int(row["limit_bytes"])
        assert row["collectives"], "data parallel training exchanges gradients"
    page = pathlib.Path(__file__).parents[2] / "docs" / table.DOCUMENT.name  # an installed package has none
    assert page.read_text(encoding="utf-8") == table.document(rows)
