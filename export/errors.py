"""What can go wrong in `export`, as exceptions."""


class ExportError(RuntimeError):
    """A model can't be turned into the file that was asked for, or a file can't be written."""


class InvalidInput(ValueError):
    """An argument or array does not fit; the message says what would."""


class InvalidFile(ValueError):
    """A file is no `.tflite` file that can be run, or not the one that its report was written for."""


class WorkerDied(RuntimeError):
    """The child process ended without an answer.

    `stage` is what it was doing, `cause` how it ended, `log` the end of what it printed.
    """

    def __init__(self, stage, cause, log=""):
        super().__init__(f"the converter process {cause} while {stage}")
        self.stage, self.cause, self.log = stage, cause, log
