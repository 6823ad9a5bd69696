"""The monitor's long life: output to the log and to whoever is attached, input and signals back.

Run as a program it is all that stays in memory for a detached container, so
its imports are few; the rest of the monitor is in `pyrun.runtime.monitor`.
"""

import _signal  # type: ignore[import-not-found]  # signal itself imports enum
import fcntl
import posix  # os costs a quarter of a megabyte more
import select
import time

from pyrun.runtime.logwriter import LogWriter

MYPY = False
if MYPY:  # nobody is attached to a detached container: its monitor does without sockets
    from pyrun.runtime.channel import Channel

_LIMIT = 65536  # bytes on their way per direction: beyond, the one who writes has to wait
_MOST_LEFT = 1 << 20  # bytes that a pipe can hold after its writer's end, as long as root did not say otherwise
_WINDOW = 8  # bytes of struct winsize
_TIOCSWINSZ, _TIOCGPTPEER = 0x5414, 0x5441
_F_SETPIPE_SZ, _F_GETPIPE_SZ = 1031, 1032
EXITED, QUIET = "exited", "quiet"


class Flow:
    """Bytes on their way from one descriptor to another, bounded; -1 is nobody."""

    __slots__ = ("buffer", "source", "stream", "target")

    def __init__(self, source: int, target: int, stream: str = "") -> None:
        self.source, self.target, self.stream = source, target, stream
        self.buffer = b""


