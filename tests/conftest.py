"""Every test: TensorFlow kept quiet, and prepared data in a cache of the session's own."""

import os
import pathlib
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
if not pathlib.Path("/dev/nvidiactl").exists():  # else JAX looks for a TPU first, as its compiler is installed
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as processors: more threads wait for one another
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


LONGEST = ("test_tutorials.py", "test_registry_exports.py")


def pytest_collection_modifyitems(items):
    """The files that take longest begin first, so that at the end no process is left alone with one."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """The folder that prepared data go to, the same for every test and every process a test starts."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("EDGEZOO_CACHE")
    os.environ["EDGEZOO_CACHE"] = str(folder)
    yield folder
    os.environ.pop("EDGEZOO_CACHE")
    if before is not None:
        os.environ["EDGEZOO_CACHE"] = before


@pytest.fixture(scope="session")
def real_data():
    """`real_data(name)` skips the test where the data set is neither prepared here nor there to be prepared."""
    places = [os.environ.get(variable) for variable in ("TFDS_DATA_DIR", "EDGEZOO_MANUAL_DIR")]

    def need(name):
        if name != "digits" and not any(place and (pathlib.Path(place) / name).is_dir() for place in places):
            pytest.skip(
                f"the data set {name} is not here: point TFDS_DATA_DIR at a folder that holds it prepared, or "
                "EDGEZOO_MANUAL_DIR at one that holds its files"
            )

    return need


@pytest.fixture(scope="session")
def jax_backend(tmp_path_factory):
    """The environment of a process under JAX, whose programs are compiled in haste and kept for the next one."""
    pytest.importorskip("jax")
    return {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.mktemp("jax")),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
    }
