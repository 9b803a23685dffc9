"""The versions an export was made with."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "ai-edge-quantizer", "numpy")


def versions():
    """A dict from package to installed version, with Python and the operating system."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    return found | {name: _version(name) for name in PACKAGES}


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"
