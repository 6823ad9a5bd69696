"""The default seccomp policy, system call by system call: decided by the compiled filter, and asked of the real kernel."""

import ctypes
import errno
import json
import os
import struct
from pathlib import Path

import pyseccomp
import pytest

from pyrun.errors import UsageError
from pyrun.kernel import capabilities, seccomp, syscalls
from pyrun.kernel import seccomp_policy as policy

ALLOW = 0x7FFF0000
X86_64 = 0xC000003E
pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The filter of a container with Docker's capabilities."""
    return _program(capabilities.DEFAULT, tmp_path_factory.mktemp("cache"))


def _program(kept: frozenset[str], cache: Path) -> bytes:
    compiled = seccomp.program("", kept, str(cache))
    assert compiled
    return compiled


def _decide(program: bytes, number: int, *arguments: int, arch: int = X86_64) -> int:
    """Interpret the classic BPF program; see seccomp(2), struct seccomp_data."""
    padded = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * (6 - len(arguments)))]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch, 0, *padded)
    code = list(struct.iter_unpack("=HBBI", program))
    accumulator, at = 0, 0
    while True:
        operation, true, false, operand = code[at]
        at += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("=I", data, operand)[0]
        elif operation == 0x54:
            accumulator &= operand
        elif operation == 0x05:
            at += operand
        elif operation == 0x06:
            return int(operand)
        else:
            holds = {
                0x15: accumulator == operand,
                0x25: accumulator > operand,
                0x35: accumulator >= operand,
                0x45: bool(accumulator & operand),
            }
            at += true if holds[operation] else false


def _number(name: str) -> int:
    return int(pyseccomp.resolve_syscall(pyseccomp.Arch.X86_64, name))


def _numbers(names: list[str]) -> dict[str, int]:
    return {name: number for name in names if 0 <= (number := _number(name)) <= 470}


def test_every_listed_call_is_allowed(program: bytes) -> None:
    listed = _numbers([*policy.ALWAYS, *policy.BY_ARCHITECTURE["x86_64"], *policy.BY_CAPABILITY["SYS_CHROOT"]])
    assert len(listed) > 290
    assert [name for name, number in listed.items() if _decide(program, number) != ALLOW] == []


def test_every_other_call_is_refused_by_the_kernel(program: bytes) -> None:
    """All numbers from 0 to 600 that the list lacks, called for real in a child under the filter."""
    known = set(
        _numbers(
            [*policy.ALWAYS, "arch_prctl", "modify_ldt", "chroot", "socket", "personality", "clone", "clone3"]
        ).values()
    )
    known |= {335, 336}  # uretprobe and uprobe, which newer kernels do not show to filters
    refused = [number for number in range(600) if number not in known]
    answers = _under(program, [(number, *[-1] * 6) for number in refused])
    expected = {number: errno.EPERM if number <= 470 else errno.ENOSYS for number in refused}
    assert {n: a for n, a in zip(refused, answers, strict=True) if a != expected[n]} == {}
    for name in (
        "bpf",
        "keyctl",
        "add_key",
        "request_key",
        "unshare",
        "setns",
        "mount",
        "userfaultfd",
        "io_uring_setup",
        "kexec_load",
        "reboot",
        "perf_event_open",
    ):
        assert _number(name) in refused, name


def test_arguments_that_matter(program: bytes) -> None:
    """Families, namespaces, typing into terminals, by the real kernel."""
    socket, clone, clone3, ioctl, personality = (
        _number(n) for n in ("socket", "clone", "clone3", "ioctl", "personality")
    )
    calls = {
        (socket, 38, 5, 0): errno.EPERM,  # AF_ALG
        (socket, 40, 1, 0): errno.EPERM,  # AF_VSOCK
        (clone, 0x10000000): errno.EPERM,  # CLONE_NEWUSER
        (clone, 0x20000000): errno.EPERM,
        (clone3, 0, 0): errno.ENOSYS,
        (ioctl, 0, 0x5412, 0): errno.EPERM,  # TIOCSTI
        (ioctl, 0, 0x100005412, 0): errno.EPERM,
        (ioctl, 0, 0x541C, 0): errno.EPERM,  # TIOCLINUX
        (personality, 0x0040000): errno.EPERM,
        (0x40000000 + 39,): errno.ENOSYS,  # getpid of x32
        (999,): errno.ENOSYS,
    }
    assert dict(zip(calls, _under(program, list(calls)), strict=True)) == calls
    assert [_decide(program, socket, family) == ALLOW for family in (1, 2, 10, 16, 17)] == [True] * 5
    assert _decide(program, clone, 17) == ALLOW
    assert _decide(program, personality, 0xFFFFFFFF) == ALLOW


def test_capabilities_open_their_calls(tmp_path: Path) -> None:
    for capability, names in policy.BY_CAPABILITY.items():
        opened = _program(capabilities.DEFAULT | {capability}, tmp_path)
        for name, number in _numbers(names).items():
            assert _decide(opened, number) == ALLOW, (capability, name)


def test_32_bit_programs_are_filtered_by_the_same_list(program: bytes) -> None:
    i386 = 0x40000003
    assert _decide(program, 20, arch=i386) == ALLOW  # getpid
    for number in (21, 88, 288, 310):  # mount, reboot, keyctl, unshare
        assert _decide(program, number, arch=i386) == 0x50001, number
    assert _decide(program, 54, 0, 0x5412, arch=i386) == 0x50001


def test_a_profile_of_ones_own(tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    rule = {"names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    compiled = seccomp.program(str(profile), capabilities.DEFAULT, str(tmp_path / "cache"))
    assert compiled
    assert _under(compiled, [(_number("getppid"),), (_number("getpid"),)]) == [95, 0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"defaultAction": 7}',
        '{"defaultAction": "SCMP_ACT_X"}',
        '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": 1}]}',
        "[" * 5000,
    ],
)
def test_profiles_that_are_none(tmp_path: Path, text: str) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(text)
    with pytest.raises(UsageError, match=str(profile)):
        seccomp.program(str(profile), capabilities.DEFAULT, str(tmp_path / "cache"))


def test_a_cached_program_that_was_tampered_with_is_not_used(tmp_path: Path, program: bytes) -> None:
    assert _program(capabilities.DEFAULT, tmp_path) == program
    (cached,) = tmp_path.iterdir()
    content = bytearray(cached.read_bytes())
    content[40] ^= 1
    cached.write_bytes(content)
    assert _program(capabilities.DEFAULT, tmp_path) == program


def _under(program: bytes, calls: list[tuple[int, ...]]) -> list[int]:
    """Make system calls in a child under the filter; give the error number of each, 0 for success."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        syscalls.seccomp(program)
        results = []
        for number, *arguments in calls:
            result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(argument) for argument in arguments])
            results.append(ctypes.get_errno() if result == -1 else 0)
        os.write(write, json.dumps(results).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        content = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    return list(json.loads(content))
