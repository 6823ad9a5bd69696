"""The client of `run`: checks, forks the monitor, and connects the caller's stdio to the container."""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun import operation
from pyrun.errors import PyrunError
from pyrun.kernel import files
from pyrun.plan import filesystem
from pyrun.runtime import channel, console, monitor
from pyrun.runtime.channel import FAILED, STARTED, Channel, read_failure
from pyrun.spec import ContainerConfig
from pyrun.typed import NamedTuple


class Options(NamedTuple):
    """How the client behaves."""

    explain: bool = False  # print each operation
    sig_proxy: bool = True  # pass signals on
    cidfile: str = ""  # where to write the id
    detach: bool = False  # leave once the program runs
    streams: tuple[str, ...] = ("stdin", "stdout", "stderr")  # that are ours too
    announce: str = ""  # printed once it runs and we leave


def run(config: ContainerConfig, options: Options) -> int:
    """Run a new container; give the exit code of its program, or 0 once it is detached.

    Errors: PyrunError when it could not be started; nothing is left of it then.
    """
    return _launch(config, options, born=False)


def start(config: ContainerConfig, options: Options) -> int:
    """Start a container that exists; give the exit code of its program, or 0 once it is detached.

    Errors: PyrunError when it could not be started; it stays as it was.
    """
    return _launch(config, options, born=True)


def _launch(config: ContainerConfig, options: Options, born: bool) -> int:
    stdin = config.interactive and "stdin" in options.streams
    if not options.detach:
        console.check_terminal(config.tty, stdin)
    if options.explain:
        os.write(2, filesystem.preamble(config.id).encode())
        operation.observers.append(operation.explain_to(2, filesystem.abbreviations(config.id)))
    ours, theirs = channel.pair()
    inner, outer = _pipes(config, () if options.detach else options.streams)
    former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    if os.fork() == 0:
        ours.close()
        _close(outer)
        monitor.keep(monitor.Begin(config, born, theirs, inner, options.detach, options.explain))
    theirs.close()
    _close(inner)
    if options.detach:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return _detached(config, ours, options)
    attached = console.Console(ours, config.tty, console.parse_keys(config.detach_keys), options.sig_proxy)
    signal.pthread_sigmask(signal.SIG_SETMASK, former)
    _started(ours)
    write_cidfile(options.cidfile, config.id)
    return attached.run(console.Ends(*outer))


def _pipes(config: ContainerConfig, streams: tuple[str, ...]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Make the pipes between client and monitor: the monitor's ends and ours."""
    stdin_r, stdin_w = os.pipe2(os.O_CLOEXEC) if config.interactive and "stdin" in streams else (-1, -1)
    stdout_r, stdout_w = os.pipe2(os.O_CLOEXEC) if "stdout" in streams else (-1, -1)
    stderr_r, stderr_w = os.pipe2(os.O_CLOEXEC) if "stderr" in streams and not config.tty else (-1, -1)
    return (stdin_r, stdout_w, stderr_w), (stdin_w, stdout_r, stderr_r)


def _detached(config: ContainerConfig, control: Channel, options: Options) -> int:
    _started(control)
    control.close()
    write_cidfile(options.cidfile, config.id)
    if options.announce:
        files.write_output(1, f"{options.announce}\n".encode())
    return 0


def _started(control: Channel) -> None:
    kind, content, _ = control.receive()
    if kind == FAILED:
        code, message = read_failure(content)
        raise PyrunError(message, code)
    if kind != STARTED:
        raise PyrunError("monitor: ended unexpectedly", hint="the next pyrun command cleans up")


def write_cidfile(path: str, identity: str) -> None:
    """Write the id to a file, if one is named. Errors: OSError."""
    if path:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        os.write(fd, identity.encode())
        os.close(fd)


def _close(fds: tuple[int, ...]) -> None:
    for fd in fds:
        if fd >= 0:
            os.close(fd)
