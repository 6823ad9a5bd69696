"""The bridge driver: a network set up by its first container, mended by the next, gone with the last.

What it consists of is planned in `pyrun.plan.network`; here it is decided when
to perform that, under the network's lock, which is held for milliseconds.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from pyrun import paths
from pyrun.errors import PyrunError
from pyrun.firewall import choice
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import files, links, rtnetlink, sysctls
from pyrun.network import addresses, hostfiles
from pyrun.operation import Journal, perform
from pyrun.plan import network as plan
from pyrun.spec import Endpoint, Network

BRIDGE = "pyrun0"
NAME = "bridge"
_DIRECTORY = f"{paths.NETWORKS}/{NAME}"
_LEASES = f"{_DIRECTORY}/leases"
_RECORD = f"{_DIRECTORY}/network.json"
_JOURNAL = f"{_DIRECTORY}/journal"


def attach(identity: str, name: str, journal: Journal) -> Endpoint:
    """Make sure that the network stands, and lease an address for the container.

    The lease is noted in the container's *journal*. Errors: PyrunError; no pool,
    no address or no firewall tool left.
    """
    with _locked():
        net = _ensure()
        taken = set(os.listdir(_LEASES))
        end = _endpoint(net, addresses.lowest_free(addresses.subnet(net.subnet), taken), name)
        perform([addresses.TakeLease(_LEASES, end.address, identity)], "host", journal)
    return end


def preview(name: str) -> tuple["Network | None", Endpoint]:
    """Give what `attach` would do, touching nothing: the network, if it has to be made, and the endpoint."""
    net = _read()
    taken = set(os.listdir(_LEASES)) if net and os.path.isdir(_LEASES) else set[str]()
    made = net or _design()
    pool = addresses.subnet(made.subnet)
    return (None if net else made), _endpoint(made, addresses.lowest_free(pool, taken), name)


def endpoint_of(identity: str) -> "tuple[Network, str] | None":
    """Find the network and the address that a container holds a lease of."""
    net = _read()
    for address in os.listdir(_LEASES) if net and os.path.isdir(_LEASES) else []:
        with suppress(FileNotFoundError), open(f"{_LEASES}/{address}") as file:
            if net and file.read() == identity:
                return net, address
    return None


def sweep() -> list[Exception]:
    """Take the network down if no container is left on it."""
    with _locked(make=False) as exists:
        if not exists or _has_leases():
            return []
        failures = unwind_journal(_JOURNAL)
        if not failures:
            _forget()
    with suppress(OSError):
        os.rmdir(paths.NETWORKS)
    return failures


def reconcile() -> list[Exception]:
    """Take down a network that nobody uses and nobody is about to sweep; mend one that is in use."""
    if not os.path.isdir(_DIRECTORY):
        return []
    if _has_leases():
        return _mend_if_broken()
    return [] if _is_about_to_be_swept() else sweep()


@contextmanager
def sweeping() -> Iterator[None]:
    """Say, as long as this lasts, that we are going to sweep: others leave the idle network alone."""
    try:
        fd = os.open(f"{_DIRECTORY}/sweeper", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        fd = os.open(f"{_DIRECTORY}/sweeper", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _has_leases() -> bool:
    return os.path.isdir(_LEASES) and bool(os.listdir(_LEASES))


def _forget() -> None:
    """Remove the network's directory, the lock last: who comes before that waits for it, then starts anew."""
    for name in os.listdir(_DIRECTORY):
        if name not in ("lock", "leases"):
            with suppress(FileNotFoundError):
                os.unlink(f"{_DIRECTORY}/{name}")
    with suppress(FileNotFoundError):
        os.rmdir(_LEASES)
    os.unlink(f"{_DIRECTORY}/lock")
    with suppress(OSError):  # somebody has started anew already
        os.rmdir(_DIRECTORY)


def _mend_if_broken() -> list[Exception]:
    net = _read()
    if net is None or (links.is_up(net.bridge) and choice.stand(net.firewall, net.bridge, net.subnet)):
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
    net = _read()
    if net is None:
        unwind_journal(_JOURNAL)  # what an interrupted first start left
        net = _design()
        if links.exists(net.bridge):
            raise PyrunError(f"network: {net.bridge}: a link of that name exists and is not ours")
        perform(plan.network(net), "host", journal)
        files.write_atomically(_RECORD, json.dumps(net._asdict()).encode())
        return net
    if not links.is_up(net.bridge):
        links.DeleteLink(net.bridge, net.mac).apply()
        perform(plan.network(net), "host", journal)
        _plug_in_again(net)
    elif not choice.stand(net.firewall, net.bridge, net.subnet):
        rules = choice.install(net.firewall, net.bridge, net.subnet)
        perform([sysctls.EnableForwarding(), rules], "host", journal)  # an interrupted sweep stops both
    return net


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
        NAME,
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


def _read() -> "Network | None":
    try:
        fields: dict[str, Any] = json.loads(files.read_limited(_RECORD))
        return Network(**fields)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as cause:
        raise PyrunError(f"network: {_RECORD}: not readable", hint="remove it; the network is made anew") from cause


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
        for path in (paths.RUN, paths.NETWORKS, _DIRECTORY, _LEASES) if make else ():
            with suppress(FileExistsError, FileNotFoundError):
                os.mkdir(path, 0o700)
        try:
            fd = os.open(f"{_DIRECTORY}/lock", os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
        except FileNotFoundError:
            if not make:
                return -1
            continue
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink and (not make or os.path.isdir(_LEASES)):
            return fd
        os.close(fd)
