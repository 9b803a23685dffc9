"""The devices and workers that TensorFlow sees, and the strategy they make."""

import os

from recipes.errors import RecipeError
from recipes.training.distribution.single import Single


def take(name):
    """The strategy called `name`, one of `distribution.NAMES`."""
    from recipes.training.distribution import workers

    cluster = workers.from_environment()
    if name == "auto":
        name = _best(cluster)
    if name == "multiworker":
        return _multiworker(cluster)
    if name == "tpu":
        return _tpu()
    if name == "mirrored":
        return _mirrored()
    return _gpu() if name == "gpu" else _cpu()


def over_machines(name):
    """Whether the strategy called `name` is one of several workers here."""
    from recipes.training.distribution import workers

    return name == "multiworker" or (name == "auto" and _several_workers(workers.from_environment()))


def _several_workers(cluster):
    return cluster is not None and cluster.size > 1


def _best(cluster):
    if _several_workers(cluster):
        return "multiworker"
    if _count("TPU") or os.environ.get("TPU_NAME"):
        return "tpu"
    if _count("GPU"):
        return "mirrored" if _count("GPU") > 1 else "gpu"
    return "mirrored" if _count("CPU") > 1 else "cpu"


def _count(kind):
    """Devices of a kind; one that was divided into several logical ones counts as these."""
    import tensorflow as tf

    divided = map(tf.config.get_logical_device_configuration, tf.config.get_visible_devices(kind))
    return sum(len(parts) if parts else 1 for parts in divided)


def _there():
    """What TensorFlow sees here, in words."""
    counts = {kind: _count(kind) for kind in ("CPU", "GPU", "TPU")}
    return ", ".join(_several(count, kind) for kind, count in counts.items() if count)


def _several(count, kind):
    return f"{count} {kind}{'s' if count > 1 else ''}"


def _refusal(name, reason, instead):
    return RecipeError(f"--strategy {name}: {reason}; TensorFlow sees {_there()}. Give {instead}")


def _cpu():
    import tensorflow as tf

    if tf.config.get_visible_devices("GPU"):
        try:
            tf.config.set_visible_devices([], "GPU")
        except RuntimeError:
            raise _refusal("cpu", "this process uses a GPU already", "it in a new process") from None
    return Single("cpu", _processor())


def _processor():
    from recipes.rundir import processor

    return processor()


def _gpu():
    import tensorflow as tf

    if not (found := tf.config.get_visible_devices("GPU")):
        raise _refusal("gpu", "there is no GPU", "--strategy cpu or auto")
    name = tf.config.experimental.get_device_details(found[0]).get("device_name", "1 GPU")
    return Single("gpu", name, exact=_deterministic(), scope=lambda: tf.device("/GPU:0"))


def _mirrored():
    import tensorflow as tf

    from recipes.training.distribution.replicas import Replicas

    kind = "GPU" if _count("GPU") else "CPU"
    if (count := _count(kind)) < 2:
        instead = f"--strategy {kind.lower()} or auto"
        raise _refusal("mirrored", "it takes two devices or more", instead)
    strategy = tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(count)])
    return Replicas("mirrored", _several(count, kind), strategy, exact=kind == "CPU" or _deterministic())


def _multiworker(cluster):
    if not _several_workers(cluster):
        raise _refusal(
            "multiworker",
            "TF_CONFIG names no other worker",
            "every worker the same command and a TF_CONFIG such as "
            '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}',
        )
    from recipes.training.distribution.workers import Workers

    exact = not _count("GPU") or _deterministic()
    return Workers(cluster, _several(_count("GPU") or 1, "GPU" if _count("GPU") else "CPU"), exact)


def _tpu():
    import tensorflow as tf

    from recipes.training.distribution.replicas import Replicas

    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ.get("TPU_NAME", "local"))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except Exception as error:  # every kind of absence has an error of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        instead = "--strategy auto, or KERAS_BACKEND=jax, the usual road to a TPU"
        raise _refusal("tpu", f"no TPU answers ({reason})", instead) from error
    return Replicas("tpu", f"{strategy.num_replicas_in_sync} TPU cores", strategy, even=True)


def _deterministic():
    return os.environ.get("TF_DETERMINISTIC_OPS", "").lower() in ("1", "true")
