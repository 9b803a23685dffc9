"""Errors as a person wants them: one clear message and an exit code; a traceback with `--debug`."""

import functools

import typer

from recipes.cli import output

tracebacks = False  # `--debug` asks for them


def guarded(verb):
    """`verb`, whose errors end in a message and exit code 2 (what the user gave) or 1 (what went wrong)."""

    @functools.wraps(verb)
    def call(*args, **kwargs):
        try:
            return verb(*args, **kwargs)
        except (typer.Exit, BrokenPipeError):  # click ends quietly when its reader has gone
            raise
        except KeyboardInterrupt as interrupt:
            output.say(str(interrupt) or "interrupted; what was finished is kept", "error: ", "bold red")
            raise typer.Exit(1) from None
        except Exception as error:
            if tracebacks:
                raise
            output.say(_message(error), "error: ", "bold red")
            raise typer.Exit(_code(error)) from None

    return call


def _code(error):
    return 2 if _is_ours(error) and isinstance(error, ValueError) else 1


def _message(error):
    if _is_ours(error):
        return str(error)
    return f"{type(error).__name__}: {error}\nThis is unexpected; `--debug` shows where it happened"


def _is_ours(error):
    return type(error).__module__.partition(".")[0] in ("zoo", "recipes", "export")
