"""The monitor's long life: output to the log and to whoever is attached, input and signals back.

Run as a program it is all that stays in memory for a detached container, so
its imports are few; the rest of the monitor is in `pyrun.runtime.monitor`.
"""

import _signal  # type: ignore[import-not-found]  # signal itself imports enum
import fcntl
import posix  # os costs a quarter of a megabyte more
import select
import time

from pyrun.runtime.descriptors import capacity, close, make_mark, ready, widen
from pyrun.runtime.logwriter import LogWriter

MYPY = False
if MYPY:  # while nobody is attached to a detached container, its monitor does without sockets
    from pyrun.runtime.channel import Channel

_LIMIT = 65536  # bytes on their way per direction: beyond, the one who writes has to wait
_WINDOW = 8  # bytes of struct winsize
_TIOCSWINSZ, _TIOCGPTPEER = 0x5414, 0x5441
_PATIENCE = 60  # seconds
EXITED, QUIET = "exited", "quiet"


class Outlet:
    """Bytes on their way to a descriptor, bounded; -1 is nobody."""

    __slots__ = ("buffer", "target")

    def __init__(self, target: int) -> None:
        self.target = target
        self.buffer = b""

    def write(self) -> None:
        """Pass on what can be; a reader that is gone is forgotten."""
        try:
            if self.target >= 0 and self.buffer:
                self.buffer = self.buffer[posix.write(self.target, self.buffer) :]
        except BlockingIOError:
            return
        except OSError:
            self.close()

    def close(self) -> None:
        """Let go of it, and of what it has not got."""
        close(self.target)
        self.target, self.buffer = -1, b""


class Source:
    """One stream of the container's output."""

    __slots__ = ("fd", "stream")

    def __init__(self, fd: int, stream: str) -> None:
        self.fd, self.stream = fd, stream


class Client:
    """Somebody who is attached: its messages, its input, and where it wants the output."""

    __slots__ = ("channel", "stderr", "stdin", "stdout", "told")

    def __init__(self, channel: "Channel", stdio: "tuple[int, int, int]" = (-1, -1, -1), told: bool = True) -> None:
        """*stdio* are our ends of its pipes, -1 where it has none; it is *told* once all of them have come."""
        self.channel, self.stdin, self.told = channel, stdio[0], told
        self.stdout, self.stderr = Outlet(stdio[1]), Outlet(stdio[2])
        for fd in stdio:
            if fd >= 0:
                posix.set_blocking(fd, False)

    def outlet(self, stream: str) -> Outlet:
        """Give the way of a stream to it."""
        return self.stderr if stream == "stderr" else self.stdout

    def take(self, number: int, fd: int) -> None:
        """Take one of its descriptors: its input, or where it wants output."""
        posix.set_blocking(fd, False)
        if number == 0:
            self.stdin = fd
        else:
            self.outlet("stderr" if number == 2 else "stdout").target = fd


