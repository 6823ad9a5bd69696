"""Mounts as operations: made detached, given their attributes, then attached by descriptor.

Targets inside a container's root are resolved with openat2(2), so that a
symbolic link in a hostile tree leads nowhere else (CVE-2021-30465 and its
family). What is mounted where is decided in `pyrun.plan.filesystem`.
"""

import errno
import os
import stat

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import peers, syscalls
from pyrun.kernel.files import quote
from pyrun.kernel.trees import NO_LINKS, ensure_in_root, in_root, open_in_root, opened
from pyrun.typed import NamedTuple

_ATTRIBUTES = {
    "ro": syscalls.MOUNT_ATTR_RDONLY,
    "nosuid": syscalls.MOUNT_ATTR_NOSUID,
    "nodev": syscalls.MOUNT_ATTR_NODEV,
    "noexec": syscalls.MOUNT_ATTR_NOEXEC,
    "strictatime": syscalls.MOUNT_ATTR_STRICTATIME,
}


def attributes(options: str) -> int:
    """Turn per-mount *options* (comma-separated) into MOUNT_ATTR_… bits."""
    bits = 0
    for option in filter(None, options.split(",")):
        bits |= _ATTRIBUTES[option]
    return bits


class MakePrivate(NamedTuple):
    """From here on no mount of ours is seen outside, and none from outside in here."""

    def apply(self) -> None:
        syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return "mount --make-rprivate /"

    def why(self) -> str:
        return "no mount made here shows outside"


class MountOverlay(NamedTuple):
    """The root: *lower* stays untouched, every change goes to *upper*."""

    lower: str
    upper: str
    work: str
    target: str
    options: str = "nodev"
    closed: bool = False  # only to be looked at, also where somebody else has it mounted: nothing is written

    def apply(self) -> None:
        context = file_system("overlay")
        try:
            self._configure(context)
            fd = syscalls.fsmount(context, attributes(self.options))
        finally:
            os.close(context)
        attach(fd, os.open(self.target, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC))

    def _configure(self, context: int) -> None:
        # A parameter ends at 255 bytes, and colons, commas and backslashes mean something in it:
        # a lower path that is long or has them is named by descriptor.
        lower = os.open(self.lower, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        plain = len(self.lower) < 200 and not any(c in self.lower for c in ":,\\")
        named = self.lower if plain else f"/proc/self/fd/{lower}"
        layers: tuple[tuple[str, str], ...] = (("lowerdir", named), ("upperdir", self.upper), ("workdir", self.work))
        if self.closed:
            layers = (("lowerdir", f"{self.upper}:/proc/self/fd/{lower}"),)
        try:
            for key, path in (("source", "overlay"), *layers):
                syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, key.encode(), os.fsencode(path))
            syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
        finally:
            os.close(lower)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        lower = self.lower.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
        layers = f"lowerdir={lower},upperdir={self.upper},workdir={self.work}"
        layers = f"lowerdir={self.upper}:{lower}" if self.closed else layers
        return f"mount -t overlay -o {self.options},{quote(layers)} overlay {quote(self.target)}"

    def why(self) -> str:
        return "the root file system, its original left as it is"


class MountFilesystem(NamedTuple):
    """A new file system at *target* inside *root*, which must be an ordinary directory there."""

    fstype: str
    source: str
    root: str
    target: str
    options: str = ""  # per mount: nosuid,nodev,noexec,ro,strictatime
    parameters: str = ""  # of the superblock: size=…,mode=…
    reason: str = ""
    make: bool = True  # make the directory when the root lacks it

    def apply(self) -> None:
        context = file_system(self.fstype)
        try:
            syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, b"source", self.source.encode())
            for parameter in filter(None, self.parameters.split(",")):
                key, equals, value = parameter.partition("=")
                command = syscalls.FSCONFIG_SET_STRING if equals else syscalls.FSCONFIG_SET_FLAG
                syscalls.fsconfig(context, command, key.encode(), value.encode() if equals else None)
            if "ro" in self.options.split(","):  # as mount(8): the file system itself, not only this mount of it
                syscalls.fsconfig(context, syscalls.FSCONFIG_SET_FLAG, b"ro")
            syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
            fd = syscalls.fsmount(context, attributes(self.options))
        finally:
            os.close(context)
        attach(fd, ordinary_directory(self.root, self.target, self.make))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        options = ",".join(filter(None, (self.options, self.parameters)))
        target = quote(self.root.rstrip("/") + self.target)
        make = f"mkdir -p {target} && " if self.make else ""
        return f"{make}mount -t {self.fstype}{' -o ' + options if options else ''} {self.source} {target}"

    def why(self) -> str:
        return self.reason or f"{self.target} of the container"


