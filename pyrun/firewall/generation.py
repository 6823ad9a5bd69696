"""Whether any rule of this network namespace has changed: nf_tables counts its own changes.

Comparing two numbers stands for running a program. The number that the rules
had when they were last seen complete is noted in a file, which is also the lock
of the firewall: two programs that look first and change then must take turns.
See linux/netfilter/nf_tables.h.
"""

import fcntl
import os

from pyrun import paths
from pyrun.contexts import contextmanager
from pyrun.kernel import netlink
from pyrun.typed import Iterator

_PROTOCOL = 12  # NETLINK_NETFILTER
_GET_GENERATION = 10 << 8 | 16  # NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
_HEADER = bytes(4)  # struct nfgenmsg: no family, version 0
_ID = 1  # NFTA_GEN_ID, in network byte order
_NOTE = f"{paths.RUN}/firewall"
_UNKNOWN = b"?"


def current(hurried: bool = False) -> "int | None":
    """Give the number of the present set of rules; None where the kernel has no nf_tables.

    *hurried* leaves a socket open until this process ends: see `netlink.put_away`.
    """
    try:
        for reply in netlink.exchange(_PROTOCOL, _GET_GENERATION, _HEADER, 0, at_end=hurried):
            number = netlink.attributes_of(reply[len(_HEADER) :]).get(_ID)
            return int.from_bytes(number, "big") if number else None
    except OSError:
        return None
    return None


def is_noted() -> bool:
    """Claim that nobody has changed a rule since they were seen complete."""
    try:
        fd = os.open(_NOTE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        noted = os.read(fd, 32)
    finally:
        os.close(fd)
    return noted == str(current()).encode()


def note(seen: "int | None") -> None:
    """Note that the rules were seen complete in the generation *seen*; None where nobody counts."""
    with _locked() as fd:
        _write(fd, seen)


class Turn:
    """One of us changing rules while no other does; *transactions* counts how often."""

    transactions = 0


@contextmanager
def changing(counted: bool) -> Iterator[Turn]:
    """Change rules while no other of us does.

    If they were complete before, they are noted to be so afterwards, unless
    somebody else has changed some at the same time: then the next command looks.
    """
    with _locked() as fd:
        before = current(hurried=True) if counted else None
        noted = os.pread(fd, 32, 0)
        turn = Turn()
        yield turn
        if before is None:
            _write(fd, None)  # nor may another tool's change, which is counted, be taken for all of them
            return
        if noted not in (b"", str(before).encode()):  # empty: none of ours yet
            return
        alone = current(hurried=True) == before + turn.transactions
        _write(fd, before + turn.transactions if alone else None)


def forget() -> None:
    """Remove the note: no network is left."""
    with _locked():
        os.unlink(_NOTE)


@contextmanager
def _locked() -> Iterator[int]:
    while True:
        fd = os.open(_NOTE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            break
        os.close(fd)
    try:
        yield fd
    finally:
        os.close(fd)


def _write(fd: int, number: "int | None") -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, _UNKNOWN if number is None else str(number).encode(), 0)
