"""The last program of ours that a container's process executes: 190 bytes that execute the container's.

While a process starts, /proc/self/exe names what it was executed from. Were that
the Python interpreter, an entrypoint ``#!/proc/self/exe`` would run it inside
the container, and could overwrite it on the host afterwards (CVE-2019-5736).
So init first executes a sealed, anonymous file that holds nothing but execve(2).
"""

import fcntl
import os
import struct

from pyrun.errors import PyrunError
from pyrun.kernel import syscalls
from pyrun.kernel.files import write_all

REPORT = 3  # the descriptor on which the program reports an error number, and which success closes

# argv[0] is the program to execute, argv[1:] is its argv. Descriptor 3 is set close-on-exec; that
# fails when the program is entered again from inside a container, and it refuses to go on.
_X86_64 = bytes.fromhex(
    "b848000000"  # mov eax, 72        fcntl
    "bf03000000"  # mov edi, 3         descriptor
    "be02000000"  # mov esi, 2         F_SETFD
    "ba01000000"  # mov edx, 1         FD_CLOEXEC
    "0f05"  # syscall
    "85c0"  # test eax, eax
    "7538"  # jne refuse
    "488b7c2408"  # mov rdi, [rsp+8]   argv[0]
    "488d742410"  # lea rsi, [rsp+16]  argv + 1
    "488b0424"  # mov rax, [rsp]       argc
    "488d54c410"  # lea rdx, [rsp+rax*8+16]  envp
    "b83b000000"  # mov eax, 59        execve
    "0f05"  # syscall
    "f7d8"  # neg eax                  the error number
    "50"  # push rax
    "b801000000"  # mov eax, 1         write
    "bf03000000"  # mov edi, 3
    "4889e6"  # mov rsi, rsp
    "ba04000000"  # mov edx, 4
    "0f05"  # syscall
    "bf7f000000"  # mov edi, 127
    "eb05"  # jmp exit
    "bf7e000000"  # refuse: mov edi, 126
    "b83c000000"  # exit: mov eax, 60  exit
    "0f05"  # syscall
)
_AARCH64 = struct.pack(
    "<24I",
    0xD2800060,  # mov x0, #3             descriptor
    0xD2800041,  # mov x1, #2             F_SETFD
    0xD2800022,  # mov x2, #1             FD_CLOEXEC
    0xD2800328,  # mov x8, #25            fcntl
    0xD4000001,  # svc #0
    0xB5000200,  # cbnz x0, refuse
    0xF94003E3,  # ldr x3, [sp]           argc
    0xF94007E0,  # ldr x0, [sp, #8]       argv[0]
    0x910043E1,  # add x1, sp, #16        argv + 1
    0x8B030C22,  # add x2, x1, x3, lsl #3 envp
    0xD2801BA8,  # mov x8, #221           execve
    0xD4000001,  # svc #0
    0xCB0003E0,  # neg x0, x0             the error number
    0xF81F0FE0,  # str x0, [sp, #-16]!
    0xD2800060,  # mov x0, #3
    0x910003E1,  # mov x1, sp
    0xD2800082,  # mov x2, #4
    0xD2800808,  # mov x8, #64            write
    0xD4000001,  # svc #0
    0xD2800FE0,  # mov x0, #127
    0x14000002,  # b exit
    0xD2800FC0,  # refuse: mov x0, #126
    0xD2800BA8,  # exit: mov x8, #93      exit
    0xD4000001,  # svc #0
)
_MACHINES = {"x86_64": (62, _X86_64), "aarch64": (183, _AARCH64)}

_MFD_EXEC = 0x10  # Linux 6.3; unknown before
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def image(machine: str) -> bytes:
    """Give the ELF executable for *machine*. Errors: PyrunError for one we have no code for."""
    if machine not in _MACHINES:
        raise PyrunError(f"trampoline: no code for {machine}")
    number, code = _MACHINES[machine]
    start, base = 64 + 56, 0x400000
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = struct.pack("<HHIQQQIHHHHHH", 2, number, 1, base + start, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = start + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return identity + header + segment + code


def make() -> int:
    """Give a descriptor of the sealed executable. Errors: PyrunError when it cannot be sealed."""
    return sealed("pyrun-exec", image(os.uname().machine))


def sealed(name: str, content: bytes) -> int:
    """Give a descriptor of an anonymous executable that nobody can change. Errors: PyrunError when it is not sealed."""
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        fd = os.memfd_create(name, flags | _MFD_EXEC)
    except OSError:
        fd = os.memfd_create(name, flags)
    write_all(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    if not is_sealed(fd):
        raise PyrunError(f"{name}: cannot be sealed")
    return fd


def is_sealed(fd: int) -> bool:
    """Claim that *fd* is a file that nobody can change any more."""
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    except OSError:  # EINVAL: no anonymous file
        return False


def execute(fd: int, program: bytes, argv: list[bytes], env: list[bytes]) -> None:
    """Execute *program* by way of the trampoline *fd*; descriptor 3 is the report pipe.

    Returns only by raising OSError; later errors come as four bytes on descriptor 3.
    """
    syscalls.execveat(fd, [program, *argv], env)