class MakeSource(NamedTuple):
    """A directory of the host that a volume names and nobody has made yet; it stays, as in Docker."""

    path: str

    def apply(self) -> None:
        with suppress(FileExistsError):
            os.mkdir(self.path, 0o755)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"mkdir -m 755 {quote(self.path)}"

    def why(self) -> str:
        return "a volume's source, which is missing"


class BindMount(NamedTuple):
    """What *source* shows, also at *target* inside *root*; a missing target is made of the same kind."""

    source: str
    root: str
    target: str
    options: str = "nodev"
    recursive: bool = True
    made: bool = False  # a missing source is made, as a directory, before this
    reason: str = "a volume"
    propagation: str = ""  # [r]shared and [r]slave need that peers.KeepPeer took it before

    def apply(self) -> None:
        kind = self.propagation.removeprefix("r")
        peer = kind in ("shared", "slave")
        fd = peers.taken(self.source) if peer else peers.cloned(self.source, self.recursive)
        try:
            target = self._target(stat.S_ISDIR(os.fstat(fd).st_mode))
        except BaseException:
            os.close(fd)
            raise
        change = {"shared": 0, "slave": syscalls.MS_SLAVE}.get(kind, syscalls.MS_PRIVATE)
        syscalls.mount_setattr(fd, attributes(self.options), 0, change, recursive=True)
        attach(fd, target)

    def _target(self, directory: bool) -> int:
        """Open where it is mounted. Errors: OSError, PyrunError for what is of the other kind or cannot be made."""
        with opened(self.root) as root:
            try:
                target = ensure_in_root(root, self.target, directory)
            except OSError as cause:
                raise self._explained(root, cause) from cause
            _refuse_kernel_target(root, target, self.target)
            return target

    def _explained(self, root: int, cause: OSError) -> OSError | PyrunError:
        own = self.source.startswith(paths.STATE)  # one of the files that every container gets
        if cause.errno == errno.EISDIR:
            what = "a file" if own else f"the file {self.source}"
            hint = "" if own else f"did you mean {self.target}/{os.path.basename(self.source)}?"
            return PyrunError(f"mount: {self.target}: {what} cannot lie over a directory of the container", hint=hint)
        if cause.errno == errno.EROFS:
            hint = "make it there, or leave out ro"
            return PyrunError(f"mount: {self.target}: is missing in a read-only mount", hint=hint)
        if cause.errno != errno.ENOTDIR:
            return cause
        with suppress(OSError), in_root(root, self.target):
            return PyrunError(
                f"mount: {self.target}: the directory {self.source} cannot lie over a file of the container",
                hint="choose another place for it",
            )
        return PyrunError(f"mount: {self.target}: a file of the container is on the way to it")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        target, source = quote(self.root.rstrip("/") + self.target), quote(self.source)
        directory = os.path.isdir(self.source) or (self.made and not os.path.lexists(self.source))
        make = f"mkdir -p {target}" if directory else f"touch {target}"
        bind = "--rbind" if self.recursive else "--bind"
        remount = f" && mount -o remount,bind,{self.options} {target}" if self.options else ""
        return f"{make} && mount {bind} {source} {target}{remount}{self._propagated(target)}"

    def _propagated(self, target: str) -> str:
        return f" && mount --make-{self.propagation} {target}" if self.propagation else ""

    def why(self) -> str:
        return self.reason


class MakeRootReadOnly(NamedTuple):
    """No writing to the root file system from here on; mounts below keep their own rules."""

    root: str

    def apply(self) -> None:
        fd = os.open(self.root, os.O_PATH | os.O_CLOEXEC)
        try:
            syscalls.mount_setattr(fd, syscalls.MOUNT_ATTR_RDONLY)
        finally:
            os.close(fd)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"mount -o remount,bind,ro {quote(self.root)}"

    def why(self) -> str:
        return "--read-only"


