"""Which devices a container's group may use: lines for cgroup v1, a BPF program for v2.

See the kernel's admin-guide/cgroup-v1/devices.rst, and bpf(2) with
BPF_PROG_TYPE_CGROUP_DEVICE for v2.
"""

import os
import struct

from pyrun.kernel import syscalls
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple

ANY = -1


class Allowed(NamedTuple):
    """One kind of access: device type, numbers (-1 any) and any of r, w, m."""

    kind: str  # c, b, or a for both
    major: int
    minor: int
    access: str = "rwm"
    use: str = ""  # for people

    def __str__(self) -> str:
        numbers = ("*" if number == ANY else str(number) for number in (self.major, self.minor))
        return f"{self.kind} {':'.join(numbers)} {self.access}"


# runc libcontainer/specconv: mknod of anything, access to what is harmless.
DEFAULT = (
    Allowed("c", ANY, ANY, "m", "any character device may be made, not opened"),
    Allowed("b", ANY, ANY, "m", "any block device may be made, not opened"),
    Allowed("c", 1, 3, use="/dev/null"),
    Allowed("c", 1, 5, use="/dev/zero"),
    Allowed("c", 1, 7, use="/dev/full"),
    Allowed("c", 1, 8, use="/dev/random"),
    Allowed("c", 1, 9, use="/dev/urandom"),
    Allowed("c", 5, 0, use="/dev/tty"),
    Allowed("c", 5, 1, use="/dev/console"),
    Allowed("c", 5, 2, use="/dev/ptmx"),
    Allowed("c", 136, ANY, use="terminals in /dev/pts"),
    Allowed("c", 10, 200, use="/dev/net/tun"),
)


def parse(rule: str) -> Allowed:
    """Read TYPE MAJOR:MINOR ACCESS, as --device-cgroup-rule has it and has been checked."""
    kind, numbers, access = rule.split(" ")
    major, minor = (ANY if number == "*" else int(number) for number in numbers.split(":"))
    return Allowed(kind, major, minor, access, "--device-cgroup-rule")


class AttachDeviceFilter(NamedTuple):
    """Let the processes of a v2 group use only these devices."""

    path: str
    allowed: tuple[Allowed, ...]

    def apply(self) -> None:
        program = _load(_program(list(self.allowed)))
        try:
            group = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # BPF_PROG_ATTACH, BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI
                syscalls.bpf(8, struct.pack("=IIII", group, program, 6, 2).ljust(128, b"\0"))
            finally:
                os.close(group)
        finally:
            os.close(program)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        rules = ", ".join(str(entry) for entry in self.allowed)
        return f": bpftool cgroup attach {quote(self.path)} device allow {quote(rules)}"

    def why(self) -> str:
        return "no device but the harmless ones (a BPF program; no command makes it)"


_R0, _R1, _R2, _R3, _R4, _R5 = range(6)


def _instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def _program(allowed: list[Allowed]) -> bytes:
    """Compile to eBPF: struct bpf_cgroup_dev_ctx is access<<16|type, major, minor."""
    load, mov, and_imm, rsh_imm = 0x61, 0xBF, 0x54, 0x74
    code = [
        _instruction(load, _R2, _R1, 0),
        _instruction(mov, _R3, _R2),
        _instruction(and_imm, _R2, value=0xFFFF),  # device type: 1 block, 2 character
        _instruction(rsh_imm, _R3, value=16),  # access wanted: 1 mknod, 2 read, 4 write
        _instruction(load, _R4, _R1, 4),
        _instruction(load, _R5, _R1, 8),
    ]
    for rule in allowed:
        code += _rule(rule)
        if (rule.kind, rule.major, rule.minor, len(rule.access)) == ("a", ANY, ANY, 3):
            return b"".join(code)  # the kernel refuses a program with instructions that are never reached
    return b"".join([*code, _instruction(0xB7, _R0, value=0), _instruction(0x95)])


def _rule(rule: Allowed) -> list[bytes]:
    """Give the instructions that return 1 when the rule covers all that is wanted."""
    wanted = sum({"m": 1, "r": 2, "w": 4}[letter] for letter in rule.access)
    tests = [(_R2, 1 if rule.kind == "b" else 2)] if rule.kind != "a" else []
    tests += [(_R4, rule.major)] if rule.major != ANY else []
    tests += [(_R5, rule.minor)] if rule.minor != ANY else []
    body: list[tuple[int, int, int]] = [(0x55, register, value) for register, value in tests]
    partial = wanted != 7
    length = len(body) + (3 if partial else 0) + 2
    code = [_instruction(op, reg, offset=length - at - 1, value=value) for at, (op, reg, value) in enumerate(body)]
    if partial:
        code += [
            _instruction(0xBF, _R1, _R3),
            _instruction(0x54, _R1, value=~wanted & 0x7),
            _instruction(0x55, _R1, offset=2, value=0),
        ]
    return [*code, _instruction(0xB7, _R0, value=1), _instruction(0x95)]


def _load(program: bytes) -> int:
    """Load a BPF_PROG_TYPE_CGROUP_DEVICE program; give its descriptor."""
    import ctypes

    code = ctypes.create_string_buffer(program, len(program))
    licence = ctypes.create_string_buffer(b"Apache-2.0")
    where = (ctypes.addressof(code), ctypes.addressof(licence))
    attributes = struct.pack("=IIQQ", 15, len(program) // 8, *where).ljust(128, b"\0")
    return syscalls.bpf(5, attributes)
