"""Reads a container's json-file log back: all of it, and on request what is still to come."""

import json
import os
import time
from collections.abc import Iterator

from pyrun import paths
from pyrun.runtime.logwriter import FILES
from pyrun.store import Container

_POLL = 0.05  # seconds


def print_log(container: Container, follow: bool) -> int:
    """Write the log to standard output and error, as it was written; give the exit code."""
    for stream, text in read(container, follow):
        os.write(2 if stream == "stderr" else 1, text.encode("utf-8", "surrogateescape"))
    return 0


def read(container: Container, follow: bool) -> Iterator[tuple[str, str]]:
    """Give (stream, text) for each record; a torn record is left out. With *follow*, go on to the end."""
    base = f"{paths.container(container.id)}/container.log"
    for number in range(FILES - 1, 0, -1):
        if os.path.exists(f"{base}.{number}"):
            with open(f"{base}.{number}", "rb") as file:
                yield from filter(None, map(_record, file))
    if os.path.exists(base):
        yield from _current(container, base, follow)


def _current(container: Container, base: str, follow: bool) -> Iterator[tuple[str, str]]:
    file = open(base, "rb")  # noqa: SIM115  # replaced by the next one when the log is rotated
    try:
        rest = b""
        while True:
            running = follow and container.status().state == "running"
            while line := file.readline():
                rest += line
                if rest.endswith(b"\n"):
                    record, rest = _record(rest), b""
                    if record:
                        yield record
            if os.path.exists(base) and os.stat(base).st_ino != os.fstat(file.fileno()).st_ino:
                file.close()
                file = open(base, "rb")  # noqa: SIM115
            elif not running:
                return
            else:
                time.sleep(_POLL)
    finally:
        file.close()


def _record(line: bytes) -> "tuple[str, str] | None":
    try:
        record = json.loads(line)
        return str(record["stream"]), str(record["log"])
    except (ValueError, TypeError, KeyError):
        return None
