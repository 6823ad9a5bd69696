"""The client's side of stdio: the caller's terminal or pipes, connected to a container until one of them ends.

It serves `run`, where a monitor is at the other end, and `exec`, where the
program's own pipes or terminal are.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os
import select
import stat

from pyrun.errors import PyrunError
from pyrun.kernel import terminal
from pyrun.runtime.channel import DETACH, EXITED, FAILED, GONE, RESIZE, SIGNAL, Channel, read_failure
from pyrun.typed import Callable, NamedTuple, NoReturn

# What concerns ourselves alone: our children, a reader that is gone, our own faults, and a background
# job that touches its terminal. All others are the container's, as with Docker.
_OURS = {
    signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGKILL, signal.SIGSTOP,
    signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTTIN, signal.SIGTTOU,
}  # fmt: skip
_ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
_PORTION = 65536
_PATIENCE = 3  # times of ctrl-c after which somebody wonders
_GOES_ON = b"pyrun: the program goes on after ctrl-c (pyrun stop, or pyrun kill, from another terminal ends it)\n"
_OUTPUTS = {1: "/dev/stdout", 2: "/dev/stderr"}


class Ends(NamedTuple):
    """Our ends of the container's stdio: two pipes to read and one to write, -1 where there is none."""

    stdin: int
    stdout: int
    stderr: int


class _Interrupted(Exception):
    """A signal that is for us: the terminal is given back before it takes effect."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def check_terminal(tty: bool, interactive: bool) -> None:
    """Refuse -it without a terminal. Errors: PyrunError."""
    if tty and interactive and not terminal.is_terminal(0):
        raise PyrunError("the input device is not a TTY", 1)


class Console:
    """One attachment: made before the program starts, so that no early signal is lost.

    *proxy* passes signals on to the program. The window size is sent at once.
    """

    def __init__(self, control: Channel, tty: bool, detach_keys: bytes, proxy: bool = True) -> None:
        self.control, self.tty, self.proxy = control, tty, proxy
        self._signals, wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        for number in _watched(tty, proxy):
            signal.signal(number, _noted)
        self._input = _Input(detach_keys if tty else b"")
        self._outputs: list[_Output] = []
        self._code: int | None = None
        self._interrupts = 0
        if tty:
            self._resize()

    def run(self, ends: Ends, started: "Callable[[], None] | None" = None) -> int:
        """Connect until the program has ended; give its exit code, or 0 after the detach keys.

        The exit code must come after the last byte of output. Errors:
        PyrunError when it could not be started, or nobody takes its output.
        """
        raw = terminal.make_raw(0) if self.tty and ends.stdin >= 0 and terminal.is_terminal(0) else None
        try:
            if started:
                started()
            code = self._connect(ends)
        except _Interrupted as interruption:
            if raw is not None:
                terminal.restore(0, raw)
            _die(interruption.number)
        finally:
            if raw is not None:
                terminal.restore(0, raw)
        if self._code is None:
            os.write(2, b"read escape sequence\n")  # Docker's words; the container goes on
        return code

    def _connect(self, ends: Ends) -> int:
        self._outputs = [_Output(fd, number) for fd, number in ((ends.stdout, 1), (ends.stderr, 2)) if fd >= 0]
        self._input.connect(ends.stdin)
        while True:
            ended = self._code is not None
            ready = self._wait()
            if ready.get(self.control.fd):
                self._code = self._message()
            if ready.get(self._signals):
                self._pass_signals()
            for output in self._outputs:
                output.move(ready)
            if self._input.move(ready):
                self.control.send(DETACH)
                return 0
            if ended and self._code is not None and not ready and not any(o.buffer for o in self._outputs):
                return self._code

    def _wait(self) -> dict[int, int]:
        """Wait until something can be done; once the program has ended, only for what it left us."""
        poll = select.poll()
        poll.register(self._signals, select.POLLIN)
        for output in self._outputs:
            if output.buffer:
                poll.register(output.target, select.POLLOUT)
            elif output.source >= 0:
                poll.register(output.source, select.POLLIN)
        if self._code is None:
            poll.register(self.control.fd, select.POLLIN)
            self._input.register(poll)
        writing = any(output.buffer for output in self._outputs)
        return dict(poll.poll(0 if self._code is not None and not writing else None))

    def _message(self) -> "int | None":
        kind, content, _ = self.control.receive()
        if kind == EXITED and len(content) == 1:
            return content[0]
        if kind == FAILED:
            code, message = read_failure(content)
            raise PyrunError(message, code)
        if kind == GONE:
            raise PyrunError("monitor: ended unexpectedly", hint="the next pyrun command cleans up")
        return None

    def _pass_signals(self) -> None:
        for number in os.read(self._signals, 512):
            if self.tty and number == signal.SIGWINCH:
                self._resize()
            elif self.proxy and self._code is None:
                self.control.send(SIGNAL, bytes([number]))
                self._interrupts += number == signal.SIGINT
                if number == signal.SIGINT and self._interrupts == _PATIENCE and terminal.is_terminal(2):
                    os.write(2, _GOES_ON)
            elif number in _ENDING:
                raise _Interrupted(number)

    def _resize(self) -> None:
        window = terminal.size(0 if terminal.is_terminal(0) else 1)
        if any(window):
            self.control.send(RESIZE, window)


class _Output:
    """The way from the program's output to ours."""

    def __init__(self, source: int, target: int) -> None:
        self.source, self.target = source, target
        self.buffer = b""
        # Ours is shared with the shell and must stay blocking: a pipe that polls writable takes this much.
        self._portion = _PORTION if _is_file(target) else select.PIPE_BUF

    def move(self, ready: dict[int, int]) -> None:
        """Read when empty, write when not. Errors: PyrunError when our own output fails."""
        if not self.buffer and self.source >= 0 and ready.get(self.source):
            self._read()
        while self.buffer and _polls(self.target, select.POLLOUT):
            self._write()

    def _read(self) -> None:
        try:
            self.buffer = os.read(self.source, _PORTION)
        except BlockingIOError:
            return
        except OSError:  # EIO: the terminal's last user is gone
            self.buffer = b""
        if not self.buffer:
            os.close(self.source)
            self.source = -1

    def _write(self) -> None:
        try:
            self.buffer = self.buffer[os.write(self.target, self.buffer[: self._portion]) :]
        except BlockingIOError:  # somebody else made it non-blocking
            return
        except OSError as cause:
            reason = os.strerror(cause.errno or 0).lower()
            raise PyrunError(f"write: {_OUTPUTS[self.target]}: {reason}", 1) from cause


