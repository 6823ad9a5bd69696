"""The write-ahead list of what would undo each change that outlives its process.

One line a change, appended before the change is made: a JSON array of the
inverse's module, class and fields, and its checksum. Nothing here decides when to undo.
"""

import os
import time
from binascii import crc32

from pyrun import documents
from pyrun.contexts import suppress
from pyrun.errors import Corrupt
from pyrun.kernel import reading
from pyrun.operation import Operation, unwind
from pyrun.typed import Any

_SIZE_MAX = 1 << 24
_OURS = ("pyrun.kernel.", "pyrun.firewall.", "pyrun.network.", "pyrun.store", "pyrun.volume_store")  # have operations


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
        same = documents.parse(documents.written([kind.__module__, kind.__name__, list(values)]).encode())
        for row in _standing(self.path)[0]:
            if row[1:] == same:
                self._append([row[0]])

    def _append(self, row: list[Any]) -> None:
        text = documents.written(row).encode()
        line = b"%s %08x\n" % (text, crc32(text))
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(fd, line)
        finally:
            os.close(fd)


def unwind_journal(path: str) -> list[Exception]:
    """Undo everything noted in *path*, newest first, and remove it when all of it succeeded.

    Damage is a failure as any other: what can be read is undone all the same.
    """
    inverses, damage = read(path)
    failures: list[Exception] = [*damage, *unwind(inverses)]
    if not failures:
        with suppress(FileNotFoundError):
            os.unlink(path)
    return failures


def read(path: str) -> "tuple[list[Operation], list[Corrupt]]":
    """Read the journal at *path*: what is to be undone, newest first, and what in it cannot be trusted.

    A torn last line (killed while writing) stands for a change that was never made.
    """
    rows, damage = _standing(path)
    inverses = []
    for row in reversed(rows):
        try:
            inverses.append(_operation(path, row))
        except Corrupt as problem:
            damage = [problem]
    return inverses, damage


def _standing(path: str) -> "tuple[list[list[Any]], list[Corrupt]]":
    """Read what was not struck out, oldest first, and what cannot be trusted."""
    try:
        content = reading.read_limited(path, _SIZE_MAX)
    except FileNotFoundError:
        return [], []
    except OSError as cause:
        return [], [Corrupt(f"journal: {path}: {os.strerror(cause.errno or 0).lower()}")]
    rows, damage = [], []
    for line in content.splitlines(keepends=True):
        try:
            rows += [_row(path, line)] if line.endswith(b"\n") else []
        except Corrupt as problem:
            damage = [problem]
    void = {row[0] for row in rows if len(row) == 1}
    return [row for row in rows if len(row) > 1 and row[0] not in void], damage


def _row(path: str, line: bytes) -> list[Any]:
    text, _, checksum = line.rstrip(b"\n").rpartition(b" ")
    if checksum != b"%08x" % crc32(text):
        raise Corrupt(f"journal: {path}: damaged")
    try:
        row = documents.parse(text)
    except (ValueError, RecursionError) as cause:
        raise Corrupt(f"journal: {path}: not readable") from cause
    if not isinstance(row, list) or len(row) not in (1, 4) or not isinstance(row[0], str):
        raise Corrupt(f"journal: {path}: not one of ours")
    return row


def _operation(path: str, row: list[Any]) -> Operation:
    _, module, name, fields = row
    if not str(module).startswith(_OURS):
        raise Corrupt(f"journal: {path}: names a foreign module")
    try:
        kind: Any = getattr(__import__(module, fromlist=(name,)), name)
        operation: Operation = kind(*[tuple(f) if isinstance(f, list) else f for f in fields])
        operation.shell()  # looks at all fields
    except (ImportError, AttributeError, TypeError, ValueError) as cause:
        raise Corrupt(f"journal: {path}: unknown operation {module}.{name}") from cause
    return operation
