"""What containers that are no more left on a network: their plugs, addresses and ports, taken back.

Imported only when there is somebody like that, or one is looked for.
"""

from pyrun.errors import NotFound
from pyrun.firewall import choice
from pyrun.kernel import links
from pyrun.network import endpoints, mending, standing, turns
from pyrun.operation import perform


def forget(network: str, reference: str) -> None:
    """Forget the plug of a container that does not exist any more. Errors: NotFound when there is none."""
    with turns.locked(network):
        ends = standing.endpoints(network)
        end = next((each for each in ends if reference in (each.name, each.container, each.container[:12])), None)
        if end is None:
            raise NotFound(f"endpoint {reference} not found")
        made = [*endpoints.leased(end), endpoints.registered(end)]
        mending.reclaim_cable(end)
        perform([links.DeleteLink(end.host_link, end.host_mac)])
        perform([inverse for each in reversed(made) if (inverse := each.inverse()) is not None])


def release(name: str) -> None:
    """Take back what belongs to containers that are not there any more. The network's lock is held."""
    for address, owner in standing.owners(name).items():
        if standing.is_stranger(owner):
            perform(endpoints.released(name, address, owner))
    for end in standing.endpoints(name):
        if standing.is_stranger(end.container):
            gone = endpoints.ForgetEndpoint(standing.endpoints_of(name), end.container)
            mending.reclaim_cable(end)
            perform([links.DeleteLink(end.host_link, end.host_mac), gone])
            perform([inverse for each in choice.published(end) if (inverse := each.inverse()) is not None])
