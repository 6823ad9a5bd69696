"""The monitor's long life: output to the log and to whoever is attached, input and signals back.

Run as a program it is all that stays in memory for a detached container, so
its imports are few; the rest of the monitor is in `pyrun.runtime.monitor`.
"""

import _signal  # type: ignore[import-not-found]  # signal itself imports enum
import fcntl
import os
import select
import termios
import time

from pyrun.runtime.channel import DETACH, GONE, RESIZE, SIGNAL, Channel
from pyrun.runtime.logwriter import LogWriter

_LIMIT = 65536  # bytes on their way per direction: beyond, the one who writes has to wait
EXITED, QUIET = "exited", "quiet"


class Flow:
    """Bytes on their way from one descriptor to another, bounded; -1 is nobody."""

    __slots__ = ("buffer", "source", "stream", "target")

    def __init__(self, source: int, target: int, stream: str = "") -> None:
        self.source, self.target, self.stream = source, target, stream
        self.buffer = b""


class Relay:
    """Moves everything between a container's stdio, its log and its client, until the process ends."""

    __slots__ = ("client", "flows", "given", "log", "master", "pidfd")

    def __init__(self, stdio: "tuple[int, int, int]", master: int, pidfd: int, log: LogWriter) -> None:
        """*stdio* are our ends of the container's pipes (or the terminal's *master*), -1 where there is none."""
        stdin, stdout, stderr = stdio
        self.master, self.pidfd, self.log = master, pidfd, log
        self.flows = [Flow(fd, -1, name) for fd, name in ((stdout, "stdout"), (stderr, "stderr")) if fd >= 0]
        self.given = Flow(-1, stdin)
        self.client: "Channel | None" = None
        for fd in stdio:
            if fd >= 0:
                os.set_blocking(fd, False)

    def attach(self, client: Channel, stdio: "tuple[int, int, int]") -> None:
        """Serve a client: *stdio* are our ends of its pipes, -1 where it has none."""
        stdin, stdout, stderr = stdio
        self.client = client
        self.given.source = stdin if self.given.target >= 0 else -1
        for flow in self.flows:
            flow.target = stderr if flow.stream == "stderr" else stdout
        for fd in stdio:
            if fd >= 0:
                os.set_blocking(fd, False)

    def run(self, deadline: "float | None") -> str:
        """Relay until the process has ended (EXITED), or the *deadline* (monotonic) passed with nobody attached."""
        while True:
            if self.client is None and deadline is not None and time.monotonic() >= deadline and self._idle():
                return QUIET
            ready = self._wait(deadline)
            self._control(ready)
            for flow in self.flows:
                self._move(flow, ready)
            self._move(self.given, ready)
            if ready.get(self.pidfd):
                self._drain()
                return EXITED

    def detach(self) -> None:
        """Go on without the client."""
        for flow in self.flows:
            _close(flow.target)
            flow.target, flow.buffer = -1, b""
        _close(self.given.source)
        self.given.source = -1
        if self.client:
            self.client.close()
        self.client = None

    def detach_output(self) -> None:
        """Close the client's output, which it reads to the end; its control stays for the exit code."""
        for flow in self.flows:
            _close(flow.target)
            flow.target = -1

    def _idle(self) -> bool:
        return not self.given.buffer and not self.log.pending()

    def _wait(self, deadline: "float | None") -> "dict[int, int]":
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        wanted: "dict[int, int]" = {}
        if self.client:
            wanted[self.client.fd] = select.POLLIN
        for flow in (*self.flows, self.given):
            if flow.source >= 0 and len(flow.buffer) < _LIMIT:
                wanted[flow.source] = wanted.get(flow.source, 0) | select.POLLIN
            if flow.target >= 0 and flow.buffer:
                wanted[flow.target] = wanted.get(flow.target, 0) | select.POLLOUT
        for fd, events in wanted.items():
            poll.register(fd, events)
        patience = None
        if deadline is not None and self.client is None:
            patience = max(0, int((deadline - time.monotonic()) * 1000)) + 1
        return dict(poll.poll(patience))

    def _control(self, ready: "dict[int, int]") -> None:
        if self.client is None or not ready.get(self.client.fd):
            return
        kind, content, _ = self.client.receive()
        if kind in (GONE, DETACH):
            self.detach()
        elif kind == SIGNAL:
            try:
                _signal.pidfd_send_signal(self.pidfd, content[0])
            except OSError:
                return
        elif kind == RESIZE and self.master >= 0:
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, content)

    def _move(self, flow: Flow, ready: "dict[int, int]") -> None:
        if flow.source >= 0 and ready.get(flow.source, 0) & ~select.POLLOUT and len(flow.buffer) < _LIMIT:
            self._read(flow)
        if flow.target >= 0 and flow.buffer:
            self._write(flow)

    def _read(self, flow: Flow) -> bool:
        """Take what is there; tell whether there may be more."""
        try:
            content = os.read(flow.source, _LIMIT)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody has the terminal open any more
            content = b""
        if content and flow.stream:
            self.log.write(flow.stream, content)
        if content and flow.target >= 0:
            flow.buffer += content
        if not content:
            self._end(flow)
        return bool(content)

    def _end(self, flow: Flow) -> None:
        if flow.source != self.master:
            _close(flow.source)
        flow.source = -1
        if flow is self.given and not flow.buffer and self.master < 0:
            _close(flow.target)
            flow.target = -1

    def _write(self, flow: Flow) -> None:
        try:
            flow.buffer = flow.buffer[os.write(flow.target, flow.buffer) :]
        except BlockingIOError:
            return
        except OSError:
            flow.buffer = b""
            if flow.target != self.master:
                _close(flow.target)
            flow.target = -1
        if flow is self.given and flow.source < 0 and not flow.buffer and self.master < 0:
            _close(flow.target)
            flow.target = -1

    def _drain(self) -> None:
        """Take what the container wrote before its end, and wait until the client has it."""
        for flow in self.flows:
            while flow.source >= 0 and self._read(flow):
                self._flush(flow)
            self._flush(flow)
        self.log.finish()

    def _flush(self, flow: Flow) -> None:
        poll = select.poll()
        while flow.target >= 0 and flow.buffer:
            poll.register(flow.target, select.POLLOUT)
            poll.poll()
            self._write(flow)


def _close(fd: int) -> None:
    if fd >= 0:
        try:
            os.close(fd)
        except OSError:
            return


def main(arguments: "list[str]") -> None:
    """Go on as a lean process: the container's log, our pipe ends, terminal, pidfd, and who takes over at the end."""
    log, stdin, stdout, stderr, master, pidfd, *successor = arguments
    relay = Relay((int(stdin), int(stdout), int(stderr)), int(master), int(pidfd), LogWriter(log))
    relay.run(None)
    os.execv(successor[0], successor)
