"""The command line: `edgezoo VERB …`. Each verb imports what is heavy when it is called."""

import os
import sys


def main():
    """Run the command line; exits 0, 1 (a bar missed, a run that failed) or 2 (bad input)."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if "--debug" in sys.argv:  # wherever it stands on the line
        sys.argv.remove("--debug")
        os.environ["EDGEZOO_DEBUG"] = "1"
    from recipes.cli.app import app

    app(prog_name="edgezoo")
