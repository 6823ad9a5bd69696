"""The bridge driver: networks made, mended and taken down, each under its own lock, held for milliseconds.

`bridge` is made by its first container and gone with its last; a network that
somebody created stands until it is removed. What one consists of is planned in
`pyrun.plan.network`, and designed in `pyrun.network.design`.
"""

import os

from pyrun import chronicle, paths
from pyrun.contexts import nullcontext, suppress
from pyrun.errors import Corrupt, NotFound, PyrunError
from pyrun.firewall import choice, generation, neighbours, nftables
from pyrun.journal import FileJournal, unwind_journal
from pyrun.kernel import files, links, nf_tables, sysctls
from pyrun.network import definitions, design, endpoints, ipam, ports, recovery, standing, turns
from pyrun.network.definitions import DEFAULT
from pyrun.operation import Journal, Operation, perform
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
    with turns.locked(wanted.network):
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
    made = net or _equipped(_defined(wanted.network))
    return (None if net else made), endpoints.design(made, identity, name, wanted, used)


def interference(name: str) -> list[str]:
    """Say what of this host's firewall will stop the packets of a network that is made or about to be; else nothing."""
    net = standing.read(name) or _equipped(definitions.read(name) or definitions.default_unmade())
    return neighbours.interfering(net.firewall, net.bridge)


def create(request: design.Request) -> Network:
    """Make a network that stands until it is removed. Errors: PyrunError, with nothing left of it."""
    with turns.designing():
        if definitions.read(request.name) is not None:
            raise PyrunError(f"network: {request.name}: a network of that name already exists", 1)
        net = design.design(request, _taken())
        try:
            with turns.locked(net.name):
                _make(_equipped(net))
                _define(net)
        except (PyrunError, OSError):
            _tidy()
            raise
    chronicle.network(net, "create")
    return net


def remove(net: Network) -> list[Exception]:
    """Take a created network down for ever; nobody is on it. Errors: PyrunError naming who is."""
    from pyrun.network import strangers

    with turns.locked(net.name):
        strangers.release(net.name)
        there = sorted(end.name for end in standing.endpoints(net.name)) or sorted(standing.owners(net.name).values())
        if there:
            raise PyrunError(f"network: {net.name}: has active endpoints: {', '.join(there)}", 1, "disconnect them")
        definitions.remove(net.name)
        failures = _take_down(net.name)
    chronicle.network(net, "destroy")
    _tidy()
    return failures


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
                from pyrun.network import strangers

                with turns.locked(name):
                    strangers.release(name)
            if standing.is_created(name) or standing.leases(name):
                if not standing.is_untouched(name):
                    mend(name)
            elif not turns.is_about_to_be_swept(name):
                idle = True
        except (PyrunError, OSError) as failure:
            failures.append(failure)
    try:
        mend_rules()
    except (PyrunError, OSError) as failure:
        failures.append(failure)
    if standing.is_littered():
        _tidy()
    return failures + (sweep() if idle else [])


def mend(name: str) -> None:
    """Make a network stand as it was made. Errors: PyrunError."""
    with turns.locked(name):
        _ensure(name)


def repair(name: str) -> list[Exception]:
    """Make a network stand as it was made, with a look at all that containers have of it."""
    from pyrun.network import mending, strangers

    with turns.locked(name):
        failures = unwound(name)
        try:
            net = _ensure(name)
            strangers.release(name)
            mending.cables(net)
            _renew_uplinks(net)
            mending.bridge(net)
        except (PyrunError, OSError) as failure:
            failures.append(failure)
    return failures


def _renew_uplinks(net: Network) -> None:
    """Except the ways outside that there are by now. The lock is held."""
    now = net._replace(uplinks=standing.uplinks())
    if now != net:
        standing.write(now)
        perform([choice.network(now)], "host", FileJournal(_journal(net.name)))
        generation.note(None)  # what was excepted before is no longer
        mend_rules(net.name)


def mend_rules(held: str = "") -> None:
    """Install the rules that somebody has removed; *held* is a network whose lock is. Errors: PyrunError, OSError."""
    if generation.is_noted() or not standing.names():
        return
    nets, found = _wanted(held), list[Operation]()
    while nets:
        found = _missing(nets)
        before, nets = nets, _wanted(held)
        if nets == before:  # else one of them was taken down while we looked: its rules may not come back
            break
    if nets and found:
        perform(found)
        generation.note(None)  # who was there may have left meanwhile: only a look that finds nothing counts


def _wanted(held: str) -> list[Network]:
    """List the networks whose rules have to stand; an idle one may be going just now, unless its lock is *held*."""
    nets = standing.networks()
    return [net for net in nets if net.name == held or standing.is_created(net.name) or standing.leases(net.name)]


