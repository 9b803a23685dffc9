"""Front ends for speech against NumPy and SciPy, and the split by speaker."""

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.fft import dct

from recipes.data import prepared, preparing, speech, tfds_sets
from recipes.errors import RecipeError
from recipes.recipe import Features


def mel(frequency):
    return 1127 * np.log1p(np.asarray(frequency) / 700)


def log_mel(audio):
    """Log-mel bands `(49, 20)`: periodic Hann window, 512-point transform, triangles on the HTK scale."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(320) / 320)
    frames = np.stack([audio[s : s + 320] * window for s in range(0, 8000 - 319, 160)])
    magnitude = np.abs(np.fft.rfft(frames, 512))
    edges = np.linspace(mel(60), mel(3800), 22)
    bins = mel(np.arange(257) * 8000 / 512)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling))
    triangles[0] = 0  # the constant part of the signal belongs to no band
    return np.log(magnitude @ triangles + 1e-2)


@pytest.fixture
def audio():
    """A second of a chirp in noise, in [-1, 1]."""
    t = np.arange(8000) / 8000
    noise = np.random.default_rng(0).normal(size=8000)
    return (0.4 * np.sin(2 * np.pi * (300 + 900 * t) * t) + 0.02 * noise).astype(np.float32)


def test_log_mel_bands(audio):
    expected = log_mel(audio)
    expected = (expected - expected.mean()) / (expected.std() + 1e-3)
    bands = speech.spectrogram(audio, "log_mel")
    assert bands.shape == (49, 20, 1) and bands.dtype == np.float32
    np.testing.assert_allclose(bands[..., 0], expected, atol=2e-3)


def test_mfccs(audio):
    expected = dct(log_mel(audio), type=2, norm="ortho")[:, :10]
    expected = (expected - expected.mean(0)) / (expected.std(0) + 1e-3)
    coefficients = speech.spectrogram(audio, "mfcc")
    assert coefficients.shape == (49, 10, 1)
    np.testing.assert_allclose(coefficients[..., 0], expected, atol=2e-2)


def test_loudness_does_not_matter(audio):
    loud, quiet = (speech.spectrogram(speech.levelled(audio * gain), "log_mel") for gain in (30_000, 300))
    np.testing.assert_allclose(loud, quiet, atol=1e-3)
    assert np.sqrt(np.mean(np.square(speech.levelled(audio)))) == pytest.approx(0.05, rel=1e-5)
    assert not speech.levelled(np.zeros(100)).any()


@pytest.mark.parametrize("length", [0, 1, 7999, 8000, 8001, 20_000])
def test_one_second_around_the_middle(length):
    samples = np.arange(length, dtype=np.int64) % 30_000 + 1
    second = speech.one_second(samples)
    assert second.shape == (8000,) and second.dtype == np.float32
    whole = second.astype(int)
    kept = whole[whole > 0]
    start = max(0, (length - 8000) // 2)
    np.testing.assert_array_equal(kept, samples[start : start + 8000])
    if length < 8000:
        before = int(np.argmax(whole > 0)) if length else 0
        assert before == ((8000 - length) // 2 if length else 0)


def test_speaker_is_held_out_whole():
    groups = ["a", "b", "a", "c", "b"]
    train, test = preparing._split_by_group("set", np.zeros(5, int), groups, Features(held_out="b"))
    assert (train.tolist(), test.tolist()) == ([0, 2, 3], [1, 4])
    with pytest.raises(RecipeError, match="held_out=d.*no such speaker; possible: a, b, c"):
        preparing._split_by_group("set", np.zeros(5, int), groups, Features(held_out="d"))


def test_speaker_comes_from_the_file_name():
    assert speech._speaker({"audio/filename": b"7_jackson_32.wav"}, "set") == "jackson"
    with pytest.raises(RecipeError, match="'set'.*digit_speaker_take"):
        speech._speaker({"audio/filename": b"seven.wav"}, "set")


def test_spoken_digits_of_an_unheard_speaker(real_data):
    real_data("spoken_digit")
    loaded = tfds_sets.load("spoken_digit")
    some = dataclasses.replace(loaded, batches=lambda *args: itertools.islice(loaded.batches(*args), 150))
    features = Features(front_end="mfcc", held_out="yweweler")
    x, y, speakers = speech.arrays(some, features)
    assert x.shape == (150, 49, 10, 1) and np.isfinite(x).all()
    assert (
        set(speakers) <= {"jackson", "nicolas", "theo", "yweweler", "george", "lucas"}
        and len(set(speakers)) > 2
    )
    train, test = preparing._split_by_group("spoken_digit", y, speakers, features)
    assert {speakers[i] for i in test} == {"yweweler"}
    assert {speakers[i] for i in train} == set(speakers) - {"yweweler"}


def test_audio_without_a_front_end(real_data):
    real_data("spoken_digit")
    with pytest.raises(RecipeError, match="front_end=log_mel or mfcc"):
        prepared.prepare("spoken_digit", Features())
