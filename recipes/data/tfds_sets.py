"""Reading sets of tensorflow-datasets, and saying clearly what is missing when one cannot be read."""

import contextlib
import dataclasses
import importlib
import io
import logging
from collections.abc import Callable

import numpy as np

from recipes.data import reachable, speech
from recipes.data.places import cache_folder, manual_folder, tfds_folder
from recipes.errors import RecipeError
from recipes.registry import closest

_BUILDERS = {  # this project's own
    "digits": "recipes.data.digits",
    "ecg5000": "recipes.data.ecg5000",
    "photographs": "recipes.data.photographs",
}
_KINDS = ("image", "audio", "signal")  # also what the feature is called


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A set that can be read.

    Attributes:
        kind: `image`, `audio` or `signal`.
        splits: Number of examples by split, `train` and perhaps `test`.
        size: `(height, width)` where all images share it, else `None`.
        batches: `batches(split, size)` yields images `(n, *size, channels)`, or signals as they are, and
            labels `(n,)`; for audio, `batches("train", None)` yields the examples as dicts.
        note: Which image first differs in size from the others, where that is known.
    """

    name: str
    kind: str
    classes: list[str]
    splits: dict[str, int]
    size: tuple[int, int] | None
    channels: int
    source: str
    batches: Callable
    note: str = ""


def load(name):
    """The set called `name`, downloaded and prepared by tensorflow-datasets where it is not there."""
    import tensorflow_datasets as tfds

    if module := _BUILDERS.get(name.partition("/")[0]):
        importlib.import_module(module)  # registers the builder
    with _quiet(tfds):
        return from_builder(tfds, _find(tfds, name), name)


@contextlib.contextmanager
def _quiet(tfds):
    """Without TFDS's own bars, warnings and announcements: the caller shows its own progress."""
    tfds.disable_progress_bar()
    logger = logging.getLogger("absl")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)


def from_builder(tfds, builder, name):
    """A prepared TFDS builder as a `Loaded`."""
    info = builder.info
    splits = {s: info.splits[s].num_examples for s in ("train", "test") if s in info.splits}
    if "train" not in splits:
        raise RecipeError(f"data set {name!r} has no training split; its splits: {', '.join(info.splits)}")
    label = info.features["label"]
    kind = next(kind for kind in _KINDS if kind in info.features)
    shape = info.features["image"].shape if kind == "image" else None
    return Loaded(
        name=name,
        kind=kind,
        classes=[label.int2str(i) for i in range(label.num_classes)],
        splits=splits,
        size=shape[:2] if shape and None not in shape[:2] else None,
        channels=shape[-1] if shape else 1,
        source=f"tensorflow-datasets {info.full_name}",
        batches=lambda split, size: _batches(tfds, builder, name, split, size, kind),
    )


def _batches(tfds, builder, name, split, size, kind):
    """Batches of images or signals, or examples of audio, in the order of the files."""
    import tensorflow as tf

    config = tfds.ReadConfig(interleave_cycle_length=1)
    stream = builder.as_dataset(split=split, shuffle_files=False, read_config=config)

    def resized(example):
        image, shape = example["image"], builder.info.features["image"].shape
        if tuple(shape[:2]) != tuple(size):
            image = tf.image.resize(tf.cast(image, tf.float32), size, antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
        return tf.ensure_shape(image, (*size, shape[-1])), example["label"]

    if kind == "image":
        stream = stream.map(resized).batch(256)
    elif kind == "signal":
        stream = stream.map(lambda example: (example["signal"], example["label"])).batch(256)
    try:
        yield from tfds.as_numpy(stream)
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0]
        raise RecipeError(f"data set {name!r} cannot be read ({split}): {reason}") from error


def _check_features(tfds, name, features):
    """Refuse what no recipe can be trained on, before anything is downloaded."""
    features = dict(features.items())
    label = features.get("label")
    if not isinstance(label, tfds.features.ClassLabel) or not (set(_KINDS) & set(features)):
        raise RecipeError(
            f"data set {name!r} has the features {', '.join(features)}; recipes take sets with `image` "
            "(or `audio`, or `signal`) and one class as `label`, that is, classification sets"
        )
    image, audio, signal = (features.get(kind) for kind in _KINDS)
    if image is not None and (image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3)):
        raise RecipeError(
            f"data set {name!r} has images of type {np.dtype(image.np_dtype)} and shape {image.shape}; "
            "recipes take uint8 pixels in one or three channels"
        )
    if signal is not None and (
        signal.np_dtype != np.float32 or None in signal.shape or len(signal.shape) != 2
    ):
        raise RecipeError(
            f"data set {name!r} has signals of type {np.dtype(signal.np_dtype)} and shape {signal.shape}; "
            "recipes take float32 samples of one length, (length, channels)"
        )
    if audio is not None and image is None and getattr(audio, "sample_rate", None) not in (None, speech.RATE):
        raise RecipeError(
            f"data set {name!r} is sampled at {audio.sample_rate} Hz; the front ends take {speech.RATE} Hz"
        )


def _find(tfds, name):
    """A prepared builder: where the user keeps prepared sets, in the cache, or downloaded into it."""
    places = [tfds_folder(), cache_folder() / "tfds"]
    for place in places:
        builder = _builder(tfds, name, place)
        _check_features(tfds, name, builder.info.features)
        if builder.is_prepared():
            return builder
    _check_manual(builder, name)
    unreachable = reachable.why_not(getattr(builder, "url_infos", {}) or {})
    if not unreachable:
        try:
            builder.download_and_prepare(
                download_config=tfds.download.DownloadConfig(manual_dir=manual_folder())
            )
            return builder
        except (KeyboardInterrupt, RecipeError):
            raise
        except BaseException as error:  # TFDS ends in many kinds of errors, AssertionError among them
            unreachable = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    raise RecipeError(
        f"data set {name!r} is not prepared and could not be downloaded ({unreachable}).\n"
        f"Looked in: {', '.join(map(str, places))}.\n"
        f"On a machine with internet access run `tfds build {name}`, copy the folder it makes, and point "
        "TFDS_DATA_DIR at the folder that holds it"
    )


def _check_manual(builder, name):
    """Refuse a set whose files a user fetches by hand while there is no folder with such files."""
    folder = manual_folder()
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not (folder.is_dir() and any(folder.iterdir())):
        raise RecipeError(
            f"data set {name!r} is made of files that are fetched by hand, and the manual folder {folder} is "
            f"not there or empty.\n{builder.MANUAL_DOWNLOAD_INSTRUCTIONS}\n"
            "EDGEZOO_MANUAL_DIR names another manual folder"
        )


def _builder(tfds, name, place):
    try:
        return tfds.builder(name, data_dir=place)
    except tfds.core.registered.DatasetNotFoundError:
        known = tfds.list_builders(with_community_datasets=False)
        raise RecipeError(
            f"tensorflow-datasets has no data set {name!r}.{closest(name, known)} "
            "A folder of your own images is given as data=folder:PATH"
        ) from None
    except (ValueError, RuntimeError, ImportError, OSError, AssertionError) as error:
        reason = str(error).splitlines()[0].rpartition('}": ')[2]  # after TFDS's own list of arguments
        raise RecipeError(f"data set {name!r} cannot be used: {reason}") from error
