"""Seccomp filters: a policy compiled once by libseccomp, kept as a BPF program, loaded by init.

The default policy is data in `pyrun.kernel.seccomp_policy`; loading the program
is `pyrun.kernel.syscalls.seccomp`. See seccomp(2), seccomp_rule_add(3).
"""

import errno
import os
import struct
from _blake2 import blake2b  # hashlib loads all of OpenSSL

from pyrun.contexts import suppress
from pyrun.errors import PyrunError, UsageError
from pyrun.kernel import files, reading
from pyrun.kernel import seccomp_policy as policy
from pyrun.typed import Any

_MAGIC = b"pyrun-seccomp-2\n"
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_AUDIT_I386 = 0x40000003
_IOCTL = {"x86_64": 16, "aarch64": 29}
_IOCTL_I386 = 54
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_NEWEST_KNOWN = 470  # removexattrat(2) + a few; numbers above answer ENOSYS, so that programs fall back
_ERRNO = 0x00050000

_PLACES = tuple(
    f"{directory}/libseccomp.so.2"
    for directory in (f"/usr/lib/{os.uname().machine}-linux-gnu", "/usr/lib64", "/usr/lib", "/lib")
)

_COMPARISONS = {
    "SCMP_CMP_NE": "NE",
    "SCMP_CMP_LT": "LT",
    "SCMP_CMP_LE": "LE",
    "SCMP_CMP_EQ": "EQ",
    "SCMP_CMP_GE": "GE",
    "SCMP_CMP_GT": "GT",
    "SCMP_CMP_MASKED_EQ": "MASKED_EQ",
}
_DOCKER_ARCHITECTURES = {"x86_64": ("amd64", "SCMP_ARCH_X86_64"), "aarch64": ("arm64", "SCMP_ARCH_AARCH64")}


def program(profile: str, capabilities: frozenset[str], cache: str) -> "bytes | None":
    """Give the BPF program of a policy for a container with these *capabilities*.

    *profile* is empty for the default, ``unconfined`` (gives None), or the path
    of a profile in Docker's JSON. *cache* is a directory of ours. Errors:
    UsageError for a profile that cannot be used, PyrunError without libseccomp.
    """
    if profile == "unconfined":
        return None
    document = _document(profile) if profile else None
    key = _digest(_key(document, capabilities)).hex()
    path = f"{cache}/{key}.bpf"
    compiled = _cached(path)
    if compiled is None:
        compiled = _guard() + _compile(document, capabilities, profile)
        _keep(path, cache, compiled)
    return compiled


def _key(document: "dict[str, Any] | None", capabilities: frozenset[str]) -> bytes:
    """Name what a compiled program depends on."""
    source = repr(document) if document else _policy_text()
    system = os.uname()
    parts = [
        _MAGIC.decode(),
        source,
        ",".join(sorted(capabilities)),
        system.machine,
        system.release,
        _library(),
    ]
    return "\0".join(parts).encode(errors="surrogateescape")


def _digest(content: bytes) -> bytes:
    return blake2b(content, digest_size=32).digest()


def _policy_text() -> str:
    return repr([(name, value) for name, value in sorted(vars(policy).items()) if name.isupper()])


def library() -> str:
    """Give the file of libseccomp, once it was loaded; its name tells the version. Errors: PyrunError."""
    _binding()
    return next(filter(os.path.exists, map(os.path.realpath, _PLACES)), "libseccomp.so.2")


def _library() -> str:
    """Identify libseccomp by where it lies and when it was installed: its version costs an import."""
    for path in _PLACES:
        with suppress(OSError):
            return os.path.realpath(path) + str(os.stat(path).st_mtime_ns)
    return ""


def _cached(path: str) -> "bytes | None":
    try:
        content = reading.read_limited(path)
        status = os.lstat(path)
    except OSError:
        return None
    body, digest = content[len(_MAGIC) : -32], content[-32:]
    intact = content.startswith(_MAGIC) and len(body) % 8 == 0 and _digest(body) == digest
    return body if intact and body and status.st_uid == os.geteuid() else None