class _Input:
    """The way from our standard input to the program's."""

    def __init__(self, keys: bytes) -> None:
        self.target = -1
        self._keys = keys  # empty: nothing detaches
        self._typed = b""  # the part of the keys typed so far
        self._buffer = b""
        self._open = False

    def connect(self, target: int) -> None:
        """Feed *target*, which must be ours alone; -1 feeds nobody."""
        self.target, self._open = target, target >= 0
        if self._open:
            os.set_blocking(target, False)

    def register(self, poll: "select.poll") -> None:
        """Say what we wait for: room, or more to read."""
        if self._buffer:
            poll.register(self.target, select.POLLOUT)
        elif self._open:
            poll.register(0, select.POLLIN)

    def move(self, ready: dict[int, int]) -> bool:
        """Pass on what was typed; tell whether it was the keys to detach."""
        if self._open and not self._buffer and ready.get(0):
            detached = self._read()
            self._write()
            return detached
        if self._buffer and ready.get(self.target):
            self._write()
        return False

    def _read(self) -> bool:
        try:
            content = os.read(0, _PORTION)
        except BlockingIOError:
            return False
        except OSError:
            content = b""
        self._open = bool(content)
        if not content:
            self._buffer, self._typed = self._typed, b""
            return False
        self._buffer, detached = self._watch(content) if self._keys else (content, False)
        return detached

    def _watch(self, content: bytes) -> tuple[bytes, bool]:
        """Hold back the detach keys; what only began like them is passed on."""
        passed = bytearray()
        for byte in content:
            self._typed += bytes([byte])
            if self._typed == self._keys:
                return bytes(passed), True
            while self._typed and not self._keys.startswith(self._typed):
                passed.append(self._typed[0])
                self._typed = self._typed[1:]
        return bytes(passed), False

    def _write(self) -> None:
        try:
            if self._buffer:
                self._buffer = self._buffer[os.write(self.target, self._buffer) :]
        except BlockingIOError:
            return
        except OSError:  # the program has closed its standard input
            self._buffer, self._open = b"", False
        if not self._open and not self._buffer and self.target >= 0:
            os.close(self.target)
            self.target = -1


def _watched(tty: bool, proxy: bool) -> list[int]:
    """Choose the signals to note; what our caller ignores (nohup) stays ignored."""
    chosen: set[signal.Signals | int] = set(signal.valid_signals() - _OURS) if proxy else set()
    if tty:
        chosen |= {signal.SIGWINCH, *_ENDING}
    return [int(number) for number in chosen if signal.getsignal(number) != signal.SIG_IGN and _may_be_caught(number)]


def _may_be_caught(number: int) -> bool:
    return number < 32 or number >= signal.SIGRTMIN  # between them are the C library's


def _noted(number: int, frame: object) -> None:
    """Do nothing: the wakeup descriptor has the number already."""


def _die(number: int) -> NoReturn:
    """End by the signal that we had caught, as our caller expects."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _is_file(fd: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError:
        return False


def _polls(fd: int, events: int) -> bool:
    poll = select.poll()
    poll.register(fd, events)
    return bool(poll.poll(0))


def parse_keys(text: str) -> bytes:
    """Turn detach keys as typed (``ctrl-p,ctrl-q``, ``a``) into bytes. Errors: PyrunError."""
    keys = bytearray()
    for part in text.split(",") if text else []:
        name = part.removeprefix("ctrl-")
        if part.startswith("ctrl-") and len(name) == 1 and name in "abcdefghijklmnopqrstuvwxyz@[\\]^_":
            keys.append(ord(name.upper()) & 0x1F)
        elif len(part) == 1 and part.isascii() and part.isprintable():
            keys.append(ord(part))
        else:
            raise PyrunError(f"detach keys: {text}: use letters or ctrl- and a letter, @ [ \\ ] ^ _")
    return bytes(keys)
