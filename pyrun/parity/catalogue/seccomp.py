"""System calls: how each is answered in a container, and those whose arguments decide."""

import re
import shlex

from pyrun.parity.scenario import Deviation, Scenario

_AREA = "seccomp"
_NEEDS = ("python3",)

# By number, on x86-64; what is asked for has no meaning, so that only the filter and the kernel's first look answer.
_GROUPS = (
    ("files and memory", 0, 100),
    ("processes and signals", 100, 200),
    ("times and polls", 200, 300),
    ("namespaces and handles", 300, 335),
    ("recent ones", 335, 470),
)
_NUMBERED = (
    Deviation(
        "name_to_handle_at, process_vm_readv and -writev, pkey_*: refused by 20.10, allowed by the current "
        "list, which pyrun has",
        until="23",
        lines="^(303|310|311|329|330|331) ",
    ),
    Deviation("io_uring: allowed by 20.10, refused by the current list", until="25", lines="^(425|426|427) "),
    Deviation("socket: AF_ALG is refused, as since 29.4.2, and what no policy knows", until="29.4.2", lines="^41 "),
    Deviation(
        "its libseccomp does not know them and says ENOSYS; "
        "pyrun allows those of the current list, and refuses the others",
        until="23",
        lines="^(45[0-24-9]|46[0-9]) ",
    ),
    Deviation(
        "its libseccomp or policy ends before them, and it says ENOSYS; "
        "pyrun allows those of the current list, and refuses the others",
        since="23",
        until="28",
        lines="^(45[7-9]|46[0-9]) ",
    ),
)


def _numbers(title: str, first: int, last: int) -> Scenario:
    return Scenario(
        _AREA,
        f"calls {first} to {last - 1}, {title}",
        "how each system call is answered, by its number",
        f"E run --rm $PYTHON TREE /usr/bin/python3 /probes/syscalls.py | awk '$1 >= {first} && $1 < {last}'",
        deviations=tuple(each for each in _NUMBERED if any(_matches(each, number) for number in range(first, last))),
        needs=(*_NEEDS, "x86_64"),
    )


def _matches(deviation: Deviation, number: int) -> bool:
    return re.search(deviation.lines, f"{number} ") is not None


