"""A container and its networks on the host's side: addresses leased, cables plugged in, ports and names served.

For `run` it is the monitor that does so, while init configures the sandbox.
Each plug has a journal of its own, so that it can be taken out while the container runs.
"""

from pyrun import keeping
from pyrun.firewall import choice
from pyrun.kernel import holders
from pyrun.network import driver, endpoints
from pyrun.operation import Journal, perform
from pyrun.plan import network as plan
from pyrun.runtime import services
from pyrun.spec import ContainerConfig, Endpoint, Published

Sockets = tuple[tuple[Published, int], ...]  # held ports of the host: bound, listening where that makes sense


def lease(config: ContainerConfig) -> list[Endpoint]:
    """Lease addresses on all networks that the container is to be on. Errors: PyrunError."""
    ends: list[Endpoint] = []
    for wanted in config.attachments:
        journal = keeping.endpoint_journal(config.id, wanted.network)
        ends.append(driver.attach(config.id, config.name, wanted, {end.link for end in ends}, journal))
    return ends


def plug_in(end: Endpoint, pid: int, ipv6: bool, journal: Journal) -> None:
    """Plug the sandbox of *pid* in, let its published ports through, and tell others of it. Errors: PyrunError."""
    perform(plan.endpoint(end, pid, ipv6), "host", journal)
    perform(choice.published(end), "host", journal)
    perform([endpoints.registered(end)], "host", journal)


def serve(config: ContainerConfig, ends: list[Endpoint], pid: int, sockets: Sockets) -> None:
    """Start who holds the ports and answers for names, if any of it is needed. Errors: PyrunError."""
    if services.are_needed(ends):
        start = services.StartServices(config, tuple(ends), pid, sockets)
        perform([start], "host", keeping.journal(config.id))


def serve_again(config: ContainerConfig, ends: list[Endpoint], pid: int) -> None:
    """Let who serves know that the container's plugs have changed; start it when it has become needed.

    Errors: PyrunError.
    """
    serving = holders.holder(services.lock_path(config.id)) is not None
    if serving and not services.are_needed(ends):
        perform([holders.EndHolder(services.lock_path(config.id))])
    elif not serving:
        serve(config, ends, pid, ())
