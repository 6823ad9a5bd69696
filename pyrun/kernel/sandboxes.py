"""Work inside a container's network namespace, done from the host's side.

A forked process enters the namespace and never comes back from it; it keeps
the host's file systems, so that a tool it starts is the host's (CVE-2022-1227).
"""

import _socket  # socket itself imports enum and selectors
import errno
import os

from pyrun.kernel import syscalls
from pyrun.typed import NamedTuple, NoReturn

MYPY = False
if MYPY:
    from pyrun.typed import Callable

_FREEBIND = 15  # IP_FREEBIND, linux/in.h: loopback may not be up yet
_BACKLOG = 512
_DESCRIPTORS_MAX = 250  # SCM_MAX_FD is 253
_TEXT_MAX = 1024


class Wanted(NamedTuple):
    """A socket to be made: not bound without an address, and listening if it is a stream that is bound."""

    family: int
    kind: int
    address: str = ""
    port: int = 0


def opened(namespace: int, wanted: "list[Wanted]") -> list[int]:
    """Make sockets in the network namespace of descriptor *namespace*; give theirs, in order.

    Errors: OSError as the kernel gave it; EADDRINUSE when a port is taken.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    try:

        def make() -> None:
            sockets = [_made(each) for each in wanted]
            numbers = b"".join(each.fileno().to_bytes(4, "little") for each in sockets)
            theirs.sendmsg([b"."], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)])

        within(namespace, make)
        space = _socket.CMSG_SPACE(4 * _DESCRIPTORS_MAX)
        _, extra, _, _ = ours.recvmsg(1, space, _socket.MSG_CMSG_CLOEXEC)
        numbers = extra[0][2]
        return [int.from_bytes(numbers[at : at + 4], "little") for at in range(0, len(numbers), 4)]
    finally:
        ours.close()
        theirs.close()


def within(namespace: int, work: "Callable[[], object]") -> None:
    """Do *work* in a process of its own in the network namespace *namespace*, and wait for it.

    Errors: OSError as it was raised there.
    """
    assert len(os.listdir("/proc/self/task")) == 1  # setns(2) moves one thread, fork(2) copies one
    report, reported = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        _work(namespace, work, reported)
    os.close(reported)
    told = os.read(report, _TEXT_MAX)
    os.close(report)
    os.waitpid(child, 0)
    if told != b"0":
        number, _, text = told.decode(errors="replace").partition(" ")
        code = int(number or errno.ECHILD)
        raise OSError(code, text or os.strerror(code))


def used_ports(pid: int) -> "set[int]":
    """List the local IPv4 ports that are in use where *pid* is; all that the kernel shows of them."""
    found = set()
    for name in ("tcp", "udp"):
        with open(f"/proc/{pid}/net/{name}") as file:
            found |= {int(line.split()[1].partition(":")[2], 16) for line in file.readlines()[1:]}
    return found


def _work(namespace: int, work: "Callable[[], object]", reported: int) -> NoReturn:
    """Be the process that enters, does the work, and ends whatever happens."""
    try:
        syscalls.setns(namespace, syscalls.CLONE_NEWNET)
        work()
        os.write(reported, b"0")
    except OSError as problem:
        os.write(reported, f"{problem.errno or errno.EIO} {problem.strerror or problem}".encode()[:_TEXT_MAX])
    except BaseException as problem:
        os.write(reported, f"{errno.EIO} {type(problem).__name__}: {problem}".encode()[:_TEXT_MAX])
    os._exit(0)


def _made(wanted: Wanted) -> "_socket.socket":
    made = _socket.socket(wanted.family, wanted.kind | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    if wanted.address:
        made.setsockopt(_socket.SOL_IP, _FREEBIND, 1)
        made.bind((wanted.address, wanted.port))
        if wanted.kind == _socket.SOCK_STREAM:
            made.listen(_BACKLOG)
    return made
