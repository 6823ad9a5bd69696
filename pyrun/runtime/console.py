"""The client's side of stdio: the caller's terminal or pipes, connected to a container until one of them ends.

It serves `run`, where a monitor is at the other end, and `exec`, where the
program's own pipes or terminal are.
"""

import os
import select
import signal
from collections.abc import Callable
from typing import NamedTuple

from pyrun.errors import PyrunError
from pyrun.kernel import terminal
from pyrun.runtime.channel import DETACH, EXITED, FAILED, GONE, RESIZE, SIGNAL, Channel, read_failure

# What the shell and the kernel mean for us alone, and what stays with job control.
_OURS = {
    signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGKILL, signal.SIGSTOP,
    signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGWINCH,
}  # fmt: skip
_PORTION = 65536


class Ends(NamedTuple):
    """Our ends of the container's stdio: two pipes to read and one to write, -1 where there is none."""

    stdin: int
    stdout: int
    stderr: int


def check_terminal(tty: bool, interactive: bool) -> None:
    """Refuse -it without a terminal. Errors: PyrunError."""
    if tty and interactive and not terminal.is_terminal(0):
        raise PyrunError("the input device is not a TTY")


class Console:
    """One attachment: made before the program starts, so that no early signal is lost."""

    def __init__(self, control: Channel, tty: bool, detach_keys: bytes, proxy: bool = True) -> None:
        self.control, self.tty, self.keys = control, tty, detach_keys
        self._typed = b""  # the part of the detach keys typed so far
        self._signals, wakeup = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        os.set_blocking(wakeup, False)
        self._former = signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        watched = {int(s) for s in signal.valid_signals() - _OURS} if proxy else set[int]()
        for number in (*watched, *([int(signal.SIGWINCH)] if tty else [])):
            try:
                signal.signal(number, _noted)
            except OSError:
                continue

    def run(self, ends: Ends, started: "Callable[[], None] | None" = None) -> int:
        """Connect until the program has ended; give its exit code, or 0 after the detach keys.

        Errors: PyrunError when it could not be started.
        """
        raw = terminal.make_raw(0) if self.tty and ends.stdin >= 0 and terminal.is_terminal(0) else None
        try:
            if self.tty:
                self._resize()
            if started:
                started()
            return self._loop(ends)
        finally:
            if raw is not None:
                terminal.restore(0, raw)

    def _loop(self, ends: Ends) -> int:
        sources = {fd: out for fd, out in ((ends.stdout, 1), (ends.stderr, 2)) if fd >= 0}
        stdin = ends.stdin
        code: "int | None" = None
        while code is None or sources:
            poll = select.poll()
            for fd in (*sources, self._signals, *([self.control.fd] if code is None else [])):
                poll.register(fd, select.POLLIN)
            if stdin >= 0:
                poll.register(0, select.POLLIN)
            ready = dict(poll.poll())
            if ready.get(self._signals):
                self._pass_signals()
            for fd in [fd for fd in sources if ready.get(fd)]:
                if not _copy(fd, sources[fd]):
                    del sources[fd]
            if stdin >= 0 and ready.get(0):
                stdin, detached = self._input(stdin)
                if detached:
                    self.control.send(DETACH)
                    return 0
            if code is None and ready.get(self.control.fd):
                code = self._message()
        return code

    def _message(self) -> "int | None":
        kind, content, _ = self.control.receive()
        if kind == EXITED:
            return content[0]
        if kind == FAILED:
            code, message = read_failure(content)
            raise PyrunError(message, code)
        if kind == GONE:
            raise PyrunError("monitor: ended unexpectedly", hint="the next pyrun command cleans up")
        return None

    def _input(self, stdin: int) -> tuple[int, bool]:
        """Pass on what was typed; give where to, or -1 at its end, and whether we were told to detach."""
        try:
            content = os.read(0, _PORTION)
        except OSError:
            content = b""
        if not content:
            os.close(stdin)
            return -1, False
        content, detached = self._watch(content) if self.tty and self.keys else (content, False)
        try:
            _write(stdin, content)
        except OSError:  # the program has closed its standard input
            os.close(stdin)
            return -1, detached
        return stdin, detached

    def _watch(self, content: bytes) -> tuple[bytes, bool]:
        """Hold back the detach keys; what only began like them is passed on."""
        passed = bytearray()
        for byte in content:
            self._typed += bytes([byte])
            if self._typed == self.keys:
                return bytes(passed), True
            while self._typed and not self.keys.startswith(self._typed):
                passed.append(self._typed[0])
                self._typed = self._typed[1:]
        return bytes(passed), False

    def _pass_signals(self) -> None:
        for number in os.read(self._signals, 512):
            if number == signal.SIGWINCH:
                self._resize()
            else:
                self.control.send(SIGNAL, bytes([number]))

    def _resize(self) -> None:
        window = terminal.size(0 if terminal.is_terminal(0) else 1)
        if any(window):
            self.control.send(RESIZE, window)


def _noted(number: int, frame: object) -> None:
    """Do nothing: the wakeup descriptor has the number already."""


def _copy(source: int, target: int) -> bool:
    """Copy what is there; tell whether there may be more. Errors: BrokenPipeError."""
    try:
        content = os.read(source, _PORTION)
    except OSError:  # EIO: the terminal's last user is gone
        content = b""
    if content:
        _write(target, content)
    else:
        os.close(source)
    return bool(content)


def _write(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # somebody made the descriptor that we share with the shell non-blocking
            select.select([], [fd], [])


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
