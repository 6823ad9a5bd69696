"""What an archive holds, made below a directory and nowhere else, whoever wrote the archive.

Every path is resolved by openat2(2) from the directory's descriptor, as a container with this root would: links
lead inside, `..` is refused in names, nothing that is there is ever opened for writing. Device files are never made:
a 0:0 one is a whiteout to overlayfs, the others are the host's devices. Names and numbers are all that is looked at,
no account is looked up (CVE-2019-14271).
"""

import errno
import os
import stat

from pyrun.archive.tar import Member, refusal
from pyrun.contexts import suppress
from pyrun.kernel import files, trees
from pyrun.typed import Callable, Iterable, NamedTuple

_ID_MAX = (1 << 31) - 1  # 2^32 - 1 means to chown(2) that nothing shall change
_PATH_MAX = 4095
_MOMENT_MAX = 1 << 63  # nanoseconds; what is beyond is that
_MOMENTS_MAX = 32 << 20  # bytes of the paths of directories that are kept until the end
_CAPABILITY = b"security.capability"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Policy(NamedTuple):
    """What an archive may do to the directory; by default the least."""

    owner: "tuple[int, int] | None" = None  # the user and group of everything; None: those that the archive names
    setuid: bool = False  # keep the set-id bits and capabilities of files
    keep_kinds: bool = False  # what is there stays a directory, or stays none
    members: int = 1 << 21
    size: int = 32 << 30  # bytes of all files together, holes included
    depth: int = 256  # of directories


class Report(NamedTuple):
    """What has been made."""

    members: int
    size: int  # bytes of all files
    left_out: int  # device files


def unpack(members: Iterable[Member], root: int, policy: Policy = Policy(), at: bytes = b"") -> Report:  # noqa: B008
    """Make *members* below the path *at* in the tree of the directory descriptor *root*.

    Where a name is taken, what is there is replaced, never written to; a directory stays, with the new one's
    attributes. The entry for *at* itself changes nothing, as with Docker. What was made before an error stays.
    Errors: PyrunError naming the member; what the policy forbids, and every OSError.
    """
    unpacking = _Unpacking(root, policy, at)
    mask = os.umask(0)
    try:
        for member in members:
            unpacking.add(member)
        unpacking.set_moments()
    finally:
        os.umask(mask)
        unpacking.let_go()
    return Report(unpacking.count, unpacking.size, unpacking.left_out)


