"""Networks, as Python objects: created, looked at, plugged into, removed."""

from typing import Any, Unpack

from pyrun.api import arguments, calls, places
from pyrun.api.containers import Container
from pyrun.api.option_types import ConnectOptions, NetworkOptions, Pairs
from pyrun.api.places import Place
from pyrun.api.things import Thing
from pyrun.network import standing
from pyrun.runtime import network_listing
from pyrun.spec import Pool


class Network(Thing):
    """A network of this host, by its id. As a context manager it is removed at the end.

    Errors of every method: NotFound when it is gone, PyrunError with the cause.
    """

    def __init__(self, identity: str, name: str, place: Place) -> None:
        """Not for callers: see `create_network`, `networks` and `network`."""
        super().__init__(identity, place)
        self._name = name

    @property
    def id(self) -> str:
        """Give the id, 64 hexadecimal digits."""
        return self._id

    @property
    def name(self) -> str:
        """Give the name, which a network keeps for life."""
        return self._name

    @property
    def subnets(self) -> list[str]:
        """List the subnets, as ADDRESS/PREFIX: IPv4's, then IPv6's if there is one."""
        return [pool.subnet for pool in self._pools()]

    @property
    def gateways(self) -> list[str]:
        """List the host's own addresses on the network, one for each subnet."""
        return [pool.gateway for pool in self._pools()]

    @property
    def containers(self) -> list[Container]:
        """List the containers that are plugged in."""
        with self._place.entered():
            found = standing.endpoints(self._name)
        return [Container(end.container, self._place) for end in found]

    def inspect(self) -> dict[str, Any]:
        """Give all that is known, in the shape of `docker network inspect`; the rules and their counters too."""
        found: list[dict[str, Any]] = calls.document(self._place, ["network", "inspect", self._name])
        return found[0]

    def connect(self, container: "Container | str", **options: Unpack[ConnectOptions]) -> None:
        """Plug a container in; it may run. Errors: PyrunError when it is plugged in already, or cannot be."""
        given: dict[str, Any] = dict(options)
        calls.perform(self._place, arguments.words("network connect", given, [self._name, _reference(container)]))

    def disconnect(self, container: "Container | str", force: bool = False) -> None:
        """Take a container's plug out; with *force* also what is left of a container that is gone."""
        line = arguments.words("network disconnect", {"force": force}, [self._name, _reference(container)])
        calls.perform(self._place, line)

    def remove(self) -> None:
        """Remove the network. Errors: PyrunError while a container is on it, or when it is predefined."""
        calls.perform(self._place, ["network", "rm", self._name])

    def __repr__(self) -> str:
        return f"<Network {self._name}>"

    def _as_option(self) -> str:
        return self._name

    def _pools(self) -> tuple[Pool, ...]:
        with self._place.entered():
            net = network_listing.find(self._name).net
        return net.pools if net else ()


def create_network(name: str, **options: Unpack[NetworkOptions]) -> Network:
    """Create a bridge network; the arguments are the options of `pyrun network create`.

    Errors: UsageError, PyrunError when the name is taken or no subnet is free.
    """
    place = places.current()
    given: dict[str, Any] = dict(options)
    said = calls.perform(place, arguments.words("network create", given, [name]))
    return Network(said.stdout.decode().strip(), name, place)


def networks() -> list[Network]:
    """List all networks by name, the predefined ones too. Errors: PyrunError."""
    calls.need_root()
    place = places.current()
    with place.entered():
        return [Network(row.id, row.name, place) for row in network_listing.rows({})]


def network(name: str) -> Network:
    """Find a network by name, id or the unique beginning of its id. Errors: NotFound, UsageError."""
    calls.need_root()
    place = places.current()
    with place.entered():
        row = network_listing.find(name)
    return Network(row.id, row.name, place)


def prune_networks(filter: "Pairs | None" = None) -> list[str]:
    """Remove all created networks that no container is on; give their names.

    *filter* is as `pyrun network prune` takes it. Errors: UsageError, PyrunError.
    """
    return calls.pruned(arguments.words("network prune", {"filter": filter, "force": True}))


def _reference(container: "Container | str") -> str:
    return container if isinstance(container, str) else container.id