class Relay:
    """Moves everything between a container's stdio, its log and its clients, until the process ends."""

    __slots__ = (
        *("_input_ended", "_listener", "_mark", "_once", "_peer"),
        *("clients", "given", "log", "master", "pidfd", "server", "sources"),
    )

    def __init__(
        self,
        stdio: "tuple[int, int, int]",
        master: int,
        pidfd: int,
        log: LogWriter,
        listener: int = -1,
        once: bool = True,
    ) -> None:
        """*stdio* are our ends of the container's pipes (or the terminal's *master*), -1 where there is none.

        Who attaches later connects to *listener*; *once* ends the container's input with its client's.
        """
        stdin, stdout, stderr = stdio
        self.master, self.pidfd, self.log = master, pidfd, log
        self.sources = [Source(fd, name) for fd, name in ((stdout, "stdout"), (stderr, "stderr")) if fd >= 0]
        self.given = Outlet(stdin)
        self.clients: list[Client] = []
        self._listener, self._once = listener, once
        self._input_ended = False
        self._peer = self.server = -1
        self._mark = ""
        self._hold_terminal()
        for fd in stdio:
            if fd >= 0:
                posix.set_blocking(fd, False)

    def watch(self, server: int, mark: str) -> None:
        """Make the file *mark* if the process of the pidfd *server* ends before the container's; -1 is nobody."""
        self.server, self._mark = server, mark

    def attach(self, channel: "Channel", stdio: "tuple[int, int, int]") -> None:
        """Serve a client.

        The window size that it sent already is set now, so that a program
        which is started next sees it from its first moment.
        """
        client = Client(channel, stdio)
        self.clients.append(client)
        if self.master >= 0 and ready(channel.fd):
            self._control(client)

    def run(self, deadline: "float | None") -> str:
        """Relay until the process has ended (EXITED), or the *deadline* (monotonic) passed with nobody attached.

        After EXITED the log is complete; `detach_output` hands the clients what they have not got yet.
        """
        while True:
            late = deadline is not None and time.monotonic() >= deadline
            if late and not self.clients and not self.given.buffer:
                self.log.finish()
                return QUIET
            ready = self._wait(None if late else deadline)
            if ready.get(self._listener):
                self._accept()
            for client in [*self.clients]:
                if ready.get(client.channel.fd):
                    self._control(client)
            for source in self.sources:
                if source.fd >= 0 and ready.get(source.fd):
                    self._read(source)
            for client in self.clients:
                if client.stdin >= 0 and ready.get(client.stdin) and self._has_room(self.given):
                    self._take_input(client)
                client.stdout.write()
                client.stderr.write()
            self._give_input()
            if ready.get(self.pidfd):
                self._drain()
                return EXITED
            if ready.get(self.server):
                close(self.server)
                self.server = -1
                make_mark(self._mark)

    def detach(self, client: Client) -> None:
        """Go on without a client; what it has written still reaches the container."""
        if client.stdin >= 0:
            self._take_input(client)
            if client.stdin >= 0:
                self._end_input(client)
        client.stdout.close()
        client.stderr.close()
        client.channel.close()
        self.clients.remove(client)

    def detach_output(self) -> None:
        """Hand the rest to the clients and close their output; their channels stay for the exit code.

        The kernel keeps the rest in widened pipes, so that a client which is
        stopped, or waits for its own reader, holds nothing up.
        """
        for client in self.clients:
            for outlet in (client.stdout, client.stderr):
                while outlet.target >= 0 and outlet.buffer:
                    if not widen(outlet.target, len(outlet.buffer)):
                        ready(outlet.target, select.POLLOUT, None)
                    outlet.write()
                outlet.close()
            close(client.stdin)
            client.stdin = -1

    def _wait(self, deadline: "float | None") -> "dict[int, int]":
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        for fd in (self._listener, self.server):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        for source in self.sources:
            if source.fd >= 0 and all(self._has_room(client.outlet(source.stream)) for client in self.clients):
                poll.register(source.fd, select.POLLIN)
        outlets = [self.given]
        for client in self.clients:
            poll.register(client.channel.fd, select.POLLIN)
            outlets += (client.stdout, client.stderr)
            if client.stdin >= 0 and self._has_room(self.given):
                poll.register(client.stdin, select.POLLIN)
        for outlet in outlets:
            if outlet.target >= 0 and outlet.buffer:
                poll.register(outlet.target, select.POLLOUT)
        patience = None
        if deadline is not None and not self.clients:
            patience = max(0, int((deadline - time.monotonic()) * 1000)) + 1
        return dict(poll.poll(patience))

    @staticmethod
    def _has_room(outlet: Outlet) -> bool:
        return len(outlet.buffer) < _LIMIT

    def _accept(self) -> None:
        """Meet somebody who attaches; its descriptors come as messages."""
        from pyrun.runtime.channel import accepted

        channel = accepted(self._listener)
        if channel is not None:
            self.clients.append(Client(channel, told=False))

    def _control(self, client: Client) -> None:
        """Do what a client asks for; a message that makes no sense is passed over."""
        from pyrun.runtime.channel import ATTACHED, DETACH, GONE, RESIZE, SIGNAL, STDIO

        kind, content, descriptor = client.channel.receive()
        if kind == STDIO and descriptor >= 0 and not client.told and content in (b"0", b"1", b"2"):
            client.take(int(content), descriptor)
            return
        close(descriptor)
        if kind in (GONE, DETACH):
            self.detach(client)
        elif kind == ATTACHED and not client.told:
            client.told = True
            client.channel.send(ATTACHED)
        elif kind == SIGNAL and len(content) == 1:
            self._signal(content[0])
        elif kind == RESIZE and len(content) == _WINDOW and self.master >= 0:
            self._resize(content)

    def _signal(self, number: int) -> None:
        try:
            _signal.pidfd_send_signal(self.pidfd, number)
        except OSError:  # no such signal, or the process has just ended
            return

    def _resize(self, window: bytes) -> None:
        try:
            fcntl.ioctl(self.master, _TIOCSWINSZ, window)
        except OSError:  # the terminal has just ended
            return

    def _read(self, source: Source) -> int:
        """Take what is there; give how many bytes: 0 at the end, and when there is nothing at the moment."""
        try:
            content = posix.read(source.fd, _LIMIT)
        except BlockingIOError:
            return 0
        except OSError:  # EIO: the terminal was hung up
            if source.fd == self.master and self._hold_terminal():
                return 0
            content = b""
        if content:
            self.log.write(source.stream, content)
            for client in self.clients:
                outlet = client.outlet(source.stream)
                if outlet.target >= 0:
                    outlet.buffer += content
        else:
            if source.fd != self.master:
                close(source.fd)
            source.fd = -1
        return len(content)

    def _take_input(self, client: Client) -> None:
        try:
            content = posix.read(client.stdin, _LIMIT)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if self.given.target >= 0:
            self.given.buffer += content
        if not content:
            self._end_input(client)

    def _end_input(self, client: Client) -> None:
        """Let go of a client's input; without a terminal its end is that of the container's, as with Docker."""
        close(client.stdin)
        client.stdin = -1
        if self._once and self.master < 0:
            self._input_ended = True
            self._give_input()

    def _give_input(self) -> None:
        """Pass on what clients typed; behind the last byte an input that has ended is closed."""
        self.given.write()
        if self._input_ended and not self.given.buffer:
            self.given.close()
        if self.given.target < 0:
            for client in self.clients:  # each learns of it, and stops to read
                close(client.stdin)
                client.stdin = -1

    def _hold_terminal(self) -> bool:
        """Keep the terminal open as programs do: one that closes it to open it again must not end it."""
        if self.master < 0:
            return False
        close(self._peer)
        try:
            self._peer = fcntl.ioctl(self.master, _TIOCGPTPEER, posix.O_RDWR | posix.O_NOCTTY | posix.O_CLOEXEC)
        except OSError:
            self._peer = -1
        return self._peer >= 0

    def _drain(self) -> None:
        """Take what the container wrote before its end: all of it is in the pipes by now.

        No more than they hold: somebody outside may have been handed the pipe and go on writing.
        """
        for source in self.sources:
            most = capacity(source.fd)
            while source.fd >= 0 and most > 0:
                size = self._read(source)
                most -= size
                if not size:
                    break
        self.log.finish()


def main(arguments: "list[str]") -> None:
    """Go on as a lean process: the container's log, the descriptors that `monitor` names, and who takes over.

    The numbers of the channels of those who are attached at the end are added to the successor's words.
    """
    log, stdin, stdout, stderr, master, pidfd, listener, server, mark, once, *successor = arguments
    stdio = (int(stdin), int(stdout), int(stderr))
    relay = Relay(stdio, int(master), int(pidfd), LogWriter(log), int(listener), once == "once")
    relay.watch(int(server), mark)
    relay.run(None)
    relay.detach_output()
    for fd in (relay.server, relay.pidfd, relay.master, relay.given.target, *(source.fd for source in relay.sources)):
        close(fd)  # else each restart would keep its own
    for client in relay.clients:
        posix.set_inheritable(client.channel.fd, True)
    for _ in range(_PATIENCE):  # without memory for it, all that we know would be lost
        try:
            posix.execv(successor[0], [*successor, *(str(client.channel.fd) for client in relay.clients)])
        except OSError:
            time.sleep(1)