class Relay:
    """Moves everything between a container's stdio, its log and its client, until the process ends."""

    __slots__ = ("_peer", "client", "flows", "given", "log", "master", "pidfd")

    def __init__(self, stdio: "tuple[int, int, int]", master: int, pidfd: int, log: LogWriter) -> None:
        """*stdio* are our ends of the container's pipes (or the terminal's *master*), -1 where there is none."""
        stdin, stdout, stderr = stdio
        self.master, self.pidfd, self.log = master, pidfd, log
        self.flows = [Flow(fd, -1, name) for fd, name in ((stdout, "stdout"), (stderr, "stderr")) if fd >= 0]
        self.given = Flow(-1, stdin)
        self.client: Channel | None = None
        self._peer = -1
        self._hold_terminal()
        for fd in stdio:
            if fd >= 0:
                posix.set_blocking(fd, False)

    def attach(self, client: "Channel", stdio: "tuple[int, int, int]") -> None:
        """Serve a client: *stdio* are our ends of its pipes, -1 where it has none.

        The window size that it sent already is set now, so that a program
        which is started next sees it from its first moment.
        """
        stdin, stdout, stderr = stdio
        self.client = client
        self.given.source = stdin if self.given.target >= 0 else -1
        for flow in self.flows:
            flow.target = stderr if flow.stream == "stderr" else stdout
        for fd in stdio:
            if fd >= 0:
                posix.set_blocking(fd, False)
        if self.master >= 0 and _ready(client.fd):
            self._control()

    def run(self, deadline: "float | None") -> str:
        """Relay until the process has ended (EXITED), or the *deadline* (monotonic) passed with nobody attached.

        After EXITED the log is complete; `detach_output` hands the client what it has not got yet.
        """
        while True:
            late = deadline is not None and time.monotonic() >= deadline
            if late and self.client is None and not self.given.buffer:
                self.log.finish()
                return QUIET
            ready = self._wait(None if late else deadline)
            if self.client and ready.get(self.client.fd):
                self._control()
            for flow in self.flows:
                self._move(flow, ready)
            self._move(self.given, ready)
            if ready.get(self.pidfd):
                self._drain()
                return EXITED

    def detach(self) -> None:
        """Go on without the client; what it has written still reaches the container.

        Without a terminal its end is the end of the container's input, as with Docker.
        """
        for flow in self.flows:
            _close(flow.target)
            flow.target, flow.buffer = -1, b""
        if self.given.source >= 0:
            self._read(self.given)
            if self.given.source >= 0:
                self._end(self.given)
            self._write(self.given)
        if self.client:
            self.client.close()
        self.client = None

    def detach_output(self) -> None:
        """Hand the rest to the client and close its output; its control stays for the exit code.

        The kernel keeps the rest in widened pipes, so that a client which is
        stopped, or waits for its own reader, holds nothing up.
        """
        for flow in self.flows:
            while flow.target >= 0 and flow.buffer:
                if not _widen(flow.target, len(flow.buffer)):
                    _await_room(flow.target)
                self._write(flow)
            _close(flow.target)
            flow.target = -1

    def _wait(self, deadline: "float | None") -> "dict[int, int]":
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        if self.client:
            poll.register(self.client.fd, select.POLLIN)
        for flow in (*self.flows, self.given):
            if flow.source >= 0 and len(flow.buffer) < _LIMIT:
                poll.register(flow.source, select.POLLIN)
            if flow.target >= 0 and flow.buffer:
                poll.register(flow.target, select.POLLOUT)
        patience = None
        if deadline is not None and self.client is None:
            patience = max(0, int((deadline - time.monotonic()) * 1000)) + 1
        return dict(poll.poll(patience))

    def _control(self) -> None:
        """Do what the client asks for; a message that makes no sense is passed over."""
        from pyrun.runtime.channel import DETACH, GONE, RESIZE, SIGNAL

        assert self.client
        kind, content, _ = self.client.receive()
        if kind in (GONE, DETACH):
            self.detach()
            return
        try:
            if kind == SIGNAL and len(content) == 1:
                _signal.pidfd_send_signal(self.pidfd, content[0])
            elif kind == RESIZE and len(content) == _WINDOW and self.master >= 0:
                fcntl.ioctl(self.master, _TIOCSWINSZ, content)
        except OSError:  # no such signal, or the process or its terminal has just ended
            return

    def _move(self, flow: Flow, ready: "dict[int, int]") -> None:
        if flow.source >= 0 and ready.get(flow.source) and len(flow.buffer) < _LIMIT:
            self._read(flow)
        if flow.buffer:
            self._write(flow)

    def _read(self, flow: Flow) -> int:
        """Take what is there; give how many bytes: 0 at the end, and when there is nothing at the moment."""
        try:
            content = posix.read(flow.source, _LIMIT)
        except BlockingIOError:
            return 0
        except OSError:  # EIO: the terminal was hung up
            if flow.source == self.master and self._hold_terminal():
                return 0
            content = b""
        if content and flow.stream:
            self.log.write(flow.stream, content)
        if flow.target >= 0:
            flow.buffer += content
        if not content:
            self._end(flow)
        return len(content)

    def _write(self, flow: Flow) -> None:
        try:
            if flow.target >= 0:
                flow.buffer = flow.buffer[posix.write(flow.target, flow.buffer) :]
        except BlockingIOError:
            return
        except OSError:  # its reader is gone
            flow.buffer = b""
            if flow is self.given:
                _close(flow.source)  # the client learns of it, and stops to read
                flow.source = -1
            _close(flow.target)
            flow.target = -1
        self._pass_end_on(flow)

    def _end(self, flow: Flow) -> None:
        if flow.source != self.master:
            _close(flow.source)
        flow.source = -1
        self._pass_end_on(flow)

    def _pass_end_on(self, flow: Flow) -> None:
        """Close the container's input behind the last byte of the client's, except for a terminal's."""
        if flow is self.given and flow.source < 0 and not flow.buffer and self.master < 0:
            _close(flow.target)
            flow.target = -1

    def _hold_terminal(self) -> bool:
        """Keep the terminal open as programs do: one that closes it to open it again must not end it."""
        if self.master < 0:
            return False
        _close(self._peer)
        try:
            self._peer = fcntl.ioctl(self.master, _TIOCGPTPEER, posix.O_RDWR | posix.O_NOCTTY | posix.O_CLOEXEC)
        except OSError:
            self._peer = -1
        return self._peer >= 0

    def _drain(self) -> None:
        """Take what the container wrote before its end: all of it is in the pipes by now.

        No more than they hold: somebody outside may have been handed the pipe and go on writing.
        """
        for flow in self.flows:
            most = _capacity(flow.source)
            while flow.source >= 0 and most > 0:
                size = self._read(flow)
                most -= size
                if not size:
                    break
        self.log.finish()


def _capacity(fd: int) -> int:
    try:
        return fcntl.fcntl(fd, _F_GETPIPE_SZ)
    except (OSError, ValueError):  # a terminal
        return _MOST_LEFT


def _widen(pipe: int, length: int) -> bool:
    """Give *pipe* room for *length* bytes more than it may hold; tell whether it has. See fcntl(2)."""
    try:
        size = fcntl.fcntl(pipe, _F_GETPIPE_SZ)
        fcntl.fcntl(pipe, _F_SETPIPE_SZ, size + length + select.PIPE_BUF)
    except OSError:  # no pipe, or beyond pipe-max-size without CAP_SYS_RESOURCE
        return False
    return True


def _await_room(fd: int) -> None:
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.poll()


def _ready(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))


def _close(fd: int) -> None:
    if fd >= 0:
        try:
            posix.close(fd)
        except OSError:
            return


def main(arguments: "list[str]") -> None:
    """Go on as a lean process: the container's log, our pipe ends, terminal, pidfd, and who takes over at the end."""
    log, stdin, stdout, stderr, master, pidfd, *successor = arguments
    relay = Relay((int(stdin), int(stdout), int(stderr)), int(master), int(pidfd), LogWriter(log))
    relay.run(None)
    posix.execv(successor[0], successor)
