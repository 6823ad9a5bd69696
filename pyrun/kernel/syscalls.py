"""The system calls that Python's `os` does not offer, each with its C types declared.

Thin and exact: no policy, no paths joined, no retries. Whatever opens a
descriptor opens it close-on-exec.
"""

import ctypes
import os

from pyrun.typed import Callable, Sequence

AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MNT_DETACH = 2
UMOUNT_NOFOLLOW = 8

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR_STRICTATIME = 0x20

OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x4
MOVE_MOUNT_T_EMPTY_PATH = 0x40
FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_CMD_CREATE = 6

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_STATX_BTIME = 0x800
_BIRTH = ((0, 4), (80, 88), (88, 92))  # in struct statx: what is known, seconds, nanoseconds

_X86 = os.uname().machine == "x86_64"
_NUMBERS = {  # x86-64; generic (aarch64, riscv64). From 424 on all architectures agree.
    "pivot_root": 155 if _X86 else 41,
    "renameat2": 316 if _X86 else 276,
    "keyctl": 250 if _X86 else 219,
    "seccomp": 317 if _X86 else 277,
    "bpf": 321 if _X86 else 280,
    "execveat": 322 if _X86 else 281,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "close_range": 436,
    "openat2": 437,
    "mount_setattr": 442,
}

_libc = ctypes.CDLL(None, use_errno=True)
_int, _uint, _ulong, _bytes, _void = (
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.c_ulong,
    ctypes.c_char_p,
    ctypes.c_void_p,
)


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


class _MountAttr(ctypes.Structure):
    _fields_ = [
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    ]


_libc.unshare.argtypes, _libc.unshare.restype = [_int], _int
_libc.setns.argtypes, _libc.setns.restype = [_int, _int], _int
_libc.mount.argtypes, _libc.mount.restype = [_bytes, _bytes, _bytes, _ulong, _bytes], _int
_libc.umount2.argtypes, _libc.umount2.restype = [_bytes, _int], _int
_libc.statx.argtypes, _libc.statx.restype = [_int, _bytes, _int, _uint, _void], _int
_libc.syncfs.argtypes, _libc.syncfs.restype = [_int], _int
_libc.connect.argtypes, _libc.connect.restype = [_int, _bytes, _uint], _int
_libc.sethostname.argtypes, _libc.sethostname.restype = [_bytes, ctypes.c_size_t], _int
_libc.setdomainname.argtypes, _libc.setdomainname.restype = [_bytes, ctypes.c_size_t], _int


def unshare(flags: int) -> None:
    """Leave the namespaces of *flags* for new ones; see unshare(2)."""
    _check(_libc.unshare(flags))


def setns(fd: int, flags: int) -> None:
    """Join namespaces of a nsfs file or, with several *flags*, of a pidfd; see setns(2)."""
    _check(_libc.setns(fd, flags))


def mount(source: str, target: str, fstype: str = "", flags: int = 0, options: str = "") -> None:
    """Attach *source* at *target*; see mount(2)."""
    arguments = (os.fsencode(source), os.fsencode(target), fstype.encode() or None, flags)
    _check(_libc.mount(*arguments, options.encode() or None))


def umount(target: str, flags: int = 0) -> None:
    """Detach what is mounted at *target*; see umount2(2)."""
    _check(_libc.umount2(os.fsencode(target), flags))


def birth_time(path: bytes) -> float:
    """Give when *path* was made, in seconds since the epoch, 0.0 where that is not known; see statx(2)."""
    status = ctypes.create_string_buffer(256)
    _check(_libc.statx(AT_FDCWD, path, 0, _STATX_BTIME, status))
    mask, seconds, fraction = (int.from_bytes(status.raw[start:end], "little") for start, end in _BIRTH)
    return seconds + fraction / 1e9 if mask & _STATX_BTIME else 0.0


def syncfs(fd: int) -> None:
    """Wait until all of the file system of *fd* is on its disk; see syncfs(2). Errors: OSError; EIO, ENOSPC."""
    _check(_libc.syncfs(fd))


def rename_new(source: bytes, target: bytes) -> None:
    """Rename, where *target* is not there yet; see renameat2(2), RENAME_NOREPLACE. Errors: OSError; EEXIST it is."""
    _syscall("renameat2", [_int, _bytes, _int, _bytes, _uint], AT_FDCWD, source, AT_FDCWD, target, 1)


def disconnect(fd: int) -> None:
    """Let a datagram socket go of its peer, and of a port that it did not choose itself; see connect(2), AF_UNSPEC."""
    _check(_libc.connect(fd, bytes(16), 16))


def sethostname(name: bytes) -> None:
    """Name this UTS namespace; see sethostname(2)."""
    _check(_libc.sethostname(name, len(name)))


def pivot_root(new_root: bytes, put_old: bytes) -> None:
    """Make *new_root* the root and attach the old one at *put_old*; see pivot_root(2)."""
    _syscall("pivot_root", [_bytes, _bytes], new_root, put_old)


