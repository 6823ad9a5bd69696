"""The bridge driver: a network set up by its first container, mended by the next, gone with the last.

What it consists of is planned in `pyrun.plan.network`; here it is decided when
to perform that, under the network's lock, which is held for milliseconds.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyrun import paths
from pyrun.errors import PyrunError
from pyrun.firewall import choice, generation
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import links, rtnetlink, sysctls
from pyrun.network import addresses, hostfiles, standing
from pyrun.network.standing import DIRECTORY, LEASES
from pyrun.operation import Journal, perform
from pyrun.plan import network as plan
from pyrun.spec import Endpoint, Network

BRIDGE = "pyrun0"
_JOURNAL = f"{DIRECTORY}/journal"


def attach(identity: str, name: str, journal: Journal) -> Endpoint:
    """Make sure that the network stands, and lease an address for the container.

    The lease is noted in the container's *journal*. Errors: PyrunError; no pool,
    no address or no firewall tool left.
    """
    with _locked():
        net = _ensure()
        pool = addresses.subnet(net.subnet)
        end = _endpoint(net, addresses.lowest_free(pool, set(standing.leases())), name)
        perform([addresses.TakeLease(LEASES, end.address, identity)], "host", journal)
    return end


def preview(name: str) -> tuple["Network | None", Endpoint]:
    """Give what `attach` would do, touching nothing: the network, if it has to be made, and the endpoint."""
    net = standing.read()
    made = net or _design()
    pool = addresses.subnet(made.subnet)
    return (None if net else made), _endpoint(made, addresses.lowest_free(pool, set(standing.leases())), name)


def endpoint_of(identity: str) -> "tuple[Network, str] | None":
    """Find the network and the address that a container holds a lease of."""
    net, address = standing.read(), standing.lease_of(identity)
    return (net, address) if net and address else None


def sweep() -> list[Exception]:
    """Take the network down if no container is left on it."""
    with _locked(make=False) as exists:
        if not exists or standing.leases():
            return []
        failures = unwind_journal(_JOURNAL)
        if not failures:
            _forget()
    with suppress(OSError):
        os.rmdir(paths.NETWORKS)
    return failures


def reconcile() -> list[Exception]:
    """Take down a network that nobody uses and nobody is about to sweep; mend one that is in use."""
    if not standing.exists():
        return []
    if standing.leases():
        return _mend_if_broken()
    return [] if _is_about_to_be_swept() else sweep()


@contextmanager
def sweeping() -> Iterator[None]:
    """Say, as long as this lasts, that we are going to sweep: others leave the idle network alone."""
    try:
        fd = os.open(f"{DIRECTORY}/sweeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        yield
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def _is_about_to_be_swept() -> bool:
    """Claim that somebody is in `sweeping`; they share that lock, so only an exclusive one tells."""
    try:
        fd = os.open(f"{DIRECTORY}/sweeper", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _forget() -> None:
    """Remove the network's directory, the lock last: who comes before that waits for it, then starts anew."""
    for name in os.listdir(DIRECTORY):
        if name not in ("lock", "leases"):
            with suppress(FileNotFoundError):
                os.unlink(f"{DIRECTORY}/{name}")
    with suppress(FileNotFoundError):
        os.rmdir(LEASES)
    os.unlink(f"{DIRECTORY}/lock")
    with suppress(OSError):  # somebody has started anew already
        os.rmdir(DIRECTORY)


def _mend_if_broken() -> list[Exception]:
    if standing.leases() and standing.is_untouched():
        return []
    try:
        with _locked():
            _ensure()
    except PyrunError as failure:
        return [failure]
    return []


def _ensure() -> Network:
    """Give the network, made or mended as needed. The lock is held."""
    journal = FileJournal(_JOURNAL)
    net = standing.read()
    if net is None:
        unwind_journal(_JOURNAL)  # what an interrupted first start left
        net = _design()
        if links.exists(net.bridge):
            raise PyrunError(f"network: {net.bridge}: a link of that name exists and is not ours")
        perform(plan.network(net), "host", journal)
        standing.write(net)
    elif not standing.is_up(net):
        links.DeleteLink(net.bridge, net.mac).apply()
        perform(plan.network(net), "host", journal)
        _plug_in_again(net)
    elif not standing.is_untouched():
        _mend_rules(net, journal)
    return net


def _mend_rules(net: Network, journal: Journal) -> None:
    """Install the rules again if any is missing; note when none is, so that the next command need not look."""
    seen = generation.current() if choice.is_counted(net.firewall) else None
    if not standing.is_forwarding():
        perform([sysctls.EnableForwarding()], "host", journal)
    if choice.stand(net.firewall, net.bridge, net.subnet):
        standing.note_rules(seen)
    else:
        perform([choice.install(net.firewall, net.bridge, net.subnet)], "host", journal)


def _plug_in_again(net: Network) -> None:
    """Make the host ends of running containers ports of the new bridge."""
    with open("/proc/self/net/dev") as file:  # /sys/class/net shows the namespace of whoever mounted it
        names = [row.partition(":")[0].strip() for row in file.readlines()[2:]]
    for name in names:
        found = rtnetlink.find_link(name) if name.startswith("veth") else None
        if found and found[2].get(rtnetlink.IFLA_IFALIAS, b"").startswith(b"pyrun:"):
            perform([links.Enslave(name, net.bridge)], "host")


def _design() -> Network:
    """Choose the first pool that is free on this host."""
    routes = [addresses.Subnet(*route) for route in rtnetlink.on_link_routes()]
    servers = [addresses.Subnet(number, 32) for number in hostfiles.nameserver_numbers(hostfiles.host_text())]
    pool = addresses.choose_pool(routes, servers)
    return Network(
        standing.NAME,
        BRIDGE,
        str(pool),
        addresses.dotted(pool.network + 1),
        addresses.dotted(pool.last),
        f"02:42:{os.urandom(4).hex(':')}",
        choice.backend(),
    )


def _endpoint(net: Network, address: str, name: str) -> Endpoint:
    link = f"veth{os.urandom(4).hex()[:7]}"
    mac = addresses.container_mac(address)
    return Endpoint(net, address, mac, link, f"02:{os.urandom(5).hex(':')}", f"pyrun:{name}")


@contextmanager
def _locked(make: bool = True) -> Iterator[bool]:
    """Hold the network's lock; its directory may vanish with the last container while we wait.

    With *make* the directory is made; without, this yields False where there is none.
    """
    fd = _take_lock(make)
    try:
        yield fd >= 0
    finally:
        if fd >= 0:
            os.close(fd)


def _take_lock(make: bool) -> int:
    while True:
        for path in (paths.RUN, paths.NETWORKS, DIRECTORY, LEASES) if make else ():
            with suppress(FileExistsError, FileNotFoundError):
                os.mkdir(path, 0o700)
        try:
            fd = os.open(f"{DIRECTORY}/lock", os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
        except FileNotFoundError:
            if not make:
                return -1
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink and (not make or os.path.isdir(LEASES)):
            return fd
        os.close(fd)