class RemountReadOnly(NamedTuple):
    """The mount at *target* inside *root* can no longer be written."""

    root: str
    target: str
    reason: str = "its layout is fixed"

    def apply(self) -> None:
        with opened(self.root) as root:
            fd = open_in_root(root, self.target, os.O_PATH | os.O_DIRECTORY)
        try:
            syscalls.mount_setattr(fd, syscalls.MOUNT_ATTR_RDONLY)
        finally:
            os.close(fd)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"mount -o remount,bind,ro {quote(self.root.rstrip('/') + self.target)}"

    def why(self) -> str:
        return self.reason


class MountTmpfs(NamedTuple):
    """A volume in memory at *target* inside *root*, links in the tree resolved within it."""

    root: str
    target: str
    options: str
    parameters: str
    reason: str

    def apply(self) -> None:
        context = file_system("tmpfs")
        try:
            syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, b"source", b"tmpfs")
            for parameter in filter(None, self.parameters.split(",")):
                key, _, value = parameter.partition("=")
                syscalls.fsconfig(context, syscalls.FSCONFIG_SET_STRING, key.encode(), value.encode())
            syscalls.fsconfig(context, syscalls.FSCONFIG_CMD_CREATE)
            fd = syscalls.fsmount(context, attributes(self.options))
        finally:
            os.close(context)
        with opened(self.root) as root:
            target = ensure_in_root(root, self.target, directory=True)
            _refuse_kernel_target(root, target, self.target)
        attach(fd, target)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        target = quote(self.root.rstrip("/") + self.target)
        options = ",".join(filter(None, (self.options, self.parameters)))
        return f"mkdir -p {target} && mount -t tmpfs -o {options} tmpfs {target}"

    def why(self) -> str:
        return self.reason


class PivotRoot(NamedTuple):
    """The container's root becomes ours, and the host's is let go of."""

    root: str

    def apply(self) -> None:
        os.chdir(self.root)
        syscalls.pivot_root(b".", b".")  # the old root, in which all is private, now lies over the new one
        syscalls.umount(".", syscalls.MNT_DETACH)
        os.chdir("/")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"cd {quote(self.root)} && pivot_root . . && umount -l . && cd /"

    def why(self) -> str:
        return "the host's files are out of reach now"


def file_system(fstype: str) -> int:
    """Open the context of a new file system. Errors: PyrunError when the kernel has none of that type."""
    try:
        return syscalls.fsopen(fstype.encode())
    except OSError as cause:
        if cause.errno != errno.ENODEV:
            raise
        raise PyrunError(f"mount: {fstype}: the running kernel lacks this file system") from cause


def attach(mount: int, target: int) -> None:
    """Attach a detached mount and close both descriptors."""
    try:
        syscalls.move_mount(mount, target)
    finally:
        os.close(mount)
        os.close(target)


def ordinary_directory(root_path: str, path: str, make: bool) -> int:
    """Open a mount point of ours: no link may stand in for it (CVE-2019-19921, CVE-2026-47766)."""
    with opened(root_path) as root:
        try:
            return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, NO_LINKS)
        except OSError as cause:
            if cause.errno in (errno.ELOOP, errno.ENOTDIR):
                raise PyrunError(f"rootfs: {path}: must be an ordinary directory") from cause
            if cause.errno != errno.ENOENT or not make:
                raise
        parent, _, name = path.rpartition("/")
        with in_root(root, parent, os.O_PATH | os.O_DIRECTORY) as directory, suppress(FileExistsError):
            os.mkdir(name, 0o755, dir_fd=directory)
        return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, NO_LINKS)


def _refuse_kernel_target(root: int, target: int, path: str) -> None:
    """Refuse a volume over the root or a kernel file system, whatever links led there (CVE-2019-16884)."""
    status, top = os.fstat(target), os.fstat(root)
    forbidden = (status.st_dev, status.st_ino) == (top.st_dev, top.st_ino)
    for mounted in ("/proc", "/sys", "/dev/pts"):
        with suppress(OSError), in_root(root, mounted, os.O_PATH | os.O_DIRECTORY) as kernel:
            forbidden = forbidden or os.fstat(kernel).st_dev == status.st_dev != top.st_dev
    if forbidden:
        raise PyrunError(f"volume: {path}: may not lie over the root or a kernel file system")
