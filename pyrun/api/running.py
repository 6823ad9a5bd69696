"""`pyrun.run`: a program in a new container, waited for or left running."""

import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal, Unpack, overload

from pyrun.api import arguments, calls, places, programs
from pyrun.api.calls import Call
from pyrun.api.containers import Container
from pyrun.api.option_types import Path, RunOptions
from pyrun.api.programs import Result
from pyrun.cli.names import random_name
from pyrun.errors import PyrunError, TimedOut, UsageError

_PATIENCE = 20.0  # seconds for a container to end once it was killed
_AGAIN = 0.05  # seconds


@overload
def run(
    rootfs: Path,
    command: "str | Sequence[str] | None" = None,
    *,
    detach: Literal[True],
    **options: Unpack[RunOptions],
) -> Container: ...
@overload
def run(
    rootfs: Path,
    command: "str | Sequence[str] | None" = None,
    *,
    detach: Literal[False] = False,
    check: bool = False,
    input: "str | bytes | None" = None,
    timeout: "float | None" = None,
    **options: Unpack[RunOptions],
) -> Result: ...


def run(
    rootfs: Path,
    command: "str | Sequence[str] | None" = None,
    *,
    detach: bool = False,
    check: bool = False,
    input: "str | bytes | None" = None,
    timeout: "float | None" = None,
    **options: Unpack[RunOptions],
) -> "Container | Result":
    """Run a program in a new container; wait for it and give its Result, or with *detach* give the Container.

    *rootfs* is a directory, a name that `pyrun rootfs` knows, or ``@host``. *command* is a list of words, or a string
    that is split as a shell would; no shell runs it. The other arguments are the options of `pyrun run`:
    ``env={"A": "1"}``, ``ports={80: 8080}`` or ``["8080:80"]``, ``volumes={"/src": "/dst"}``, ``memory="64m"``.

    *input* is what the program reads, *timeout* how many seconds it may take before it is killed. Without
    ``remove=True`` the container stays, as on the command line.

    Errors: UsageError for what cannot be understood, PyrunError when the container cannot be started (126: the program
    cannot be executed, 127: it is not there), TimedOut, Failed with *check* when the exit code is not 0.
    """
    given: dict[str, Any] = dict(options)
    words = [str(rootfs), *arguments.program(command)]
    if detach:
        if check or timeout is not None or input is not None:
            raise UsageError("run: check, input and timeout have no meaning with detach")
        place = places.current()
        line = arguments.words("run", given, words)
        line[1:1] = ["--detach"]
        return Container(calls.perform(place, line).stdout.decode().strip(), place)
    given["name"] = given.get("name") or random_name()
    result = _attached(given, words, programs.encoded(input), timeout)
    return result.check(f"container {given['name']}") if check else result


def create(rootfs: Path, command: "str | Sequence[str] | None" = None, **options: Unpack[RunOptions]) -> Container:
    """Make a container that `Container.start` starts; the arguments are those of `run`. Errors: as of `run`."""
    place = places.current()
    words = [str(rootfs), *arguments.program(command)]
    said = calls.perform(place, arguments.words("create", dict(options), words))
    return Container(said.stdout.decode().strip(), place)


def _attached(given: dict[str, Any], words: list[str], content: "bytes | None", timeout: "float | None") -> Result:
    """Run a container and wait for it; whatever interrupts us ends it."""
    line = arguments.words("run", given, words)
    line[1:1] = ["--interactive"] if content is not None else []
    call = Call(places.current(), line, subprocess.DEVNULL if content is None else subprocess.PIPE)
    try:
        stdout, stderr = call.process.communicate(content, timeout)
    except BaseException as problem:
        _end(call, str(given["name"]))
        if isinstance(problem, subprocess.TimeoutExpired):
            raise TimedOut(f"container {given['name']}: not done after {timeout} seconds: killed", 1) from None
        raise
    return Result(call.code(stderr), stdout, stderr)


def _end(call: Call, name: str) -> None:
    """Kill the container of a client that waits for it, also one that is just being made."""
    deadline = time.monotonic() + _PATIENCE
    while call.process.poll() is None and time.monotonic() < deadline:
        with suppress(PyrunError):  # it is not there yet, or no more
            calls.perform(places.current(), ["kill", name])
        with suppress(subprocess.TimeoutExpired):
            call.process.communicate(timeout=_AGAIN)
    call.kill()
