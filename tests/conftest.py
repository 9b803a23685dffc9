"""Every test: TensorFlow kept quiet, and prepared data in a cache of the session's own."""

import os
import pathlib
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


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
    """`real_data(name)` skips the test where the data set is not prepared on this machine."""
    folder = os.environ.get("TFDS_DATA_DIR")

    def need(name):
        if name != "digits" and not (folder and (pathlib.Path(folder) / name).is_dir()):
            pytest.skip(
                f"the data set {name} is not prepared here: point TFDS_DATA_DIR at a folder that holds it"
            )

    return need
