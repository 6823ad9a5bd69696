"""The chronicle of this host: a line for each thing that happened to a container, network, volume or root file system.

Every process that makes something happen appends it by itself, lean monitors too, so imports stay few; nobody waits
for it, and nothing fails because it could not be written. Reading it is in `pyrun.runtime.events`.
"""

import fcntl
import posix  # os costs a monitor a quarter of a megabyte more
import time
from _json import encode_basestring_ascii as _quoted

from pyrun import paths

MYPY = False
if MYPY:
    from pyrun.spec import ContainerConfig, Mount, Network

FILE_SIZE = 4 * 1024 * 1024  # bytes; one former file is kept
_LONGEST = 32 * 1024  # bytes of a line: what is longer than that has its attributes cut
_CUT = 200  # characters
_FLAGS = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW


def note(kind: str, action: str, actor: str, attributes: "dict[str, str]", fd: int = -1) -> None:
    """Note that *action*, a word of Docker's, has happened to *actor*, the id (a volume's name) of something of *kind*.

    *kind* is container, network, volume or rootfs; *fd* is `opened` before, for who cannot open it any more.
    Never fails: what cannot be written is not known later.
    """
    now = time.time_ns()
    line = _line(now, kind, action, actor, attributes)
    if len(line) > _LONGEST:
        line = _line(now, kind, action, actor, {key[:_CUT]: value[:_CUT] for key, value in attributes.items()})
    try:
        if fd >= 0:
            posix.write(fd, line)
        else:
            _append(line)
    except OSError:
        return


def container(identity: str, config: "ContainerConfig | None", action: str, fd: int = -1, **more: str) -> None:
    """Note what has happened to a container; *more* is what else is told beside its image, name and labels."""
    attributes = dict(more)
    if config:
        labels = (label.partition("=") for label in getattr(config, "labels", ()))
        attributes = {**{key: value for key, _, value in labels}, "image": config.image, "name": config.name, **more}
    note("container", action, identity, attributes, fd)


def network(net: "Network", action: str, container: str = "") -> None:
    """Note what has happened to a network: created, destroyed, or a *container*, by its id, was connected or not."""
    on = {"container": container} if container else {}
    note("network", action, net.id, {**on, "name": net.name, "type": "bridge"})


def volume(name: str, action: str, container: str = "", mount: "Mount | None" = None) -> None:
    """Note what has happened to a volume: created, destroyed, or mounted or not, by its id, in a *container*."""
    attributes = {"container": container} if container else {}
    if mount:
        attributes |= {"destination": mount.target, "propagation": "", "read/write": str(not mount.read_only).lower()}
    note("volume", action, name, {**attributes, "driver": "local"})


def opened() -> int:
    """Open the chronicle for `note`, by a process that will be elsewhere by then; -1 when that fails."""
    try:
        return posix.open(paths.EVENTS, _FLAGS, 0o600)
    except OSError:
        return -1


def _line(now: int, kind: str, action: str, actor: str, attributes: "dict[str, str]") -> bytes:
    """Write an event as a JSON array in a line of its own, whoever was torn off in writing the one before it."""
    pairs = ",".join([f"{_quoted(key)}:{_quoted(value)}" for key, value in attributes.items()])
    return f"\n[{now},{_quoted(kind)},{_quoted(action)},{_quoted(actor)},{{{pairs}}}]\n".encode()


def _append(line: bytes) -> None:
    """Append with one write, which the kernel does as a whole. Errors: OSError."""
    fd = posix.open(paths.EVENTS, _FLAGS, 0o600)
    try:
        if posix.fstat(fd).st_size >= FILE_SIZE and _rotate(fd):
            posix.close(fd)
            fd = posix.open(paths.EVENTS, _FLAGS, 0o600)
        posix.write(fd, line)
    finally:
        posix.close(fd)


def _rotate(fd: int) -> bool:
    """Make the file the former one, unless somebody else does so just now; tell whether to open it anew."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if posix.stat(paths.EVENTS).st_ino == posix.fstat(fd).st_ino:
            posix.rename(paths.EVENTS, paths.EVENTS_FORMER)
    except OSError:
        return False
    return True
