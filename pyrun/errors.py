"""The errors a person may see, and the exit code that each one ends a command with.

Nothing here knows about the kernel; `OSError` is translated once, in `operation.perform`.
"""


class PyrunError(Exception):
    """One line for the user: ``what: object: cause``, and the exit code of the command.

    Exit codes are Docker's: 125 pyrun or its arguments, 126 the command was
    found but cannot be executed, 127 the command was not found.
    """

    def __init__(self, message: str, code: int = 125, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.hint = hint
        if hint:
            self.add_note(hint)  # a traceback shows it


class UsageError(PyrunError):
    """What was typed cannot be understood; nothing has been touched."""


class NotFound(PyrunError):
    """No container, network or root file system answers to that name."""

    def __init__(self, message: str, code: int = 1, hint: str = "") -> None:
        super().__init__(message, code, hint)


class Corrupt(PyrunError):
    """A state file cannot be trusted; its container shows as corrupt, all others keep working."""


class TimedOut(PyrunError):
    """What was to end in a given time has not, and was killed."""


class Failed(PyrunError):
    """A program ended with an exit code other than 0, which is *code*; *stdout* and *stderr* are what it wrote."""

    def __init__(self, message: str, code: int, stdout: bytes = b"", stderr: bytes = b"") -> None:
        super().__init__(message, code)
        self.stdout = stdout
        self.stderr = stderr


def show(text: str) -> str:
    """Write what was typed so that it stays one line and harmless to a terminal."""
    shown = text if len(text) <= 120 else text[:117] + "..."
    return shown if shown.isprintable() and shown else repr(shown)