def _missing(nets: list[Network]) -> list[Operation]:
    ends = [end for net in nets for end in standing.endpoints(net.name)]
    plugged = {(end.network.name, end.container) for end in ends}
    settled = len(nets) == len(standing.names()) and all(
        (net.name, owner) in plugged for net in nets for owner in standing.owners(net.name).values()
    )
    return choice.mend(nets, ends, settled)


def _sweep(name: str) -> list[Exception]:
    with turns.locked(name, make=False) as exists:
        if not exists or standing.is_created(name) or standing.leases(name) or standing.unsettled_containers(name):
            return []
        return _take_down(name)


def _take_down(name: str) -> list[Exception]:
    """Undo all that a network consists of. The lock is held."""
    with suppress(PyrunError):
        net = standing.read(name)
        if net and not standing.live_bridge(net):
            from pyrun.network import mending

            if not mending.reclaim(net):  # the journal knows the bridge by its address, and by its name
                mending.delete_renamed(net)
    failures = unwind_journal(standing.pending(name)) + unwind_journal(_journal(name))
    if not failures:
        _forget(name)
    return failures


def _unwind_pending(name: str) -> list[Exception]:
    if not standing.is_changing(name):
        return []
    with turns.locked(name, make=False) as exists:
        if exists:
            files.remove_unfinished(paths.network(name))
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
    if standing.is_littered():
        with suppress(OSError):
            generation.forget()
        with suppress(OSError):
            ports.forget()
        with suppress(OSError):
            os.rmdir(paths.RUN)


def _ensure(name: str) -> Network:
    """Give the network, made or mended as needed. The lock is held."""
    net = _recorded(name)
    if net is None:
        unwind_journal(_journal(name))  # what an interrupted first start left
        # Only `bridge` has its pool chosen now: nobody who designs waits for its lock.
        with turns.designing() if name == DEFAULT else nullcontext():
            net = _make(_equipped(_defined(name)))
    else:
        if not standing.is_working(net):
            net = _mended(net)
        mend_rules(name)
    return net


def _recorded(name: str) -> "Network | None":
    """Give the network as it was made, its record mended where that is lost or damaged. Errors: PyrunError."""
    net = None
    with suppress(Corrupt):
        net = standing.read(name)
    if net is None and (net := recovery.recovered(name, _journal(name))):
        net = _noted(net)
    return net


def _noted(net: Network) -> Network:
    """Write down that the network stands, and which link is its bridge; give it so."""
    found = standing.bridge(net)
    net = net._replace(ifindex=found[0] if found else 0)
    standing.write(net)
    return net


def _equipped(net: Network) -> Network:
    """Choose what the network's rules are made with, and look what they have to except."""
    guarded = not net.spoofing and nftables.available()
    return net._replace(firewall=choice.backend(), guarded=guarded, uplinks=standing.uplinks())


def _define(net: Network) -> None:
    """Write down a network that stands; it is taken down where that fails. The lock is held."""
    try:
        definitions.write(net)
    except (PyrunError, OSError):
        _take_down(net.name)
        raise


def _make(net: Network) -> Network:
    """Make links, addresses and rules; what was made is undone when some of it fails. The lock is held."""
    try:
        _refuse_foreign(net)
        if net.ipv6 and not sysctls.exists(_IPV6):
            raise PyrunError(f"network: {net.name}: this host's kernel has no IPv6", 1)
        learning = tuple(sysctls.learning()) if net.ipv6 else ()
        perform(plan.network(net, sysctls.exists(_IPV6), learning), "host", FileJournal(_journal(net.name)))
        return _noted(net)
    except (PyrunError, OSError):
        if net.guarded and not nf_tables.is_supported("bridge"):
            unwind_journal(_journal(net.name))
            return _make(net._replace(guarded=False))
        if not standing.leases(net.name):
            _take_down(net.name)
        raise


def _mended(net: Network) -> Network:
    """Let a network that stands work again: links, addresses, routes; give it as it stands now. Errors: PyrunError."""
    from pyrun.network import mending

    if not standing.live_bridge(net):
        net = _make_again(net)
    mending.ways(net, FileJournal(_journal(net.name)))
    return net


def _make_again(net: Network) -> Network:
    """Make the bridge that somebody deleted and plug its containers in again, or switch it on; give the network."""
    from pyrun.network import mending

    if mending.reclaim(net):
        perform([links.SetUp(net.bridge)])
        return net
    _refuse_foreign(net, f"ip link delete {net.bridge}, then pyrun network repair {net.name}")
    mending.delete_renamed(net)
    perform(plan.network(net, sysctls.exists(_IPV6)), "host", FileJournal(_journal(net.name)))
    net = _noted(net)
    mending.cables(net)
    return net


def _refuse_foreign(net: Network, hint: str = "") -> None:
    """Leave another's link of the bridge's name alone. Errors: PyrunError naming it."""
    if links.exists(net.bridge):
        raise PyrunError(f"network: {net.bridge}: a link of that name exists and is not ours", hint=hint)


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


def _journal(name: str) -> str:
    return f"{paths.network(name)}/journal"
