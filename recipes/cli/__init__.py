"""The command line: `edgezoo VERB …`. Each verb imports what is heavy when it is called."""

import importlib.util
import logging
import os
import sys


def main():
    """Run the command line; exits 0, 1 (a bar missed, a run that failed) or 2 (bad input)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "KERAS_BACKEND" not in os.environ:
        os.environ["KERAS_BACKEND"] = _backend()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its remarks on tracing and paths
    from recipes.cli import guard
    from recipes.cli.app import app

    arguments = [a for a in sys.argv[1:] if a != "--debug"]  # wherever it stands on the line
    guard.tracebacks = len(arguments) < len(sys.argv) - 1
    app(arguments, prog_name="edgezoo")


def _backend():
    """TensorFlow where it is installed, else JAX or PyTorch: training needs no more."""
    return next(filter(_installed, ("tensorflow", "jax", "torch")), "tensorflow")


def _installed(package):
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:
        return False
