"""Front ends for speech: log-mel spectrograms and MFCCs of one-second clips.

Frames of 40 ms every 20 ms, as in "Hello Edge" (Zhang et al., 2017, section 5.1), computed with
`tf.signal` (HTK mel scale). Speakers differ twentyfold in loudness, so every recording is brought to one
level first; the floor under the logarithm then hides the same share of background noise in all of them.
One example is `(49, bands, 1)`, float32 with its own mean removed and its own deviation divided out.
"""

import numpy as np

from recipes.errors import RecipeError

RATE = 8000  # samples a second, as recorded
_FRAME, _HOP = 320, 160  # 40 ms, 20 ms
_MELS, _COEFFICIENTS = 20, 10  # bands wide enough to blur the harmonics of a speaker's pitch
_LEVEL = 0.05  # root mean square of a recording, where 1 is full scale
_FLOOR = 1e-2  # added to every band; 40 dB below the bands of a vowel at that level


def arrays(loaded, features, progress=None):
    """`(x, y, speakers)`: `(n, 49, bands, 1)` float32, `(n,)` int32, and a list of names."""
    if features.front_end == "none":
        raise RecipeError(f"{loaded.name!r} holds audio: give features.front_end=log_mel or mfcc")
    x, y, speakers = [], [], []
    total = loaded.splits["train"]
    for example in loaded.batches("train", None):
        x.append(spectrogram(one_second(levelled(example["audio"])), features.front_end))
        y.append(example["label"])
        speakers.append(_speaker(example, loaded.name))
        if progress:
            progress(f"preparing {loaded.name}", len(y), total)
    return np.stack(x), np.asarray(y, np.int32), speakers


def levelled(audio):
    """Samples `(n,)` of any range as float32 with a root mean square of 0.05; silence stays silent."""
    audio = np.asarray(audio, np.float32)
    loudness = np.sqrt(np.mean(np.square(audio))) if len(audio) else 0
    return audio * (_LEVEL / loudness) if loudness > 0 else audio


def one_second(audio):
    """Samples `(n,)`, cropped or zero-padded around the middle to `(8000,)`."""
    audio = np.asarray(audio, np.float32)
    start = max(0, (len(audio) - RATE) // 2)
    audio = audio[start : start + RATE]
    before = (RATE - len(audio)) // 2
    return np.pad(audio, (before, RATE - len(audio) - before))


def spectrogram(audio, front_end):
    """Log-mel bands `(49, 20, 1)` or the first ten MFCCs `(49, 10, 1)` of `(8000,)` samples."""
    import tensorflow as tf

    spectrum = tf.abs(tf.signal.stft(audio, _FRAME, _HOP, fft_length=512))  # (49, 257)
    to_mel = tf.signal.linear_to_mel_weight_matrix(_MELS, 257, RATE, 60.0, 3800.0)
    bands = tf.math.log(spectrum @ to_mel + _FLOOR)  # (49, 20)
    if front_end == "mfcc":
        bands = tf.signal.mfccs_from_log_mel_spectrograms(bands)[:, :_COEFFICIENTS]
        deviation, mean = tf.math.reduce_std(bands, 0), tf.reduce_mean(bands, 0)
    else:
        deviation, mean = tf.math.reduce_std(bands), tf.reduce_mean(bands)
    return ((bands - mean) / (deviation + 1e-3)).numpy()[..., None]


def _speaker(example, name):
    """Files of Free Spoken Digit are called `{digit}_{speaker}_{take}.wav`."""
    file = bytes(example.get("audio/filename", b"")).decode()
    parts = file.split("_")
    if len(parts) != 3:
        raise RecipeError(
            f"{name!r} names its recordings {file!r}; a speaker is read from digit_speaker_take.wav"
        )
    return parts[1]
