"""The command `pyrun`: the one place where errors become a line and an exit code."""

import _signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import sys

from pyrun.contexts import suppress
from pyrun.errors import PyrunError


def main() -> None:
    """Run the command line of this process, and end it."""
    _end_by_interrupts()
    _open_standard_descriptors()
    if not sys.flags.isolated:
        _isolate()
    if os.geteuid() == 0 and (place := _others_place()):
        os.write(2, f"pyrun: {place}: others than its owner can write there: not run as root (chmod go-w)\n".encode())
        os._exit(125)
    umask = os.umask(0o077)
    sys.stdout = open(1, "w", errors="backslashreplace", closefd=False)  # noqa: SIM115  # None when it was closed
    sys.stderr = open(2, "w", 1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os._exit(_flushed(_guarded(sys.argv[1:], umask)))


def _guarded(argv: list[str], umask: int) -> int:
    """Give the exit code of a command line; never a traceback, unless PYRUN_DEBUG is set."""
    from pyrun.cli import complaints, reader, verbs

    try:
        parsed = reader.read(argv)
        if parsed is None:
            from pyrun.cli import commands

            parsed = commands.parse(argv)
        return verbs.perform(*parsed, umask) if parsed else 0
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
        name = getattr(problem, "filename", None)
        reason = f"{name}: {getattr(problem, 'strerror', None) or problem}" if name else str(problem)
        kind = "" if isinstance(problem, OSError) else f"internal error: {type(problem).__name__}: "
        complaints.complain(PyrunError(f"{kind}{reason}"))
        return 125


def _flushed(code: int) -> int:
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


def _isolate() -> None:
    """Start over without the caller's PYTHONPATH, working directory and user site: they are not root's to run."""
    os.execv(sys.executable, command())


def command() -> list[str]:
    """Give the command that does what this process was started for, and nothing of the caller's."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = [p for p in sys.path if p.endswith(("site-packages", "dist-packages")) and os.path.isabs(p)]
    code = f"import sys; sys.path[:0] = {[package, *path]!r}; from pyrun.__main__ import main; main()"
    return [sys.executable, "-I", "-S", "-c", code, *sys.argv[1:]]


if __name__ == "__main__":
    main()
