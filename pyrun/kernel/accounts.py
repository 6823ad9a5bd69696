"""Users and groups of a container: read from its own files, which may be anything but honest.

No name service is asked: glibc would load the container's libraries (security.md, finding 3).
"""

import os
import stat

from pyrun.errors import PyrunError
from pyrun.kernel.trees import open_in_root
from pyrun.typed import NamedTuple

ID_MAX = 2147483647
_SIZE_MAX, _LINE_MAX = 1 << 20, 1 << 16


class Account(NamedTuple):
    """Who a process is to be."""

    uid: int
    gid: int
    groups: tuple[int, ...]  # supplementary, the primary one included
    home: str


def resolve(root: int, user: str, extra: tuple[str, ...] = ()) -> Account:
    """Look up ``user[:group]`` and the *extra* groups in the files below descriptor *root*.

    A number is never looked up as a name. Errors: PyrunError for names that
    are not there and files that cannot be trusted.
    """
    name, _, group = user.partition(":")
    passwd = _table(root, "/etc/passwd", 7)
    groups = _table(root, "/etc/group", 4)
    uid, gid, login, home = _user(passwd, name or "0")
    supplementary: list[int] = []
    if group:
        gid = _group(groups, group)
    else:
        supplementary = [_number(row[2]) for row in groups if login and login in row[3].split(",")]
    supplementary += [_group(groups, each) for each in extra]
    return Account(uid, gid, tuple(sorted({gid, *(g for g in supplementary if g >= 0)})), home or "/")


def _user(passwd: list[list[str]], name: str) -> tuple[int, int, str, str]:
    number = as_number(name)
    for row in passwd:
        if (number is None and row[0] == name) or (number is not None and _number(row[2]) == number):
            uid, gid = _number(row[2]), _number(row[3])
            if uid < 0 or gid < 0:
                raise PyrunError(f"user: {name}: /etc/passwd of the container gives an invalid id")
            return uid, gid, row[0], row[5]
    if number is None:
        raise PyrunError(f"unable to find user {name}: no matching entries in passwd file")
    return number, 0, "", "/"


def _group(groups: list[list[str]], name: str) -> int:
    number = as_number(name)
    if number is not None:
        return number
    for row in groups:
        if row[0] == name and _number(row[2]) >= 0:
            return _number(row[2])
    raise PyrunError(f"unable to find group {name}: no matching entries in group file")


def as_number(text: str) -> "int | None":
    """Read an id; None for a name. Errors: PyrunError for a number that is no id (CVE-2024-40635)."""
    if not (text.isascii() and text.lstrip("+-").isdigit()):
        return None
    value = _number(text)
    if value < 0:
        raise PyrunError(f"user: {text}: ids are in range 0-{ID_MAX}")
    return value


def _number(text: str) -> int:
    """Read a plain decimal id; -1 for anything else."""
    plain = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if plain and int(text) <= ID_MAX else -1


def _table(root: int, path: str, columns: int) -> list[list[str]]:
    """Read colon-separated rows of a regular file, bounded; no rows when it is missing."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = open_in_root(root, path, flags)
    except OSError:
        return []
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise PyrunError(f"rootfs: {path}: not a regular file")
        if status.st_size > _SIZE_MAX:
            raise PyrunError(f"rootfs: {path}: larger than 1 MiB")
        content = b""
        while len(content) <= _SIZE_MAX and (portion := os.read(fd, 65536)):
            content += portion
    finally:
        os.close(fd)
    rows = (line.decode("utf-8", "surrogateescape").split(":") for line in content.split(b"\n")[:100000])
    return [row for row in rows if len(row) == columns and sum(map(len, row)) < _LINE_MAX]
