"""What an operation is, and the one loop that performs a list of them.

Which operations make a container is decided in `pyrun.plan`; how the kernel is
asked lives in `pyrun.kernel` and `pyrun.firewall`.
"""

import errno as _errno
import os

from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.typed import Callable, Iterable, Protocol

_LONGEST = 400  # of a command in a complaint


class Operation(Protocol):
    """A value that makes exactly one change; look-ups before it are free."""

    def apply(self) -> None:
        """Make the change. Errors: OSError, as the kernel gave it."""

    def inverse(self) -> "Operation | None":
        """Say what takes the change back, or None when the kernel forgets by itself.

        An inverse is applied any number of times, also when the change was
        never made or its object is gone, and it touches nothing that is not ours.
        """

    def shell(self) -> str:
        """Give the equivalent command, as text that really runs."""

    def why(self) -> str:
        """Give the reason in a few words."""


class Journal(Protocol):
    """Where `perform` notes, before each change, what would take it back."""

    def intend(self, inverse: Operation) -> str: ...

    def void(self, entry: str) -> None: ...


class OperationFailed(PyrunError):
    """The kernel refused an operation; the text names its command and the kernel's reason."""

    def __init__(self, operation: Operation, cause: OSError) -> None:
        self.errno = cause.errno
        plain = cause.errno and cause.strerror == os.strerror(cause.errno)
        reason = os.strerror(cause.errno or 0).lower() if plain else cause.strerror or str(cause)
        command = operation.shell()
        short = command if len(command) <= _LONGEST else f"{command[:_LONGEST]} …"
        super().__init__(f"{short}: {reason}", hint=_hint(cause.errno))
        self.operation = operation


Observer = Callable[[str, Operation], None]
observers: list[Observer] = []  # called as (side, operation) before each change; tests add their own


def perform(plan: Iterable[Operation], side: str = "host", journal: "Journal | None" = None) -> None:
    """Explain, note and apply each operation, in order.

    *side* is ``host`` or ``container``. An operation that fails made no
    change: its note is struck out. Errors: OperationFailed.
    """
    for operation in plan:
        for observe in observers:
            observe(side, operation)
        inverse = operation.inverse() if journal else None
        # An operation without fields is an empty tuple, and that is false.
        entry = journal.intend(inverse) if journal and inverse is not None else None
        try:
            operation.apply()
        except OSError as cause:
            if journal and entry is not None:
                journal.void(entry)
            raise OperationFailed(operation, cause) from cause


def unwind(inverses: Iterable[Operation], side: str = "host") -> list[PyrunError]:
    """Apply *inverses* as given (newest first), collecting what could not be undone."""
    failures: list[PyrunError] = []
    for operation in inverses:
        try:
            perform([operation], side)
        except PyrunError as failure:
            failures.append(failure)
    return failures


def explain_to(fd: int, abbreviations: "dict[str, str] | None" = None) -> Observer:
    """Make an observer that writes each operation to *fd* as a command and its reason.

    Each key of *abbreviations* is written as its value, a shell variable that was set before.
    On a terminal the command stands out from its prompt and its reason.
    """
    form = _PLAIN
    if os.isatty(fd):  # which may be in raw mode
        form = (_PLAIN if os.environ.get("NO_COLOR") else _COLOURED).replace("\n", "\r\n")

    def explain(side: str, operation: Operation) -> None:
        with suppress(OSError):  # nobody reads it any more; the operation is made all the same
            os.write(fd, line(side, operation, abbreviations, form).encode(errors="surrogateescape"))

    return explain


_PLAIN = "{}$ {}  # {}\n"
_COLOURED = "\033[2m{}$\033[0m {}  \033[2m# {}\033[0m\n"


def line(side: str, operation: Operation, abbreviations: "dict[str, str] | None" = None, form: str = _PLAIN) -> str:
    """Give the line that explains *operation*: prompt, command, reason, newline."""
    command = operation.shell()
    for long, short in (abbreviations or {}).items():
        command = command.replace(long, short)
    return form.format(side, command, operation.why())


def _hint(number: int | None) -> str:
    if number == _errno.ENOSYS:
        return f"pyrun needs Linux 5.12 or later, this is {os.uname().release}"
    if number in (_errno.EOPNOTSUPP, _errno.EAFNOSUPPORT):
        return "the running kernel lacks this feature"
    if number == _errno.EPERM:
        return "pyrun needs root and the capabilities that come with it"
    return ""
