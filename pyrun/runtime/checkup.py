"""One health check: the container's command is run in it as `exec` does, and what came of it written down."""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import select
import sys
import time

from pyrun import chronicle, health, store
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.health import Result
from pyrun.kernel import capabilities, cgroups, processes
from pyrun.runtime import checks, execute
from pyrun.runtime.channel import EXITED, FAILED, GONE, KILL_ALL, Channel, read_failure
from pyrun.spec import ContainerConfig, ExecConfig
from pyrun.store import Container
from pyrun.typed import NamedTuple

_OUTPUT = 4096  # bytes of it that are kept
_PORTION = 65536
_PATIENCE = 5.0  # seconds that what was killed has to end
_ENDLESS = 1 << 31  # milliseconds
_DYING = 1.0  # seconds for what was killed to be gone
_UNITS = ((3600 * 10**9, "h"), (60 * 10**9, "m"))


def main(arguments: list[str]) -> None:
    """Check a container, by its id, on behalf of the process that waits in between."""
    identity, parent = arguments
    capabilities.set_death_signal(signal.SIGKILL)
    if os.getppid() == int(parent):
        examine(identity)


def examine(identity: str) -> None:
    """Check a container that runs, and write down what follows; one that is paused is left alone."""
    container = store.load(identity)
    config, status = container.config, container.status()
    if config is None or status.state != "running":
        return
    execute.take_cover(container, sys.orig_argv)
    began = time.time_ns()
    lived = processes.lived(container.process())
    result = _asked(container, config, began)
    now = container.status()
    if (now.state, now.started) != ("running", status.started):
        return
    former = health.read(identity)
    found = health.after(former, result, config.health, int(lived * 10**9))
    health.write(identity, found)
    if found.status != former.status:
        chronicle.container(identity, config, f"health_status: {found.status}")


def _asked(container: Container, config: ContainerConfig, began: int) -> Result:
    timeout = config.health.timeout or checks.TIMEOUT
    deadline = time.monotonic() + timeout / 10**9
    try:
        opened = execute.opened(container)
        apart = _Apart(config.id, f"check-{os.getpid()}")
        former = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        control, (_, stdout, stderr) = execute.begin(
            *opened, ExecConfig(config.health.command), apart.name if apart.make() else ""
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        asking = _Asking(control, (stdout, stderr), bytearray())
        code = asking.wait(deadline)
        output = asking.text()
        if code is None:
            code, output = -1, f"Health check exceeded timeout ({span(timeout)})"
            asking.kill(apart)
        apart.leave()
    except PyrunError as problem:
        code, output = -1, problem.message
    return Result(_written(began), _written(time.time_ns()), code, output)


class _Apart(NamedTuple):
    """A control group of a check's own, below that of its container *identity*."""

    identity: str
    name: str

    def make(self) -> bool:
        """Make it; tell whether there is one now."""
        with suppress(OSError):
            os.mkdir(f"{self._above()}/{self.name}", 0o755)
            return True
        return False

    def kill(self) -> None:
        """End whoever is in it, and remove it as soon as the last one is gone."""
        group, deadline = f"{self._above()}/{self.name}", time.monotonic() + _DYING
        cgroups.kill(group)
        while os.path.isdir(group) and time.monotonic() < deadline:
            try:
                os.rmdir(group)
            except OSError:  # busy: a process that was killed is not gone yet
                time.sleep(0.01)

    def leave(self) -> None:
        """Remove it, and those of earlier checks; what a check that was good has left running keeps its own."""
        with suppress(OSError):
            for name in os.listdir(self._above()):
                if name.startswith("check-"):
                    with suppress(OSError):
                        os.rmdir(f"{self._above()}/{name}")

    def _above(self) -> str:
        chosen = cgroups.telling(cgroups.hierarchies())
        return chosen.group(self.identity) if chosen else "/nonexistent"


class _Asking(NamedTuple):
    """A check under way."""

    control: Channel
    pipes: tuple[int, int]
    output: bytearray

    def wait(self, deadline: float) -> "int | None":
        """Give the exit code, None at the *deadline*. Errors: PyrunError when it could not be run."""
        poll = select.poll()
        for fd in (self.control.fd, *self.pipes):
            poll.register(fd, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            ready = dict(poll.poll(min(left * 1000 + 1, _ENDLESS)))
            for fd in self.pipes:
                if ready.get(fd) and not self._read(fd):
                    poll.unregister(fd)
            if ready.get(self.control.fd) and (code := self._told()) is not None:
                return code
        return None

    def kill(self, apart: "_Apart") -> None:
        """End it, with all that it started, also what has left its process group."""
        self.control.send(KILL_ALL)
        apart.kill()
        with suppress(PyrunError):
            self.wait(time.monotonic() + _PATIENCE)

    def text(self) -> str:
        """Give what it wrote, cut where it was too much."""
        text = bytes(self.output[:_OUTPUT]).decode(errors="replace")
        return text + ("..." if len(self.output) > _OUTPUT else "")

    def _told(self) -> "int | None":
        """Give the exit code once it has ended, with the last of its output read."""
        kind, content, _ = self.control.receive()
        if kind == FAILED:
            raise PyrunError(read_failure(content)[1])
        if kind == GONE:
            raise PyrunError("exec: ended unexpectedly")
        if kind != EXITED:
            return None
        for fd in self.pipes:
            os.set_blocking(fd, False)
            with suppress(BlockingIOError):
                while self._read(fd):
                    continue
        return content[0]

    def _read(self, fd: int) -> bool:
        content = os.read(fd, _PORTION)
        self.output.extend(content[: _OUTPUT + 1 - len(self.output)])
        return bool(content)


def span(nanoseconds: int) -> str:
    """Write a time span as Go does: 1m30s, 1.5s, 500ms."""
    for unit, name in ((1, "ns"), (10**3, "µs"), (10**6, "ms")):
        if nanoseconds < unit * 1000:
            return f"{_decimal(nanoseconds, unit)}{name}"
    text, rest = "", nanoseconds
    for unit, name in _UNITS:
        if nanoseconds >= unit:
            text, rest = f"{text}{rest // unit}{name}", rest % unit
    return f"{text}{_decimal(rest, 10**9)}s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    return f"{whole}.{rest:0{len(str(unit)) - 1}d}".rstrip("0").rstrip(".") if rest else str(whole)


def _written(moment: int) -> str:
    seconds, rest = divmod(moment, 10**9)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{rest:09d}Z"
