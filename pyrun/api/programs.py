"""What programs in containers write and end with: values, and a stream of one that still runs."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import NamedTuple

from pyrun.api.calls import Call
from pyrun.errors import Failed, PyrunError, TimedOut
from pyrun.kernel import processes

_PORTION = 1 << 16  # bytes
_PATIENCE, _AGAIN = 10.0, 0.01  # seconds for a program to end that was killed, and between looks
_SIGKILL = 9


class Output(NamedTuple):
    """A piece of what a program wrote: a part of a line, or several."""

    stream: str  # "stdout" or "stderr"; a terminal (tty=True) has the former only
    data: bytes


class Result(NamedTuple):
    """How a program ended, and all that it wrote."""

    exit_code: int  # 0 … 255; 128 + N after signal N
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Give standard output as text; bytes that are no UTF-8 are replaced."""
        return self.stdout.decode(errors="replace")

    def check(self, what: str = "program") -> "Result":
        """Give the result itself. Errors: Failed when the exit code is not 0."""
        if self.exit_code:
            last = self.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            told = f": {last[:200]}" if last else ""
            raise Failed(f"{what}: ended with {self.exit_code}{told}", self.exit_code, self.stdout, self.stderr)
        return self


class Execution:
    """A program that runs in a container: iterate for what it writes, as it is written.

    It is a context manager that ends the program, if it still runs. One thread may
    read while another writes.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._process = call.process
        self._code: int | None = None
        self._ended: list[object] = []  # the streams that came to their end

    def __iter__(self) -> Iterator[Output]:
        """Give pieces until the program, and whoever has its output, has closed it."""
        return self._pieces(None)

    def write(self, data: "str | bytes") -> None:
        """Write to the program's standard input. Errors: BrokenPipeError when it reads no more."""
        assert self._process.stdin
        self._process.stdin.write(data.encode() if isinstance(data, str) else data)
        self._process.stdin.flush()

    def close_input(self) -> None:
        """Let the program's standard input come to its end."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def wait(self, timeout: "float | None" = None) -> int:
        """Wait for the end; give the exit code. What nobody has read until then is lost.

        Errors: TimedOut after *timeout* seconds, with the program still running; PyrunError when it could not be
        started: NotFound for a container that is gone, code 126 or 127 for a program that cannot be executed.
        """
        if self._code is None:
            deadline = None if timeout is None else time.monotonic() + timeout
            told = b"".join(piece.data for piece in self._pieces(deadline) if piece.stream == "stderr")
            try:
                self._process.wait(None if deadline is None else max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                raise TimedOut(f"{self._call.verb}: still running after {timeout} seconds", 1) from None
            self._code = self._call.code(told)
        return self._code

    def kill(self) -> None:
        """End the program, at once."""
        if self._code is None:
            self._end()
            self._code = 128 + _SIGKILL

    def __enter__(self) -> "Execution":
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", problem: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        if self._code is None and self._process.poll() is None:
            self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                if stream:
                    stream.close()
        self._call.close()

    def _end(self) -> None:
        end(self._call)

    def _pieces(self, deadline: "float | None") -> Iterator[Output]:
        """Give what is written, until *deadline* by the monotonic clock at most."""
        with selectors.DefaultSelector() as selector:
            for name, stream in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
                if stream and stream not in self._ended:
                    selector.register(stream, selectors.EVENT_READ, name)
            while selector.get_map():
                ready = selector.select(None if deadline is None else max(0.0, deadline - time.monotonic()))
                if not ready:
                    return
                for key, _ in ready:
                    data = os.read(key.fd, _PORTION)
                    if data:
                        yield Output(key.data, data)
                    else:
                        self._ended.append(key.fileobj)
                        selector.unregister(key.fileobj)


class Attachment(Execution):
    """A connection to a container's program, which goes on when `kill`, or a with statement, ends the connection."""

    def _end(self) -> None:
        self._call.kill()


def table(written: bytes) -> list[dict[str, str]]:
    """Give the rows of ps's table by their headings; only the last column has blanks."""
    headings, *rows = [line.split() for line in written.decode(errors="replace").splitlines()]
    last = len(headings) - 1
    return [dict(zip(headings, [*row[:last], " ".join(row[last:])], strict=False)) for row in rows]


def finished(call: Call, given: "bytes | None", timeout: "float | None") -> Result:
    """Pass *given* on, and wait for the end of a program that `exec` started. Errors: PyrunError, TimedOut."""
    try:
        stdout, stderr = call.process.communicate(given, timeout)
    except BaseException as problem:
        end(call)
        if isinstance(problem, subprocess.TimeoutExpired):
            raise TimedOut(f"exec: not done after {timeout} seconds: killed", 1) from None
        raise
    return Result(call.code(stderr), stdout, stderr)


def end(call: Call) -> None:
    """End the program that `exec` started, which would go on without its client: the child of the client's child."""
    deadline = time.monotonic() + _PATIENCE
    ended = False
    while not ended and call.process.poll() is None and time.monotonic() < deadline:
        programs = [pid for helper in processes.children(call.process.pid) for pid in processes.children(helper)]
        for pid in programs:  # the helper reaps it, and ends
            with suppress(ProcessLookupError):
                os.kill(pid, _SIGKILL)
                ended = True
        with suppress(subprocess.TimeoutExpired):
            call.process.wait(_AGAIN)
    call.kill()


def encoded(given: "str | bytes | None") -> "bytes | None":
    """Give what a program is to read, as bytes. Errors: PyrunError for anything else."""
    if given is not None and not isinstance(given, str | bytes):
        raise PyrunError(f"input: {type(given).__name__}: expected text or bytes")
    return given.encode() if isinstance(given, str) else given
