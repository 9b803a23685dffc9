"""The command line: `edgezoo VERB …`. Each verb's module imports what is heavy when it is called."""

import os
import sys


def main(arguments=None):
    """Run the command line; exits 0, 1 (a bar missed, a run that failed) or 2 (bad input)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in arguments or bool(os.environ.get("EDGEZOO_DEBUG"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    if debug:
        arguments = [a for a in arguments if a != "--debug"]
    sys.exit(_guarded(arguments, debug))


def _guarded(arguments, debug):
    """The exit code of one call; a traceback only for who asked for it."""
    import click

    from recipes.cli.app import app

    try:
        return app(arguments, prog_name="edgezoo", standalone_mode=False) or 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted. What was finished is kept; a run goes on with `edgezoo run --resume DIR`")
        return 1
    except Exception as error:
        if debug:
            raise
        return _explain(error)


def _explain(error):
    """Print one clear error and give its exit code: 2 for what the user gave, 1 for what went wrong."""
    from recipes.errors import RecipeError, TrainingError

    if isinstance(error, RecipeError):
        _say(str(error))
        return 2
    if isinstance(error, TrainingError):
        _say(str(error))
        return 1
    kind = type(error).__name__
    if type(error).__module__.startswith(("zoo.", "export.")):
        _say(str(error))
        return 2 if isinstance(error, ValueError) else 1
    _say(f"{kind}: {error}\nThis is unexpected; `--debug` shows where it happened")
    return 1


def _say(message):
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True)
    console.print(Text.assemble(("error: ", "bold red"), message))
