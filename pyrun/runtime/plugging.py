"""A container and its networks on the host's side: addresses leased, cables plugged in, ports and names served.

For `run` it is the monitor that does so, while init configures the sandbox.
Each plug has a journal of its own, so that it can be taken out while the container runs.
"""

import os

from pyrun import keeping, paths
from pyrun.firewall import choice
from pyrun.firewall.names import RedirectNames
from pyrun.kernel import sandboxes
from pyrun.network import driver, endpoints
from pyrun.operation import Journal, Operation, perform
from pyrun.plan import network as plan
from pyrun.runtime import services
from pyrun.spec import ContainerConfig, Endpoint, Published

_PORTS = (32768, 61000)
Sockets = tuple[tuple[Published, int], ...]  # held ports of the host: bound, listening where that makes sense


def lease(config: ContainerConfig) -> list[Endpoint]:
    """Lease addresses on all networks that the container is to be on. Errors: PyrunError."""
    ends: list[Endpoint] = []
    for wanted in config.attachments:
        journal = keeping.endpoint_journal(config.id, wanted.network)
        end = driver.attach(config.id, config.name, wanted, {end.link for end in ends}, journal)
        ends.append(end._replace(hostname=config.hostname))
    return ends


def plug_in(end: Endpoint, pid: int, ipv6: bool, journal: Journal) -> None:
    """Plug the sandbox of *pid* in, let its published ports through, and tell others of it. Errors: PyrunError."""
    perform(plan.endpoint(end, pid, ipv6), "host", journal)
    perform(choice.published(end), "host", journal)
    perform([endpoints.registered(end)], "host", journal)


def serve(config: ContainerConfig, ends: list[Endpoint], pid: int, sockets: Sockets) -> None:
    """Start who holds the ports and answers for names, if any of it is needed. Errors: PyrunError."""
    perform(serving(config, ends, pid, sockets), "host", keeping.journal(config.id))


def serving(config: ContainerConfig, ends: list[Endpoint], pid: int, sockets: Sockets) -> list[Operation]:
    """Give the operations that start who serves a container, for the first time or again; *pid* 0 previews them."""
    if not services.are_needed(ends):
        return []
    if not services.has_names(ends):
        return [services.StartServices(config, tuple(ends), pid, sockets)]
    port = _free_port(sandboxes.used_ports(pid) if pid else set())
    started = os.path.exists(f"{paths.container(config.id)}/start.json")  # then rules may stand from before
    redirect = RedirectNames(pid, port, ends[0].network.firewall, again=started)
    return [redirect, services.StartServices(config, tuple(ends), pid, sockets, port)]


def _free_port(used: "set[int]") -> int:
    """Choose a port by chance, where programs do not expect one."""
    while True:
        port = _PORTS[0] + int.from_bytes(os.urandom(4), "big") % (_PORTS[1] - _PORTS[0])
        if port not in used:
            return port
