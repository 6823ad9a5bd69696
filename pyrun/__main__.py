"""The command `pyrun`: the one place where errors become a line and an exit code."""

import _signal  # type: ignore[import-not-found]  # signal itself imports enum
import gc
import os
import sys

from pyrun import bundle as bundle  # first of all: the others are in it
from pyrun.contexts import suppress
from pyrun.errors import PyrunError

MYPY = False  # mypy takes it to be true
if MYPY:
    from pyrun.cli.reader import Values


program = "from pyrun.__main__ import main; main()"  # what this process does, for one that starts over

_GARBAGE = 50_000  # objects made before it is looked for


def main() -> None:
    """Run the command line of this process, and end it."""
    umask = begin()
    os._exit(flushed(_guarded(sys.argv[1:], umask)))


def begin() -> int:
    """Be a process that trusts nothing of its caller's; give the caller's umask."""
    gc.set_threshold(_GARBAGE)  # a verb makes much and keeps it to its end: looking for garbage takes a tenth of it
    _end_by_interrupts()
    _open_standard_descriptors()
    if not sys.flags.isolated:
        os.execv(sys.executable, command())
    if os.geteuid() == 0 and (place := _others_place()):
        os.write(2, f"pyrun: {place}: others than its owner can write there: not run as root (chmod go-w)\n".encode())
        os._exit(125)
    umask = os.umask(0o077)
    sys.stdout = open(1, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115  # None when it was closed
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    return umask


def parsed(argv: list[str]) -> "tuple[str, Values] | None":
    """Read a command line; None when there is nothing more to do. Errors: UsageError."""
    from pyrun.cli import reader

    found = reader.read(argv)
    if found is None:
        from pyrun.cli import commands

        found = commands.parse(argv)
    return found


def _guarded(argv: list[str], umask: int) -> int:
    """Give the exit code of a command line; never a traceback, unless PYRUN_DEBUG is set."""
    from pyrun.cli import complaints, verbs

    try:
        found = parsed(argv)
        return verbs.perform(*found, umask) if found else 0
    except PyrunError as problem:
        complaints.complain(problem)
        return problem.code
    except BrokenPipeError:
        return _broken_pipe()
    except SystemExit as end:
        return int(end.code or 0)
    except Exception as problem:
        if os.environ.get("PYRUN_DEBUG"):
            raise
        complaints.complain(unexpected(problem))
        return 125


def unexpected(problem: Exception) -> PyrunError:
    """Give the one line for a mistake of ours, or of the system's, that nobody foresaw."""
    name = getattr(problem, "filename", None)
    said = (getattr(problem, "strerror", None) or "").lower() or str(problem)
    reason = f"{name}: {said}" if name else said
    kind = "" if isinstance(problem, OSError) else f"internal error: {type(problem).__name__}: "
    return PyrunError(f"{kind}{reason}")


def flushed(code: int) -> int:
    """Let what was printed be written; give the exit code, another one where that cannot be."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as problem:
        from pyrun.cli import complaints

        complaints.complain(PyrunError(f"standard output: {(problem.strerror or '').lower()}"))
        return 1
    with suppress(OSError):
        sys.stderr.flush()
    return code


def _broken_pipe() -> int:
    """Whoever read our output has gone: say nothing, as a program killed by SIGPIPE."""
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, 1)
    return 141


def _end_by_interrupts() -> None:
    """Let Ctrl-C end us at once, as it does any program, instead of where Python raises an exception.

    Where that would leave something behind, signals are blocked; what our caller ignores stays ignored.
    """
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def _open_standard_descriptors() -> None:
    """Make sure that 0, 1 and 2 are open: else the next file opened would be somebody's output."""
    while True:
        fd = os.open("/dev/null", os.O_RDWR)
        if fd > 2:
            os.close(fd)
            return
        os.set_inheritable(fd, True)


def _others_place() -> str:
    """Give a place of our code that others than its owner can change; a group of the owner's own number is theirs."""
    package = os.path.dirname(os.path.abspath(__file__))
    for path in (os.path.dirname(package), package, __file__):
        status = os.stat(path)
        shared = status.st_mode & 0o002 or (status.st_mode & 0o020 and status.st_gid != status.st_uid)
        if shared and not status.st_mode & 0o1000:  # in a sticky directory others replace nothing
            return path
    return ""


def command() -> list[str]:
    """Give the command that does what this process was started for, and nothing of the caller's."""
    return isolated(program, sys.argv[1:])


def isolated(main: str, words: list[str]) -> list[str]:
    """Give the command that runs *main* on *words*, and nothing of the caller's PYTHONPATH, directory and user site."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = [p for p in sys.path if p.endswith(("site-packages", "dist-packages")) and os.path.isabs(p)]
    code = f"import sys; sys.path[:0] = {[package, *path]!r}; {main}"
    return [sys.executable, "-I", "-S", "-c", code, *words]


if __name__ == "__main__":
    main()