class _Unpacking:
    """The directory while it is filled: the last parent is kept open, directories get their times at the end."""

    def __init__(self, root: int, policy: Policy, at: bytes) -> None:
        self.count = self.size = self.left_out = 0
        self._root, self._policy, self._at = root, policy, _parts(at)
        self._parent, self._parent_path = -1, b""
        self._moments: list[tuple[bytes, int]] = []
        self._moments_left = _MOMENTS_MAX

    def add(self, member: Member) -> None:
        """Make one member. Errors: PyrunError."""
        self._admit(member)
        parts = _parts(member.name)
        if member.kind == "device":
            self.left_out += 1
        elif parts:
            try:
                self._make(member, [*self._at, *parts])
            except OSError as cause:
                raise refusal(member.name, os.strerror(cause.errno or 0).lower()) from cause

    def set_moments(self) -> None:
        """Set the times of directories, now that nothing more is put into them."""
        for path, moment in self._moments:
            with suppress(OSError):  # something else has taken its place
                fd = trees.open_in_root(self._root, os.fsdecode(path), os.O_RDONLY | os.O_DIRECTORY)
                try:
                    os.utime(fd, ns=(moment, moment))
                finally:
                    os.close(fd)

    def let_go(self) -> None:
        """Close the last parent."""
        if self._parent >= 0:
            os.close(self._parent)
        self._parent = -1

    def _admit(self, member: Member) -> None:
        self.count += 1
        self.size += member.size
        if self.count > self._policy.members:
            raise refusal(member.name, f"more than {self._policy.members} files")
        if self.size > self._policy.size:
            raise refusal(member.name, f"more than {self._policy.size} bytes")
        if self._policy.owner is None and not (0 <= member.uid <= _ID_MAX and 0 <= member.gid <= _ID_MAX):
            raise refusal(member.name, f"belongs to {member.uid}:{member.gid}, which can be nobody")

    def _make(self, member: Member, parts: list[bytes]) -> None:
        if len(parts) > self._policy.depth:
            raise refusal(member.name, f"more than {self._policy.depth} directories deep")
        parent, name = self._opened(b"/".join(parts[:-1])), parts[-1]
        if member.kind == "directory" and self._moments_left > 0:
            self._moments.append((b"/".join(parts), _moment(member)))
            self._moments_left -= len(member.name)
        self._makers[member.kind](self, member, parent, name)

    def _opened(self, path: bytes) -> int:
        """Give the directory *path*, made where it is missing."""
        if self._parent < 0 or path != self._parent_path:
            self.let_go()
            self._parent = trees.ensure_in_root(self._root, os.fsdecode(path), directory=True)
            self._parent_path = path
        return self._parent

    def _file(self, member: Member, parent: int, name: bytes) -> None:
        fd = self._anew(member, parent, name, lambda: os.open(name, _NEW, 0o600, dir_fd=parent))
        try:
            end = 0
            for offset, content in member.pieces():
                if offset != end:
                    os.lseek(fd, offset, os.SEEK_SET)
                files.write_all(fd, content)
                end = offset + len(content)
            if end != member.size:
                os.ftruncate(fd, member.size)
            self._describe(member, fd)
        finally:
            os.close(fd)

    def _directory(self, member: Member, parent: int, name: bytes) -> None:
        self._anew(member, parent, name, lambda: os.mkdir(name, 0o700, dir_fd=parent))
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            self._describe(member, fd)
        finally:
            os.close(fd)

    def _symlink(self, member: Member, parent: int, name: bytes) -> None:
        if not member.target or len(member.target) > _PATH_MAX or b"\0" in member.target:
            raise refusal(member.name, "a link to nowhere")
        self._anew(member, parent, name, lambda: os.symlink(member.target, name, dir_fd=parent))
        self._own(member, parent, name)

    def _fifo(self, member: Member, parent: int, name: bytes) -> None:
        self._anew(member, parent, name, lambda: os.mkfifo(name, member.mode & 0o777, dir_fd=parent))
        self._own(member, parent, name)

    def _hardlink(self, member: Member, parent: int, name: bytes) -> None:
        """Link to another member, or what else is there; to a link itself, not to where it leads."""
        *above, last = [*self._at, *_parts(member.target)] or [b""]
        if not last:
            raise refusal(member.name, "a link to nowhere")
        with trees.in_root(self._root, os.fsdecode(b"/".join(above)), os.O_PATH | os.O_DIRECTORY) as place:
            if _is_same(place, last, parent, name):
                return
            options = {"src_dir_fd": place, "dst_dir_fd": parent}
            self._anew(member, parent, name, lambda: os.link(last, name, **options, follow_symlinks=False))

    _makers: "dict[str, Callable[[_Unpacking, Member, int, bytes], None]]" = {  # noqa: RUF012
        "file": _file,
        "directory": _directory,
        "symlink": _symlink,
        "hardlink": _hardlink,
        "fifo": _fifo,
    }

    def _anew(self, member: Member, parent: int, name: bytes, make: "Callable[[], int | None]") -> int:
        """Make what must not be there yet, after what is there has been taken away."""
        try:
            return make() or 0
        except FileExistsError:
            kept = self._clear(member, parent, name)
            return 0 if kept else make() or 0

    def _clear(self, member: Member, parent: int, name: bytes) -> bool:
        """Remove what has the name; True when it is a directory and stays."""
        is_directory = stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        if is_directory and member.kind == "directory":
            return True
        if self._policy.keep_kinds and is_directory != (member.kind == "directory"):
            raise refusal(member.name, f"would replace a {'' if is_directory else 'non-'}directory")
        if not is_directory:
            os.unlink(name, dir_fd=parent)
            return False
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError as cause:
            if cause.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            raise refusal(member.name, "is a directory with something in it") from cause
        return False

    def _describe(self, member: Member, fd: int) -> None:
        """Set owner, permissions, attributes and times, in the order in which none undoes another."""
        os.fchown(fd, *(self._policy.owner or (member.uid, member.gid)))
        is_privileged = member.kind == "file" and not self._policy.setuid
        os.fchmod(fd, member.mode & (0o1777 if is_privileged else 0o7777))
        for name, value in member.xattrs:
            if name.startswith(b"user.") and not name.startswith(b"user.overlay."):
                with suppress(OSError):  # not every file system has them
                    os.setxattr(fd, name, value)
            elif name == _CAPABILITY and member.kind == "file" and self._policy.setuid:
                os.setxattr(fd, name, value)
        os.utime(fd, ns=(_moment(member),) * 2)

    def _own(self, member: Member, parent: int, name: bytes) -> None:
        """Set the owner and the times of what cannot be opened."""
        os.chown(name, *(self._policy.owner or (member.uid, member.gid)), dir_fd=parent, follow_symlinks=False)
        os.utime(name, ns=(_moment(member),) * 2, dir_fd=parent, follow_symlinks=False)


def _parts(name: bytes) -> list[bytes]:
    """Give the parts of a path below the root. Errors: PyrunError for what cannot be one."""
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise refusal(name, "leads outside")
    if b"\0" in name or len(name) > _PATH_MAX:
        raise refusal(name, "is no path")
    return parts


def _is_same(place: int, name: bytes, other_place: int, other_name: bytes) -> bool:
    """Claim that both names are of one file already, which rename(2) and link(2) take for success."""
    with suppress(FileNotFoundError):
        here = os.stat(name, dir_fd=place, follow_symlinks=False)
        return os.path.samestat(here, os.stat(other_name, dir_fd=other_place, follow_symlinks=False))
    return False


def _moment(member: Member) -> int:
    return max(-_MOMENT_MAX, min(member.mtime, _MOMENT_MAX - 1))
