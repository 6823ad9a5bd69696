"""The root file systems that have a name: listed, measured, described, removed. How they come is in `intake`."""

import os
import stat

from pyrun import options, paths, rootfs, store
from pyrun.contexts import suppress
from pyrun.errors import NotFound, PyrunError
from pyrun.kernel import syscalls, trees
from pyrun.rootfs import unfinished
from pyrun.store import Container
from pyrun.typed import NamedTuple

_MACHINES = {3: "386", 8: "mips64le", 21: "ppc64le", 22: "s390x", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64"}
_MACHINES |= {258: "loong64"}
_PROGRAMS = ("bin/sh", "bin/busybox", "sbin/init", "usr/bin/env")
_RELEASES = ("etc/os-release", "usr/lib/os-release")
_LIMIT = 1 << 16  # bytes of os-release


class Tree(NamedTuple):
    """A root file system by its name."""

    name: str
    path: str  # where the name is
    directory: str  # where that leads, which is what containers know


class Facts(NamedTuple):
    """What is true of one now."""

    name: str
    size: int  # bytes of its files
    files: int  # of all kinds
    created: float  # seconds since the epoch
    containers: tuple[Container, ...]  # those that have it


def every() -> list[Tree]:
    """List those that there are, by name; of a name in two places the one that `run` finds."""
    return [Tree(name, path, os.path.realpath(path)) for name, path in sorted(rootfs.places().items())]


def find(name: str) -> Tree:
    """Find one by name. Errors: NotFound, with what was meant where something is alike."""
    path = rootfs.places().get(name)
    if path is None:
        raise NotFound(f"no such rootfs: {options.show(name)}", hint=rootfs.meant(name))
    return Tree(name, path, os.path.realpath(path))


def every_fact() -> list[Facts]:
    """Look at each of those that there are; one that is removed meanwhile is none."""
    found = []
    for tree in every():
        with suppress(FileNotFoundError):
            found.append(facts(tree))
    return found


def facts(tree: Tree) -> Facts:
    """Look at one."""
    return Facts(tree.name, *_size(tree.directory), _created(tree.directory), tuple(users(tree.directory)))


def _size(directory: str) -> tuple[int, int]:
    """Count the bytes and the number of files, each once whatever names it has; mounts are not entered."""
    device, places = os.stat(directory).st_dev, [directory]
    total, count, seen = 0, 0, set()
    while places:
        with suppress(OSError), os.scandir(places.pop()) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                count += 1
                if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    places.append(entry.path)
                elif stat.S_ISREG(status.st_mode) and status.st_ino not in seen:
                    total += status.st_size
                    if status.st_nlink > 1:
                        seen.add(status.st_ino)
    return total, count


def _created(directory: str) -> float:
    """Give when the directory was made: an archive's own times do not tell."""
    return syscalls.birth_time(os.fsencode(directory)) or os.stat(directory).st_ctime


def users(directory: str) -> list[Container]:
    """List the containers, also those that do not run, whose root file system it is or lies in it."""
    found = []
    for container in store.containers():
        root = container.config.rootfs if container.config else ""
        if root == directory or root.startswith(f"{directory}/"):
            found.append(container)
    return found


def remove(tree: Tree) -> None:
    """Remove a root file system that no container has. Errors: PyrunError naming who has it, or what is in the way."""
    if not tree.path.startswith(f"{paths.ROOTFS}/"):
        raise PyrunError(f"rootfs: {tree.name}: {tree.path} is not pyrun's", 1, f"rm -r {tree.path}")
    try:
        _refuse_used(tree)
        if os.path.islink(tree.path):
            os.unlink(tree.path)
            return
        with unfinished.removed(tree.path):
            _refuse_used(tree)  # by one that was started meanwhile; those that come now do not find it
    except OSError as cause:
        raise PyrunError(f"rootfs: {tree.name}: {os.strerror(cause.errno or 0).lower()}", 1) from cause


def _refuse_used(tree: Tree) -> None:
    names = [container.name for container in users(tree.directory)]
    if names:
        hint = f"pyrun rm -f {' '.join(names)}"
        raise PyrunError(
            f"rootfs: {tree.name}: is used by container{'s' * (len(names) > 1)} {', '.join(names)}", 1, hint
        )


def architecture(tree: Tree) -> str:
    """Tell by its programs what machine it is for, in Go's words; empty when they do not say."""
    for path in _PROGRAMS:
        head = _read(tree.directory, path, 20)
        if head[:4] == b"\x7fELF":
            return _MACHINES.get(int.from_bytes(head[18:20], "little" if head[5] == 1 else "big"), "")
    return ""


def release(tree: Tree) -> dict[str, str]:
    """Give what os-release(5) says in it."""
    content = next(filter(None, (_read(tree.directory, path, _LIMIT) for path in _RELEASES)), b"")
    found = {}
    for line in content.decode(errors="replace").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and key.replace("_", "").isalnum():
            found[key] = value.strip("\"'")
    return found


def _read(directory: str, path: str, count: int) -> bytes:
    """Read the beginning of a file in a tree, whose links lead nowhere else; nothing where there is none."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
    with suppress(OSError), trees.opened(directory) as root, trees.in_root(root, path, flags) as fd:
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return os.read(fd, count)
    return b""
