"""The bridge driver: networks made, mended and taken down, each under its own lock, held for milliseconds.

`bridge` is made by its first container and gone with its last; a network that
somebody created stands until it is removed. What one consists of is planned in
`pyrun.plan.network`, and designed in `pyrun.network.design`.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from pyrun import paths
from pyrun.errors import Corrupt, NotFound, PyrunError
from pyrun.firewall import choice, generation
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import links, rtnetlink, sysctls
from pyrun.network import addresses, definitions, design, endpoints, ipam, recovery, standing
from pyrun.network.definitions import DEFAULT
from pyrun.operation import Journal, perform
from pyrun.plan import network as plan
from pyrun.spec import Attachment, Endpoint, Network

_IPV6 = "net/ipv6/conf/all/disable_ipv6"


def attach(identity: str, name: str, wanted: Attachment, used: "set[str]", journal: Journal) -> Endpoint:
    """Make sure that the network stands, and lease addresses for the container called *name*.

    *used* are the names of its links so far. The leases are noted in the container's *journal*.
    Errors: PyrunError; no such network, no pool, no address or no firewall tool left.
    """
    if wanted.network != DEFAULT and not standing.exists(wanted.network):
        _defined(wanted.network)
    with locked(wanted.network):
        return lease(identity, name, wanted, used, journal)


def lease(identity: str, name: str, wanted: Attachment, used: "set[str]", journal: Journal) -> Endpoint:
    """Do what `attach` does, for somebody who holds the network's lock. Errors: PyrunError."""
    try:
        net = _ensure(wanted.network)
    except NotFound:
        _take_down(wanted.network)  # removed while we waited for its lock, which made the directory anew
        raise
    end = endpoints.design(net, identity, name, wanted, used)
    perform(endpoints.leased(end), "host", journal)
    return end


def unwound(name: str) -> list[Exception]:
    """Undo what an interrupted verb left half done; the network's lock is held."""
    return unwind_journal(standing.pending(name))


def preview(identity: str, name: str, wanted: Attachment, used: "set[str]") -> tuple["Network | None", Endpoint]:
    """Give what `attach` would do, touching nothing: the network, if it has to be made, and the endpoint."""
    net = standing.read(wanted.network)
    made = net or _defined(wanted.network)._replace(firewall=choice.backend())
    return (None if net else made), endpoints.design(made, identity, name, wanted, used)


def create(request: design.Request) -> Network:
    """Make a network that stands until it is removed. Errors: PyrunError, with nothing left of it."""
    with _designing():
        if definitions.read(request.name) is not None:
            raise PyrunError(f"network: {request.name}: a network of that name already exists", 1)
        net = design.design(request, _taken())
        with locked(net.name):
            _make(net._replace(firewall=choice.backend()))
            definitions.write(net)
    return net


def remove(net: Network) -> list[Exception]:
    """Take a created network down for ever; nobody is on it. Errors: PyrunError naming who is."""
    with locked(net.name):
        _release_strangers(net.name)
        there = sorted(end.name for end in standing.endpoints(net.name)) or sorted(standing.owners(net.name).values())
        if there:
            raise PyrunError(f"network: {net.name}: has active endpoints: {', '.join(there)}", 1, "disconnect them")
        definitions.remove(net.name)
        failures = _take_down(net.name)
    _tidy()
    return failures


def forget(network: str, reference: str) -> None:
    """Forget the plug of a container that does not exist any more. Errors: NotFound when there is none."""
    with locked(network):
        ends = standing.endpoints(network)
        end = next((each for each in ends if reference in (each.name, each.container, each.container[:12])), None)
        if end is None:
            raise NotFound(f"endpoint {reference} not found")
        made = [*endpoints.leased(end), endpoints.registered(end)]
        perform([links.DeleteLink(end.host_link, end.host_mac)])
        perform([inverse for each in made if (inverse := each.inverse()) is not None])


def sweep() -> list[Exception]:
    """Take down the networks that only stand for containers, and have none left."""
    failures: list[Exception] = []
    for name in standing.names():
        if not standing.is_created(name) and not standing.leases(name):
            failures += _sweep(name)
    _tidy()
    return failures


