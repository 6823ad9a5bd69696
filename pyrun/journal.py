"""The write-ahead list of what would undo each change that outlives its process.

One line a change, appended before the change is made: a JSON array of the
inverse's module, class and fields. Nothing here decides when to undo.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from importlib import import_module

from pyrun.errors import Corrupt
from pyrun.operation import Operation, unwind
from pyrun.typed import Any


class FileJournal:
    """A journal in a file under /run, so that a reboot forgets it together with what it names."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._count = 0

    def intend(self, inverse: Operation) -> str:
        """Note *inverse* and return its entry. Errors: OSError when the file cannot be written."""
        values: Any = inverse
        fields = list(values)
        kind = type(inverse)
        self._count += 1
        entry = f"{os.getpid()}.{time.monotonic_ns()}.{self._count}"
        self._append([entry, kind.__module__, kind.__name__, fields])
        return entry

    def void(self, entry: str) -> None:
        """Strike out *entry*: its change was refused, so there is nothing to undo."""
        self._append([entry])

    def strike(self, inverse: Operation) -> None:
        """Strike out all entries of *inverse*: it has been applied, and may be wrong by the time of unwinding."""
        values: Any = inverse
        kind = type(inverse)
        same = json.loads(json.dumps([kind.__module__, kind.__name__, list(values)]))
        for row in _standing(self.path):
            if row[1:] == same:
                self._append([row[0]])

    def _append(self, row: list[Any]) -> None:
        line = json.dumps(row).encode() + b"\n"
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)


def inverses(path: str) -> Iterator[Operation]:
    """Read the journal at *path*, newest first, without what was struck out.

    A torn last line (killed while writing) stands for a change that was never
    made. Errors: Corrupt when any other line is not one of ours.
    """
    for row in reversed(_standing(path)):
        yield _operation(path, row)


def unwind_journal(path: str) -> list[Exception]:
    """Undo everything noted in *path*, newest first, and remove it when all of it succeeded."""
    failures: list[Exception] = list(unwind(inverses(path)))
    if not failures:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    return failures


def _standing(path: str) -> list[list[Any]]:
    """Read what was not struck out, oldest first. Errors: Corrupt."""
    try:
        with open(path, "rb") as file:
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    rows = [_row(path, line) for line in lines if line.endswith(b"\n")]
    void = {row[0] for row in rows if len(row) == 1}
    return [row for row in rows if len(row) > 1 and row[0] not in void]


def _row(path: str, line: bytes) -> list[Any]:
    try:
        row = json.loads(line)
    except ValueError as cause:
        raise Corrupt(f"journal: {path}: not readable") from cause
    if not isinstance(row, list) or len(row) not in (1, 4):
        raise Corrupt(f"journal: {path}: not one of ours")
    return row


def _operation(path: str, row: list[Any]) -> Operation:
    _, module, name, fields = row
    if not str(module).startswith(("pyrun.kernel.", "pyrun.firewall.", "pyrun.network.", "pyrun.store")):
        raise Corrupt(f"journal: {path}: names a foreign module")
    kind: Any = getattr(import_module(module), name, None)
    if kind is None:
        raise Corrupt(f"journal: {path}: unknown operation {name}")
    operation: Operation = kind(*[tuple(f) if isinstance(f, list) else f for f in fields])
    return operation