def _keep(path: str, cache: str, compiled: bytes) -> None:
    with suppress(OSError):
        with suppress(FileExistsError):
            os.mkdir(cache, 0o700)
        files.write_atomically(path, _MAGIC + compiled + _digest(compiled))


def _guard() -> bytes:
    """Give what stands before the policy: no typing into terminals, no x32, ENOSYS for what is too new.

    TIOCSTI and TIOCLINUX are compared by their lower 32 bits, all that the kernel looks at
    (CVE-2017-5226, CVE-2019-10063).
    """
    machine = os.uname().machine
    if machine not in _AUDIT_ARCH:
        return b""
    load, jeq, jgt, jump, ret = 0x20, 0x15, 0x25, 0x05, 0x06
    code = [  # operation, steps forward if true, steps forward if false, operand
        (load, 0, 0, 4),  # struct seccomp_data: nr at 0, arch at 4, args at 16
        (jeq, 0, 4, _AUDIT_ARCH[machine]),
        (load, 0, 0, 0),
        (jgt, 5, 0, _NEWEST_KNOWN),  # x32 numbers as well: they have bit 30 set
        (jeq, 5, 0, _IOCTL[machine]),
        (jump, 0, 0, 8),
        (jeq, 0, 7, _AUDIT_I386),
        (load, 0, 0, 0),
        (jeq, 1, 5, _IOCTL_I386),
        (ret, 0, 0, _ERRNO | errno.ENOSYS),
        (load, 0, 0, 24),  # the lower half of args[1]
        (jeq, 1, 0, _TIOCSTI),
        (jeq, 0, 1, _TIOCLINUX),
        (ret, 0, 0, _ERRNO | errno.EPERM),
    ]
    return b"".join(struct.pack("=HBBI", *row) for row in code)


def _compile(document: "dict[str, Any] | None", capabilities: frozenset[str], profile: str) -> bytes:
    pyseccomp = _binding()
    rules = _rules_of(document, capabilities, profile) if document else _default(capabilities)
    default = document.get("defaultAction", "SCMP_ACT_ERRNO") if document else "SCMP_ACT_ERRNO"
    number = document.get("defaultErrnoRet") if document else None
    selected = pyseccomp.SyscallFilter(defaction=_action(pyseccomp, default, number, profile))
    for name in ("X86",) if os.uname().machine == "x86_64" else ("ARM",):
        with suppress(RuntimeError, OSError):
            selected.add_arch(getattr(pyseccomp.Arch, name))
    for name, action, errno_ret, arguments in rules:
        wanted = [pyseccomp.Arg(i, getattr(pyseccomp, op), *values) for i, op, *values in arguments]
        result = _action(pyseccomp, action, errno_ret, profile)
        if result != _action(pyseccomp, default, number, profile):
            with suppress(RuntimeError, OSError, ValueError):  # a name that this library does not know
                selected.add_rule(result, name, *wanted)
    fd = os.memfd_create("seccomp", os.MFD_CLOEXEC)
    with os.fdopen(fd, "w+b") as file:
        selected.export_bpf(file)
        file.seek(0)
        return file.read()


def _binding() -> Any:
    """Import pyseccomp, with the libraries' names at hand: it would run ldconfig, or gcc, to find them."""
    import ctypes.util

    finder: Any = ctypes.util
    search = finder.find_library
    finder.find_library = {"c": "libc.so.6", "seccomp": "libseccomp.so.2"}.get
    try:
        import pyseccomp
    except (ImportError, RuntimeError, OSError) as cause:
        raise PyrunError("seccomp: libseccomp cannot be loaded", hint="install libseccomp2") from cause
    finally:
        finder.find_library = search
    return pyseccomp


Rule = tuple[str, str, "int | None", list[tuple[Any, ...]]]