def reconcile() -> list[Exception]:
    """Clean up after interrupted commands, take down what nobody uses, mend what somebody does."""
    failures: list[Exception] = []
    idle = False
    for name in standing.names():
        try:
            failures += _unwind_pending(name)
            if standing.has_strangers(name):
                with locked(name):
                    _release_strangers(name)
            if standing.is_created(name) or standing.leases(name):
                if not standing.is_untouched(name):
                    mend(name)
            elif not _is_about_to_be_swept(name):
                idle = True
        except PyrunError as failure:
            failures.append(failure)
    try:
        mend_rules()
    except (PyrunError, OSError) as failure:
        failures.append(failure)
    return failures + (sweep() if idle else [])


def mend(name: str) -> None:
    """Make a network stand as it was made. Errors: PyrunError."""
    with locked(name):
        _ensure(name)


def repair(name: str) -> None:
    """Make a network stand as it was made, with a look at all that containers have of it. Errors: PyrunError."""
    with locked(name):
        net = _ensure(name)
        _release_strangers(name)
        _mend_ports(net)


def mend_rules() -> None:
    """Install the rules that somebody has removed. Errors: PyrunError, OSError."""
    if generation.is_noted() or not standing.names():
        return
    nets = standing.networks()
    ends = [end for net in nets for end in standing.endpoints(net.name)]
    if nets:
        perform(choice.mend(nets, ends))