# What a call is answered whose arguments matter; each is tried by a process of its own.
_ARGUMENTS = """
import ctypes, os, socket
libc = ctypes.CDLL(None, use_errno=True)
def tried(name, call):
    pid = os.fork()
    if pid == 0:
        try:
            result = call()
            os._exit(0 if result is None or not isinstance(result, int) or result >= 0 else ctypes.get_errno())
        except OSError as problem:
            os._exit(problem.errno)
    status = os.waitpid(pid, 0)[1]
    told = os.strerror(os.WEXITSTATUS(status)) if os.WEXITSTATUS(status) else "taken"
    told = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else told
    print(name + ":", told, flush=True)
"""
_NAMESPACES = """
for name, flag in (
    ("mount", 0x20000), ("cgroup", 0x2000000), ("uts", 0x4000000), ("ipc", 0x8000000), ("user", 0x10000000),
    ("pid", 0x20000000), ("net", 0x40000000), ("files", 0x400), ("fs", 0x200),
):
    tried("unshare " + name, lambda: libc.unshare(flag))
tried("setns", lambda: libc.setns(os.open("/proc/self/ns/net", 0), 0))
"""
_PERSONALITIES = """
for each in (0, 0x8, 0x20000, 0x20008, 0xffffffff, 0x40000, 0x10000, 0x800000, 0x0400000):
    tried("personality %#x" % each, lambda: libc.personality(ctypes.c_ulong(each)))
"""
_SOCKETS = """
for name, family, kind in (
    ("unix", 1, 1), ("inet", 2, 1), ("inet raw", 2, 3), ("inet6", 10, 2), ("netlink", 16, 3), ("packet", 17, 3),
    ("bluetooth", 31, 3), ("can", 29, 3),
):
    tried("socket " + name, lambda: socket.socket(family, kind))
tried("socket vsock", lambda: socket.socket(40, 1))
tried("socket alg", lambda: socket.socket(38, 5))
"""
_POWERS = """
one = ctypes.c_long(-1)
for name, number, arguments in (
    ("keyctl", 250, (0, -3, 0)), ("add_key", 248, (0, 0, 0, 0, -2)), ("request_key", 249, (0, 0, 0, -2)),
    ("bpf", 321, (0, 0, 0)), ("perf_event_open", 298, (0, 0, -1, -1, 0)), ("userfaultfd", 323, (0,)),
    ("ptrace traceme", 101, (0, 0, 0, 0)), ("kcmp", 312, (1, 1, 0, 0, 0)),
    ("process_madvise", 440, (0, 0, 0, 0, 0)), ("pidfd_open", 434, (1, 0)), ("pidfd_getfd", 438, (-1, 0, 0)),
    ("open_by_handle_at", 304, (0, 0, 0)), ("clone3", 435, (0, 0)), ("mount", 165, (0, 0, 0, 0, 0)),
    ("umount2", 166, (0, 0)), ("pivot_root", 155, (0, 0)), ("swapon", 167, (0, 0)), ("reboot", 169, (0, 0, 0, 0)),
    ("init_module", 175, (0, 0, 0)), ("delete_module", 176, (0, 0)), ("kexec_load", 246, (0, 0, 0, 0)),
    ("settimeofday", 164, (0, 0)), ("clock_settime", 227, (0, 0)), ("iopl", 172, (3,)),
    ("ioperm", 173, (0, 1, 1)), ("acct", 163, (0,)), ("quotactl", 179, (0, 0, 0, 0)), ("syslog", 103, (3, 0, 0)),
    ("vhangup", 153, ()), ("lookup_dcookie", 212, (0, 0, 0)), ("nfsservctl", 180, (0, 0, 0)),
    ("uselib", 134, (0,)), ("ustat", 136, (0, 0)), ("sysfs", 139, (3,)), ("modify_ldt", 154, (0, 0, 0)),
    ("membarrier", 324, (0, 0)), ("mbind", 237, (0, 0, 0, 0, 0, 0)), ("set_mempolicy", 238, (0, 0, 0)),
    ("get_mempolicy", 239, (0, 0, 0, 0, 0)), ("move_pages", 279, (0, 0, 0, 0, 0, 0)), ("fsopen", 430, (0, 0)),
    ("fsmount", 432, (0, 0, 0)), ("mount_setattr", 442, (0, 0, 0, 0, 0)), ("fanotify_init", 300, (0, 0)),
    ("landlock_create_ruleset", 444, (0, 0, 1)), ("memfd_secret", 447, (0,)), ("seccomp", 317, (2, 0, 0)),
):
    tried(name, lambda: libc.syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments)))
"""
_TERMINALS = """
import fcntl, pty, struct
def typed(request):
    pid, top = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, request, b"x")
            os._exit(0)
        except OSError as problem:
            os._exit(problem.errno)
    return -os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
for name, request in (("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541C), ("TIOCGWINSZ", 0x5413)):
    code = -typed(request)
    print(name + ":", os.strerror(code) if code else "taken", flush=True)
"""


def _tried(title: str, does: str, text: str, options: str = "", *deviations: Deviation) -> Scenario:
    program = shlex.quote(_ARGUMENTS + text)
    return Scenario(
        _AREA,
        title,
        does,
        f"E run --rm {options} $PYTHON TREE /usr/bin/python3 -I -S -c {program}",
        deviations=deviations,
        needs=(*_NEEDS, "x86_64"),
    )


_FAMILIES = (
    Deviation("20.10's policy does not look at the families of sockets", until="23", lines="^socket vsock"),
    Deviation("AF_ALG is refused, as since 29.4.2", until="29.4.2", lines="^socket alg"),
)
_HANDLES = Deviation(
    "memfd_secret and the like: 20.10's libseccomp does not know them",
    until="23",
    lines="^(memfd_secret|userfaultfd|process_madvise)",
)

SCENARIOS = (
    *(_numbers(*group) for group in _GROUPS),
    _tried("namespaces", "which namespaces root in a container may make", _NAMESPACES),
    _tried("namespaces with SYS_ADMIN", "the same with --cap-add SYS_ADMIN", _NAMESPACES, "--cap-add SYS_ADMIN"),
    _tried("personalities", "which execution domains may be chosen", _PERSONALITIES),
    _tried("sockets", "which families of sockets may be made", _SOCKETS, "", *_FAMILIES),
    _tried("by name", "calls that want power: how each is answered", _POWERS),
    _tried(
        "by name, without the filter",
        "the same with --security-opt seccomp=unconfined",
        _POWERS,
        "--security-opt seccomp=unconfined",
    ),
    _tried(
        "by name, with powers",
        "the same with capabilities that open the filter",
        _POWERS,
        "--cap-add SYS_PTRACE --cap-add SYSLOG --cap-add SYS_TIME --cap-add SYS_NICE",
    ),
    _tried(
        "typing into terminals",
        "what a program may do to its terminal",
        _TERMINALS,
        "",
        Deviation("pyrun refuses to type into terminals", lines="^TIOC(STI|LINUX)"),
    ),
)
