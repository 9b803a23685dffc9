"""`edgezoo benchmark`: numbers of threads side by side, and where the time goes."""

import json

import pytest


@pytest.fixture
def file(finished_run):
    return finished_run.run.path / "export" / "int8.tflite"


def test_threads_and_profile_for_a_script(edgezoo, file):
    arguments = ("--runs", 3, "--threads", "1,2", "--profile", "--json")
    (measured,) = json.loads(edgezoo("benchmark", file, *arguments).out)
    assert [latency["threads"] for latency in measured["by_threads"]] == [1, 2]
    assert sum(measured["operators"].values()) == len(measured["profile"])
    left = [time["operator"] for time in measured["profile"] if not time["delegated"]]
    assert {name: left.count(name) for name in left} == measured["undelegated"]
    assert all(time["layer"] and time["median_ms"] >= 0 for time in measured["profile"])


def test_threads_and_profile_for_a_person(edgezoo, file):
    ended = edgezoo("benchmark", file, "--runs", 3, "--threads", "1,2", "--profile")
    assert ended.code == 0, ended.err
    for text in ("where the time goes", "CONV_2D", "XNNPACK", "3 runs after 5 warm-up runs", "share"):
        assert text in ended.out


@pytest.mark.parametrize("threads", ["0", "1,x", "", "1;2"])
def test_threads_that_are_none(edgezoo, file, threads):
    ended = edgezoo("benchmark", file, "--threads", threads)
    assert ended.code == 2
    assert "--threads" in ended.err