@contextmanager
def sweeping() -> Iterator[None]:
    """Say, as long as this lasts, that we are going to sweep: others leave the idle network alone."""
    try:
        fd = os.open(f"{paths.network(DEFAULT)}/sweeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def _is_about_to_be_swept(name: str) -> bool:
    """Claim that somebody is in `sweeping`; they share that lock, so only an exclusive one tells."""
    try:
        fd = os.open(f"{paths.network(name)}/sweeper", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _sweep(name: str) -> list[Exception]:
    with locked(name, make=False) as exists:
        if not exists or standing.is_created(name) or standing.leases(name):
            return []
        return _take_down(name)


def _take_down(name: str) -> list[Exception]:
    """Undo all that a network consists of. The lock is held."""
    failures = unwind_journal(standing.pending(name)) + unwind_journal(_journal(name))
    if not failures:
        _forget(name)
    return failures


def _unwind_pending(name: str) -> list[Exception]:
    if not os.path.exists(standing.pending(name)):
        return []
    with locked(name, make=False) as exists:
        return unwound(name) if exists else []


def _forget(name: str) -> None:
    """Remove the network's directory, the lock last: who comes before that waits for it, then starts anew."""
    directory = paths.network(name)
    for entry in os.listdir(directory):
        if entry not in ("lock", "leases", "endpoints"):
            with suppress(FileNotFoundError):
                os.unlink(f"{directory}/{entry}")
    for path in (standing.endpoints_of(name), standing.leases_of(name)):
        for entry in os.listdir(path) if path.endswith("endpoints") and os.path.isdir(path) else ():
            os.unlink(f"{path}/{entry}")  # of a container whose lease is gone
        with suppress(FileNotFoundError):
            os.rmdir(path)
    os.unlink(f"{directory}/lock")
    with suppress(OSError):  # somebody has started anew already
        os.rmdir(directory)


def _tidy() -> None:
    """Leave nothing of the last network under /run."""
    with suppress(OSError):
        os.rmdir(paths.NETWORKS)
        generation.forget()
        os.rmdir(paths.RUN)


def _ensure(name: str) -> Network:
    """Give the network, made or mended as needed. The lock is held."""
    net = _recorded(name)
    if net is None:
        unwind_journal(_journal(name))  # what an interrupted first start left
        # Only `bridge` has its pool chosen now: nobody who designs waits for its lock.
        with _designing() if name == DEFAULT else nullcontext():
            net = _defined(name)._replace(firewall=choice.backend())
            _make(net)
    elif not standing.is_up(net):
        _make_again(net)
    else:
        _mend_addresses(net)
        mend_rules()
    return net


def _recorded(name: str) -> "Network | None":
    """Give the network as it was made, its record mended where that is lost or damaged. Errors: PyrunError."""
    net = None
    with suppress(Corrupt):
        net = standing.read(name)
    if net is None and (net := recovery.recovered(name, _journal(name))):
        standing.write(net)
    return net


def _make(net: Network) -> None:
    """Make links, addresses and rules; what was made is undone when some of it fails. The lock is held."""
    if links.exists(net.bridge):
        raise PyrunError(f"network: {net.bridge}: a link of that name exists and is not ours")
    try:
        learning = tuple(sysctls.learning()) if net.ipv6 else ()
        perform(plan.network(net, sysctls.exists(_IPV6), learning), "host", FileJournal(_journal(net.name)))
        standing.write(net)
    except (PyrunError, OSError):
        if not standing.leases(net.name):
            _take_down(net.name)
        raise


def _make_again(net: Network) -> None:
    """Make the bridge that somebody deleted, or switch it on, and plug its containers in again."""
    journal = FileJournal(_journal(net.name))
    found = rtnetlink.find_link(net.bridge)
    if found and found[2].get(rtnetlink.IFLA_ADDRESS) == rtnetlink.mac(net.mac):
        perform([links.SetUp(net.bridge)], "host", journal)
        _mend_addresses(net)
        return
    perform(plan.network(net, sysctls.exists(_IPV6)), "host", journal)
    _mend_ports(net)


def _mend_ports(net: Network) -> None:
    """Plug the containers in as they were, as far as their cables are there."""
    bridge = rtnetlink.find_link(net.bridge)
    for end in standing.endpoints(net.name):
        port = rtnetlink.find_link(end.host_link)
        if bridge and port and port[2].get(rtnetlink.IFLA_ADDRESS) == rtnetlink.mac(end.host_mac):
            perform(plan.port(end, bridge[0], port))


def _release_strangers(name: str) -> None:
    """Take back what belongs to containers that are not there any more. The lock is held."""
    for address, owner in standing.owners(name).items():
        if standing.is_stranger(owner):
            perform([ipam.ReleaseLease(standing.leases_of(name), address, owner)])
    for end in standing.endpoints(name):
        if standing.is_stranger(end.container):
            gone = endpoints.ForgetEndpoint(standing.endpoints_of(name), end.container)
            perform([links.DeleteLink(end.host_link, end.host_mac), gone])
            perform([inverse for each in choice.published(end) if (inverse := each.inverse()) is not None])


def _mend_addresses(net: Network) -> None:
    """Give the bridge back what it lost, and let the host forward again."""
    present = {address for address, _ in links.addresses(net.bridge)}
    for pool in net.pools:
        if pool.gateway not in present:
            broadcast = addresses.broadcast(pool.subnet)
            perform([links.AddAddress(net.bridge, pool.gateway, pool.prefix, broadcast)], "host")
    journal = FileJournal(_journal(net.name))
    if not standing.is_forwarding():
        perform([sysctls.EnableForwarding(net.bridge)], "host", journal)
    if net.ipv6 and not standing.is_forwarding(ipv6=True):
        perform([sysctls.EnableForwarding(net.bridge, 6)], "host", journal)


def _defined(name: str) -> Network:
    """Give a network that does not stand as it is to be made. Errors: NotFound."""
    if name == DEFAULT:
        return design.default(_taken())
    net = definitions.read(name)
    if net is None:
        raise NotFound(f"network {name} not found", 125)
    return net


def _taken() -> list[ipam.Taken]:
    """List what of the address space is in use: by other networks, by this host's links, by name servers."""
    created, _ = definitions.networks()
    standing_default = standing.read(DEFAULT)
    return design.taken([*created, *([standing_default] if standing_default else [])])


@contextmanager
def _designing() -> Iterator[None]:
    """Choose address pools while nobody else does: the directory of definitions is the lock."""
    for path in (paths.STATE, paths.DEFINITIONS):
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
    fd = os.open(paths.DEFINITIONS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def locked(name: str, make: bool = True) -> Iterator[bool]:
    """Hold a network's lock; its directory may vanish with the last container while we wait.

    With *make* the directory is made; without, this yields False where there is none.
    """
    fd = _take_lock(paths.network(name), make)
    try:
        yield fd >= 0
    finally:
        if fd >= 0:
            os.close(fd)


def _take_lock(directory: str, make: bool) -> int:
    below = (f"{directory}/leases", f"{directory}/endpoints")
    while True:
        for path in (paths.RUN, paths.NETWORKS, directory, *below) if make else ():
            with suppress(FileExistsError, FileNotFoundError):
                os.mkdir(path, 0o700)
        try:
            fd = os.open(f"{directory}/lock", os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
        except FileNotFoundError:
            if not make:
                return -1
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink and (not make or all(map(os.path.isdir, below))):
            return fd
        os.close(fd)


def _journal(name: str) -> str:
    return f"{paths.network(name)}/journal"