def _default(capabilities: frozenset[str]) -> list[Rule]:
    """List the rules of the default policy."""
    allow = "SCMP_ACT_ALLOW"
    names = [*policy.ALWAYS, *policy.BY_ARCHITECTURE.get(os.uname().machine, [])]
    for capability, more in policy.BY_CAPABILITY.items():
        names += more if capability in capabilities else []
    rules: list[Rule] = [(name, allow, None, []) for name in dict.fromkeys(names)]
    rules.append(("socket", allow, None, [(0, "LT", policy.SOCKET_FAMILIES_BELOW)]))
    rules += [("socket", allow, None, [(0, "EQ", family)]) for family in policy.SOCKET_FAMILIES]
    rules += [("personality", allow, None, [(0, "EQ", value)]) for value in policy.PERSONALITIES]
    if "SYS_ADMIN" not in capabilities:
        rules.append(("clone", allow, None, [(0, "MASKED_EQ", policy.CLONE_NAMESPACES, 0)]))
        rules.append(("clone3", "SCMP_ACT_ERRNO", errno.ENOSYS, []))
    return rules


def _action(module: Any, name: str, number: "int | None", profile: str) -> Any:
    if name == "SCMP_ACT_ERRNO":
        return module.ERRNO(errno.EPERM if number is None else number)
    simple = {
        "SCMP_ACT_ALLOW": "ALLOW",
        "SCMP_ACT_KILL": "KILL",
        "SCMP_ACT_KILL_THREAD": "KILL",
        "SCMP_ACT_KILL_PROCESS": "KILL_PROCESS",
        "SCMP_ACT_TRAP": "TRAP",
        "SCMP_ACT_LOG": "LOG",
    }
    if name not in simple:
        raise UsageError(f"seccomp: {profile}: unknown action {name!r}")
    return getattr(module, simple[name])


def _document(path: str) -> dict[str, Any]:
    """Read a profile. Errors: UsageError."""
    import json

    try:
        document = json.loads(reading.read_limited(os.path.realpath(path)))
    except OSError as cause:
        raise UsageError(f"seccomp: {path}: {(cause.strerror or 'not readable').lower()}") from cause
    except (ValueError, RecursionError) as cause:
        raise UsageError(f"seccomp: {path}: not a JSON document") from cause
    if not isinstance(document, dict) or not isinstance(document.get("syscalls", []), list):
        raise UsageError(f"seccomp: {path}: not a seccomp profile")
    if not isinstance(document.get("defaultAction"), str):
        raise UsageError(f"seccomp: {path}: defaultAction: missing")
    return document


def _rules_of(document: dict[str, Any], capabilities: frozenset[str], path: str) -> list[Rule]:
    """List the rules of a profile that apply here."""
    rules: list[Rule] = []
    for at, entry in enumerate(document.get("syscalls") or []):
        try:
            if not _applies(entry, capabilities):
                continue
            names = entry.get("names") or [entry["name"]]
            arguments = [_argument(argument) for argument in entry.get("args") or []]
            rules += [(str(name), entry["action"], entry.get("errnoRet"), arguments) for name in names]
        except (KeyError, TypeError, AttributeError, ValueError) as cause:
            raise UsageError(f"seccomp: {path}: syscalls[{at}]: not understood") from cause
    return rules


def _applies(entry: dict[str, Any], capabilities: frozenset[str]) -> bool:
    docker_arch = _DOCKER_ARCHITECTURES.get(os.uname().machine, ("", ""))[0]
    includes, excludes = entry.get("includes") or {}, entry.get("excludes") or {}
    wanted = {name.removeprefix("CAP_") for name in includes.get("caps") or []}
    unwanted = {name.removeprefix("CAP_") for name in excludes.get("caps") or []}
    return (
        wanted <= capabilities
        and not unwanted & capabilities
        and (not includes.get("arches") or docker_arch in includes["arches"])
        and docker_arch not in (excludes.get("arches") or [])
        and _release() >= _version(includes.get("minKernel") or "0.0")
    )


def _argument(argument: dict[str, Any]) -> tuple[Any, ...]:
    comparison = _COMPARISONS[argument["op"]]
    value, second = int(argument["value"]), int(argument.get("valueTwo") or 0)
    return (int(argument["index"]), comparison, value, *([second] if comparison == "MASKED_EQ" else []))


def _release() -> tuple[int, int]:
    return _version(os.uname().release)


def _version(text: str) -> tuple[int, int]:
    major, _, rest = text.partition(".")
    minor = "".join(c for c in rest.partition(".")[0].partition("-")[0] if c.isdigit())
    return int(major), int(minor or 0)
