"""Reading sets of tensorflow-datasets, and saying clearly what is missing when one cannot be read."""

import dataclasses
import os
import pathlib
import socket
import urllib.parse
from collections.abc import Callable

from recipes.data.prepared import cache_folder
from recipes.errors import RecipeError
from recipes.registry import closest


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A set that can be read.

    Attributes:
        kind: `image` or `audio`.
        splits: Number of examples by split, `train` and perhaps `test`.
        size: `(height, width)` where all images share it, else `None`.
        batches: `batches(split, size)` yields images `(n, *size, channels)` and labels `(n,)`;
            for audio, `batches("train", None)` yields the examples as dicts.
    """

    name: str
    kind: str
    classes: list[str]
    splits: dict[str, int]
    size: tuple[int, int] | None
    channels: int
    source: str
    batches: Callable


def load(name):
    """The set called `name`, downloaded and prepared by tensorflow-datasets where it is not there."""
    import tensorflow_datasets as tfds

    tfds.disable_progress_bar()
    if name.partition("/")[0] == "digits":
        import recipes.data.digits  # noqa: F401  (registers the builder)
    builder = _find(tfds, name)
    features = builder.info.features
    if "label" not in features or not ({"image", "audio"} & set(features)):
        raise RecipeError(
            f"data set {name!r} has the features {', '.join(features)}; recipes take sets with `image` "
            "(or `audio`) and `label`, that is, classification sets"
        )
    return from_builder(tfds, builder, name)


def from_builder(tfds, builder, name):
    """A prepared TFDS builder as a `Loaded`."""
    info = builder.info
    splits = {s: info.splits[s].num_examples for s in ("train", "test") if s in info.splits}
    if "train" not in splits:
        raise RecipeError(f"data set {name!r} has no training split; its splits: {', '.join(info.splits)}")
    label = info.features["label"]
    shape = info.features["image"].shape if "image" in info.features else None
    return Loaded(
        name=name,
        kind="image" if shape else "audio",
        classes=[label.int2str(i) for i in range(label.num_classes)],
        splits=splits,
        size=shape[:2] if shape and None not in shape[:2] else None,
        channels=shape[-1] if shape else 1,
        source=f"tensorflow-datasets {info.full_name}",
        batches=lambda split, size: _batches(tfds, builder, split, size, shape),
    )


def _batches(tfds, builder, split, size, shape):
    config = tfds.ReadConfig(interleave_cycle_length=1)  # examples in the order of the files
    stream = builder.as_dataset(split=split, shuffle_files=False, read_config=config)
    if shape is None:
        return tfds.as_numpy(stream)
    import tensorflow as tf

    def resized(example):
        image = example["image"]
        if tuple(shape[:2]) != tuple(size):
            image = tf.image.resize(tf.cast(image, tf.float32), size, antialias=True)
            image = tf.cast(tf.clip_by_value(tf.round(image), 0, 255), tf.uint8)
        return tf.ensure_shape(image, (*size, shape[-1])), example["label"]

    return tfds.as_numpy(stream.map(resized).batch(256))


def _find(tfds, name):
    """A prepared builder: where the user keeps prepared sets, in the cache, or downloaded into it."""
    given = os.environ.get("TFDS_DATA_DIR")
    places = [pathlib.Path(given or "~/tensorflow_datasets").expanduser(), cache_folder() / "tfds"]
    for place in places:
        builder = _builder(tfds, name, place)
        if builder.is_prepared():
            return builder
    unreachable = _unreachable(builder)
    if not unreachable:
        try:
            builder.download_and_prepare()
            return builder
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # TFDS ends in many kinds of errors, AssertionError among them
            unreachable = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    raise RecipeError(
        f"data set {name!r} is not prepared and could not be downloaded ({unreachable}).\n"
        f"Looked in: {', '.join(map(str, places))}.\n"
        f"On a machine with internet access run `tfds build {name}`, copy the folder it makes, and point "
        "TFDS_DATA_DIR at the folder that holds it"
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
    except (ValueError, RuntimeError, ImportError, OSError) as error:
        raise RecipeError(f"data set {name!r} cannot be used: {str(error).splitlines()[0]}") from error


def _unreachable(builder):
    """Why the set's servers cannot be reached, or nothing. TFDS itself would retry for minutes."""
    hosts = {urllib.parse.urlparse(url).hostname for url in getattr(builder, "url_infos", {}) or {}}
    for host in sorted(filter(None, hosts)):
        try:
            socket.getaddrinfo(host, 443)
        except OSError as error:
            return f"{host}: {error.strerror or error}"
    return ""
