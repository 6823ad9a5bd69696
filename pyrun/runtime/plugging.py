"""A container and its networks on the host's side: addresses leased, cables plugged in, ports and names served.

For `run` it is the monitor that does so, while init configures the sandbox.
Each plug has a journal of its own, so that it can be taken out while the container runs.
"""

import os

from pyrun import keeping, leftovers, paths, store
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.firewall.names import RedirectNames
from pyrun.kernel import holders, locks, processes, sandboxes
from pyrun.network import definitions, driver, endpoints, ports, standing
from pyrun.network.definitions import DEFAULT
from pyrun.operation import Journal, Operation, perform
from pyrun.plan import network as plan
from pyrun.runtime import services
from pyrun.spec import ContainerConfig, Endpoint, Published

_PORTS = (32768, 61000)  # at which names may be answered for, inside
Sockets = tuple[tuple[Published, int], ...]  # held ports of the host: bound, listening where that makes sense


def lease(config: ContainerConfig) -> list[Endpoint]:
    """Lease addresses on all networks that the container is to be on. Errors: PyrunError."""
    ends: list[Endpoint] = []
    for wanted in config.attachments:
        journal = keeping.endpoint_journal(config.id, wanted.network)
        end = driver.attach(config.id, config.name, wanted, {end.link for end in ends}, journal)
        ends.append(end._replace(hostname=config.hostname))
    return ends


def reserve(config: ContainerConfig, ends: "list[Endpoint] | None" = None) -> "Sockets | None":
    """Bind the host's ports that are to lead to the container, before anything is made.

    Without *ends* they are None when an address belongs to no link yet: then try again when the networks stand.
    Errors: PyrunError naming who has a port; nothing is held then.
    """
    wanted = ports.wanted(config)
    leads = plan.gateway(ends if ends is not None else _expected(config)) if wanted else None
    if leads is None:
        return ()
    try:
        return tuple(ports.reserve(wanted, leads.network.host_binding))
    except ports.Unreachable:
        if ends is not None:
            raise
        return None


def publish(ends: list[Endpoint], bound: tuple[Published, ...]) -> list[Endpoint]:
    """Give the plugs, with the ports at the one that leads outside."""
    leads = plan.gateway(ends) if bound else None
    return [end._replace(published=bound) if end is leads else end for end in ends]


def preview(config: ContainerConfig, ends: list[Endpoint]) -> list[Endpoint]:
    """Give the plugs with the ports that would be tried first, touching nothing."""
    leads, wanted = plan.gateway(ends), ports.wanted(config)
    return publish(ends, ports.preview(wanted, leads.network.host_binding) if leads else ())


def plug_in(end: Endpoint, pid: int, ipv6: bool, journal: Journal) -> None:
    """Plug the sandbox of *pid* in, let its published ports through, and tell others of it. Errors: PyrunError."""
    perform(planned(end, pid, ipv6), "host", journal)


def planned(end: Endpoint, pid: int, ipv6: bool) -> list[Operation]:
    """Give the operations that plug the sandbox of *pid* in, on the host's side."""
    return [*plan.endpoint(end, pid, ipv6), *plan.published(end), endpoints.registered(end)]


def serve(config: ContainerConfig, ends: list[Endpoint], pid: int, sockets: Sockets) -> None:
    """Start who holds the ports and answers for names, if any of it is needed. Errors: PyrunError."""
    made = serving(config, ends, pid, sockets)
    if made:
        keeping.leave_unwatched(config.id)
        perform(made, "host", keeping.journal(config.id))


def serving(config: ContainerConfig, ends: list[Endpoint], pid: int, sockets: Sockets) -> list[Operation]:
    """Give the operations that start who serves a container, for the first time or again; *pid* 0 previews them."""
    named = [end for end in ends if services.has_names([end])]
    if not named:
        needed = bool(sockets) or services.are_needed(ends)
        return [services.StartServices(config, tuple(ends), pid, sockets)] if needed else []
    started = os.path.exists(f"{paths.container(config.id)}/start.json")  # then rules may stand, and ports be used
    port = _free_port(sandboxes.used_ports(pid) if started else set())
    redirect = RedirectNames(pid, port, named[0].network.firewall, again=started)
    return [redirect, services.StartServices(config, tuple(ends), pid, sockets, port)]


def _free_port(used: "set[int]") -> int:
    """Choose a port by chance, where programs do not expect one."""
    while True:
        port = _PORTS[0] + int.from_bytes(os.urandom(4), "big") % (_PORTS[1] - _PORTS[0])
        if port not in used:
            return port


def watched(identity: str, ends: list[Endpoint]) -> int:
    """Give a pidfd of who serves a container, for its monitor, which from now on marks the end of it; -1 for none."""
    process = holders.holder(holders.of(identity)) if services.are_needed(ends) else None
    with suppress(ProcessLookupError):  # whoever looks next finds it dead
        if process:
            pidfd = processes.open_process(process)
            keeping.unmark(paths.unwatched(identity))
            return pidfd
    return -1


def serve_again(config: ContainerConfig, ends: list[Endpoint], pid: int, bound: Sockets = ()) -> None:
    """Let who serves go on, start one when it has become needed or has died, end one that is needed no longer.

    Its ports and whether it has names are settled when it is started, with what is *bound* already; it sees
    itself that the container's plugs have changed. Errors: PyrunError.
    """
    path = holders.of(config.id)
    needed, alive = services.are_needed(ends), locks.is_held(path)
    if needed and alive and services.suffice(config.id, ends):
        return
    if alive or (not needed and os.path.exists(path)):  # somebody may have been interrupted in ending it
        perform([holders.EndHolder(path)])
    if not needed:
        keeping.unmark(paths.unwatched(config.id))
        return
    keeping.leave_unwatched(config.id)
    held: list[ports.Held] = []
    try:
        for port in [port for end in ends for port in end.published if port not in dict(bound)]:
            held.append((port, ports.hold(port)))
        perform(serving(config, ends, pid, (*bound, *held)), "host", keeping.journal(config.id))
    finally:
        ports.release(held)


def reconcile() -> list[Exception]:
    """Start again who served a container that still runs, and has died. The container's monitor may be dead as well."""
    failures: list[Exception] = []
    for identity in leftovers.unserved():
        try:
            container = store.load(identity)
            if container.config and container.status().is_up:
                serve_again(container.config, standing.plugs(identity), container.process().pid)
        except (PyrunError, OSError) as failure:
            if holders.is_gone(holders.of(identity)) and store.load(identity).living():  # else somebody was faster
                failures.append(failure)
    return failures


def _expected(config: ContainerConfig) -> list[Endpoint]:
    """Foresee the plugs as far as choosing among them goes. Errors: PyrunError for a network that is gone."""
    found = []
    for wanted in config.attachments:
        net = definitions.default_unmade() if wanted.network == DEFAULT else definitions.find(wanted.network)
        family = net.ipv6.gateway if net.ipv6 else ""
        found.append(Endpoint(net, config.id, config.name, "", "", "", "", "", family, (), wanted.priority))
    return found
