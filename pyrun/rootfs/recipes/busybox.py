"""The machine's static busybox and its applets: nothing to download."""

import os
import time

from pyrun.archive.tar import Member
from pyrun.contexts import contextmanager
from pyrun.rootfs.recipes import Listener, Wish, failure, output, program
from pyrun.typed import Iterator

_KIND = "busybox"
_DIRECTORIES = (
    *((b"bin", 0o755), (b"dev", 0o755), (b"etc", 0o755), (b"proc", 0o755)),
    *((b"root", 0o700), (b"sys", 0o755), (b"tmp", 0o1777)),
)
_ACCOUNTS = (
    (b"etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"),
    (b"etc/group", b"root:x:0:\nstaff:x:50:user\nuser:x:1000:\n"),
)


@contextmanager
def members(wish: Wish, _: Listener) -> Iterator[Iterator[Member]]:
    """Give the members. Errors: PyrunError when there is no busybox, or it needs libraries."""
    if wish.suite or wish.include:
        raise failure(_KIND, "takes neither a suite nor packages")
    busybox = program(_KIND, "busybox", "busybox-static")
    with open(os.path.realpath(busybox), "rb") as file:
        content = file.read()
    if _is_dynamic(content):
        raise failure(_KIND, f"{busybox} needs libraries", "apt-get install busybox-static")
    yield _members(content, output(busybox, "--list").split())


def _members(busybox: bytes, applets: list[str]) -> Iterator[Member]:
    now = time.time_ns()
    for name, mode in _DIRECTORIES:
        yield Member(name, "directory", mode, mtime=now)
    for name, content, mode in ((b"bin/busybox", busybox, 0o755), *((*each, 0o644) for each in _ACCOUNTS)):
        yield _file(name, content, mode, now)
    for applet in applets:
        if applet != "busybox":
            yield Member(b"bin/" + os.fsencode(applet), "symlink", 0o777, mtime=now, target=b"busybox")


def _file(name: bytes, content: bytes, mode: int, moment: int) -> Member:
    return Member(name, "file", mode, mtime=moment, size=len(content), pieces=lambda: iter([(0, content)]))


def _is_dynamic(content: bytes) -> bool:
    """Claim that the ELF file has a PT_INTERP entry (elf(5)), so needs a loader that the tree has not."""
    if content[:5] != b"\x7fELF\x02":
        raise failure(_KIND, "the machine's busybox is no 64-bit ELF file")
    start, size, count = (int.from_bytes(content[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
    return any(content[start + size * i : start + size * i + 4] == b"\x03\0\0\0" for i in range(count))