def openat2(dirfd: int, path: bytes, flags: int, resolve: int, mode: int = 0) -> int:
    """Open *path* under *dirfd* by the rules of *resolve* (RESOLVE_…); see openat2(2).

    Errors: OSError; ELOOP a forbidden symbolic link, EXDEV left the tree,
    EAGAIN the tree changed meanwhile (try again), ENOSYS before Linux 5.6.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, mode, resolve)
    types = [_int, _bytes, ctypes.POINTER(_OpenHow), ctypes.c_size_t]
    return _syscall("openat2", types, dirfd, path, ctypes.byref(how), ctypes.sizeof(how))


def open_tree(dirfd: int, path: bytes, flags: int) -> int:
    """Give a descriptor of a mount, a detached copy with OPEN_TREE_CLONE; see open_tree(2)."""
    return _syscall("open_tree", [_int, _bytes, _uint], dirfd, path, flags | OPEN_TREE_CLOEXEC)


def move_mount(source: int, target: int) -> None:
    """Attach the mount of descriptor *source* on what descriptor *target* names; see move_mount(2)."""
    flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    _syscall("move_mount", [_int, _bytes, _int, _bytes, _uint], source, b"", target, b"", flags)


def fsopen(fstype: bytes) -> int:
    """Open a new file-system context; see fsopen(2)."""
    return _syscall("fsopen", [_bytes, _uint], fstype, FSOPEN_CLOEXEC)


def fsconfig(fd: int, command: int, key: bytes | None = None, value: bytes | None = None) -> None:
    """Set a parameter of a context, or create its superblock; see fsconfig(2)."""
    _syscall("fsconfig", [_int, _uint, _bytes, _bytes, _int], fd, command, key, value, 0)


def fsmount(fd: int, attributes: int) -> int:
    """Give a detached mount of a created context, with MOUNT_ATTR_… *attributes*; see fsmount(2)."""
    return _syscall("fsmount", [_int, _uint, _uint], fd, FSMOUNT_CLOEXEC, attributes)


def mount_setattr(fd: int, attr_set: int = 0, attr_clr: int = 0, propagation: int = 0, recursive: bool = False) -> None:
    """Change the attributes of the mount of descriptor *fd*; see mount_setattr(2).

    Errors: OSError; ENOSYS before Linux 5.12.
    """
    attr = _MountAttr(attr_set, attr_clr, propagation, 0)
    flags = AT_EMPTY_PATH | (AT_RECURSIVE if recursive else 0)
    types = [_int, _bytes, _uint, ctypes.POINTER(_MountAttr), ctypes.c_size_t]
    _syscall("mount_setattr", types, fd, b"", flags, ctypes.byref(attr), ctypes.sizeof(attr))


def close_range(first: int, last: int = 0xFFFFFFFF) -> None:
    """Close every descriptor from *first* to *last*; see close_range(2)."""
    _syscall("close_range", [_uint, _uint, _uint], first, last, 0)


def join_session_keyring(name: bytes) -> int:
    """Leave the caller's session keyring for a new one; see keyctl_join_session_keyring(3)."""
    return _syscall("keyctl", [_int, _bytes, _ulong, _ulong, _ulong], 1, name, 0, 0, 0)


def execveat(fd: int, argv: list[bytes], env: list[bytes]) -> None:
    """Execute the open file *fd*; see execveat(2) with AT_EMPTY_PATH."""
    arguments = (_bytes * (len(argv) + 1))(*argv, None)
    environment = (_bytes * (len(env) + 1))(*env, None)
    types = [_int, _bytes, _void, _void, _int]
    _syscall("execveat", types, fd, b"", arguments, environment, AT_EMPTY_PATH)


def seccomp(program: bytes) -> None:
    """Load a BPF *program* (struct sock_filter, packed) as this process's filter; see seccomp(2)."""

    class Filter(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("filter", _void)]

    code = ctypes.create_string_buffer(program, len(program))
    fprog = Filter(len(program) // 8, ctypes.addressof(code))
    _syscall("seccomp", [_uint, _uint, _void], 1, 0, ctypes.byref(fprog))


def bpf(command: int, attributes: bytes) -> int:
    """Call bpf(2) with the packed *attributes* of *command*."""
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return _syscall("bpf", [_int, _void, _uint], command, ctypes.addressof(buffer), len(attributes))


def _syscall(name: str, types: "Sequence[object]", *arguments: object) -> int:
    """Make one raw system call: libc's syscall(2) takes longs, so every argument is declared."""
    function = _prototype(name, tuple(types))
    result = int(function(_NUMBERS[name], *arguments))
    _check(result)
    return result


_prototypes: "dict[str, Callable[..., int]]" = {}


def _prototype(name: str, types: "tuple[object, ...]") -> "Callable[..., int]":
    if name not in _prototypes:
        kind = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, *types, use_errno=True)  # type: ignore[arg-type]
        _prototypes[name] = kind(("syscall", _libc))
    return _prototypes[name]


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
