"""What a comparison stands on: an internet with an uplink of the host's, and a directory; all of it goes at the end.

A process, the keeper, stands for the internet. It ends with whoever compares, however that ends, and ends the script
that is running then; the journal names what the kernel has not forgotten by itself.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import os

from pyrun import keeping, paths
from pyrun.contexts import contextmanager, suppress
from pyrun.errors import PyrunError
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import links, locks, namespaces, syscalls, sysctls, trees
from pyrun.kernel import rtnetlink as rt
from pyrun.network import driver
from pyrun.operation import Operation, perform
from pyrun.typed import Iterator, NamedTuple, NoReturn

UPLINK = "parity0"
LOCK, WORK, STATE = f"{paths.PARITY}/lock", f"{paths.PARITY}/work", f"{paths.PARITY}/state"
_JOURNAL = f"{paths.PARITY}/journal"
_NETWORKS = ("198.51.100.", "203.0.113.", "192.0.2.")  # RFC 5737: nobody's
_PREFIX = 24
_FORWARDING = ("net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/forwarding")


class Stage(NamedTuple):
    """What scripts find on the host."""

    address: str  # of the host, on the uplink
    internet_address: str
    internet: int  # a process whose network that is
    orders: int  # a pipe to the keeper

    def watch(self, group: int) -> None:
        """Let a process group end with us."""
        os.write(self.orders, b"+%d\n" % group)

    def unwatch(self, group: int) -> None:
        """Let the keeper forget a process group that has ended."""
        os.write(self.orders, b"-%d\n" % group)

    def end_scripts(self) -> None:
        """End what is watched now."""
        os.write(self.orders, b"!0\n")


@contextmanager
def stands() -> Iterator[Stage]:
    """Make a stage, and take it down. Errors: PyrunError, also when somebody compares already."""
    lock = _locked()
    orders = keeper = -1
    try:
        os.mkdir(WORK, 0o755)
        keeper, orders = _kept()
        net = _free_network()
        stage = Stage(f"{net}2", f"{net}1", keeper, orders)
        _note_forwarding()
        _connect(stage)
        yield stage
    finally:
        if keeper >= 0:
            os.close(orders)
            os.waitpid(keeper, 0)
        failures = clear()
        os.close(lock)
        failures += driver.reconcile()  # our directory kept it from being empty
        keeping.tidy()
        for failure in failures:
            raise PyrunError(f"parity: left over: {failure}")


def take_left() -> "int | None":
    """Take the lock of somebody who was killed, for `clear`; None when nobody was."""
    with suppress(FileExistsError, FileNotFoundError):  # killed before there was a lock
        return locks.create_locked(LOCK)
    return locks.take_abandoned(LOCK)


def clear() -> list[Exception]:
    """Undo what the journal names and remove the directory, whose lock we hold; give what could not be undone."""
    failures = unwind_journal(_JOURNAL)
    if not failures:
        trees.remove_tree(paths.PARITY)
    return failures


def _locked() -> int:
    """Make the directory, and hold its lock. Errors: PyrunError when somebody else does."""
    for _ in range(64):  # another command may take an empty directory for what somebody left
        with suppress(FileNotFoundError):
            for directory in (paths.RUN, paths.PARITY):
                with suppress(FileExistsError):
                    os.mkdir(directory, 0o700)
            return _lock_made()
    raise PyrunError(f"parity: {paths.PARITY}: cannot be made")


def _lock_made() -> int:
    try:
        return locks.create_locked(LOCK)
    except FileExistsError:
        raise PyrunError("parity: runs already on this host", 1) from None


def _kept() -> tuple[int, int]:
    """Start the keeper, in a network of its own; give its number, and the pipe that it lives by."""
    orders, told = os.pipe()
    ready, is_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(told)
        _keep(orders, is_ready)
    os.close(orders)
    os.close(is_ready)
    there = os.read(ready, 1)
    os.close(ready)
    if not there:
        os.close(told)
        os.waitpid(pid, 0)
        raise PyrunError("parity: no network can be made for an internet")
    return pid, told


def _keep(orders: int, ready: int) -> NoReturn:
    groups: set[int] = set()
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        syscalls.unshare(syscalls.CLONE_NEWNET)
        os.write(ready, b".")
        os.close(ready)
        while told := os.read(orders, 4096):
            for word in told.decode().split():
                _obey(groups, word[0], int(word[1:]))
    finally:
        _obey(groups, "!", 0)
        os._exit(0)


def _obey(groups: set[int], order: str, group: int) -> None:
    if order == "+":
        groups.add(group)
    elif order == "-":
        groups.discard(group)
    else:
        for each in groups:
            with suppress(ProcessLookupError):
                os.killpg(each, signal.SIGKILL)


def _note_forwarding() -> None:
    """Let it be undone that the host forwards IPv6, which Docker leaves so: then it learns no routes any more."""
    names = [name for name in _FORWARDING if os.path.exists(f"/proc/sys/{name}") and sysctls.read(name) == "0"]
    if names:
        journal = FileJournal(_JOURNAL)
        journal.intend(sysctls.ForgetForwarding(6))  # the last to be undone
        for name in names:
            journal.intend(sysctls.SetSysctl(name, "0", "as it was before the comparison"))


def _connect(stage: Stage) -> None:
    """Lay a cable to the internet. Errors: OperationFailed."""
    cable = links.AddCable(UPLINK, UPLINK, stage.internet, _mac(), _mac())
    here: list[Operation] = [links.SetUp(UPLINK), links.AddAddress(UPLINK, stage.address, _PREFIX)]
    perform([cable, *here], journal=FileJournal(_JOURNAL))
    there: list[Operation] = [
        namespaces.JoinNetwork(f"/proc/{stage.internet}/ns/net"),
        links.SetUp("lo"),
        links.SetUp(UPLINK),
        links.AddAddress(UPLINK, stage.internet_address, _PREFIX),
        links.AddRoute(stage.address, UPLINK),
    ]
    pid = os.fork()
    if pid == 0:
        try:
            perform(there, "internet")
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitpid(pid, 0)[1]:
        raise PyrunError("parity: the internet cannot be connected")


def _free_network() -> str:
    """Give the first part of addresses that this host has none of."""
    own = {address for index, _, _ in rt.links() for address, _ in rt.addresses(index)}
    for net in _NETWORKS:
        if not any(address.startswith(net) for address in own):
            return net
    raise PyrunError(f"parity: this host has addresses in all of {', '.join(f'{net}0' for net in _NETWORKS)}")


def _mac() -> str:
    return "02:" + os.urandom(5).hex(":")
