"""What a learner has made, as the kernel has it now: namespaces, links, the cable, the bridge, rules.

How it was made is not looked at, nor what things are called. What is right and what is not, `pyrun.lab.checks` says.
"""

import os

from pyrun.contexts import suppress
from pyrun.firewall import present
from pyrun.firewall.trace import Table
from pyrun.kernel import glance, routing, survey, sysctls
from pyrun.kernel.glance import Default
from pyrun.kernel.survey import Link, Route
from pyrun.lab import building, network, operations
from pyrun.typed import NamedTuple


class Space(NamedTuple):
    """A network namespace with a name; *number* is how links of the host name it."""

    name: str
    number: int
    links: tuple[Link, ...]
    defaults: tuple[Default, ...]
    route: Route  # to a server on the internet

    def link(self, number: int) -> "Link | None":
        """Find a link by its number."""
        return next((link for link in self.links if link.number == number), None)


class Cable(NamedTuple):
    """A veth pair between the host and a namespace."""

    outer: Link
    inner: Link


class View(NamedTuple):
    """A lab at a moment; the space, cable and bridge are those that came the furthest."""

    links: tuple[Link, ...]  # of the host
    spaces: tuple[Space, ...]
    strangers: tuple[str, ...]  # names that lead to no namespace
    tables: tuple[Table, ...]  # firewall rules
    blind: tuple[str, ...]  # which rules are not followed
    space: "Space | None"
    cable: "Cable | None"
    bridge: "Link | None"  # that the cable is plugged into, else one that is there

    @property
    def uplink(self) -> "Link | None":
        """Give the way out."""
        return self.link(network.UPLINK)

    @property
    def inner(self) -> str:
        """Give the address of the container; empty when it has none."""
        return first(self.cable.inner) if self.cable else ""

    @property
    def is_plugged(self) -> bool:
        """Claim that the cable is plugged into the bridge."""
        return bool(self.cable and self.bridge and self.cable.outer.master == self.bridge.number)

    def link(self, name: str) -> "Link | None":
        """Find a link of the host by its name."""
        return next((link for link in self.links if link.name == name), None)


def look() -> View:
    """Ask the kernel for everything. Errors: OSError, PyrunError."""
    found, strangers = [], []
    for name in building.spaces():
        try:
            found.append(_space(name))
        except OSError:
            strangers.append(name)
    links = tuple(glance.links())
    rules = present.read()
    spaces = tuple(found)
    space, cable, bridge = _furthest(links, spaces)
    return View(links, spaces, tuple(strangers), tuple(rules.tables), tuple(rules.blind), space, cable, bridge)


def addresses(link: Link) -> list[tuple[str, int]]:
    """List the IPv4 addresses of a link, with their prefixes."""
    return [(address, prefix) for address, prefix in link.addresses if ":" not in address]


def first(link: Link) -> str:
    """Give the first IPv4 address of a link; empty when it has none."""
    return next((address for address, _ in addresses(link)), "")


def sysctl(name: str) -> str:
    """Read a parameter of the host; empty when there is none of that name."""
    with suppress(OSError):
        return sysctls.read(name)
    return ""


def _space(name: str) -> Space:
    fd = operations.opened(name)
    try:
        number = glance.namespace_number(fd=fd)
        with survey.inside(fd):
            links = tuple(glance.links())
            return Space(name, number, links, tuple(glance.default_routes()), routing.route(network.PAGES))
    finally:
        os.close(fd)


def _furthest(links: tuple[Link, ...], spaces: tuple[Space, ...]) -> "tuple[Space | None, Cable | None, Link | None]":
    bridges = [link for link in links if link.kind == "bridge"]
    numbers = {bridge.number for bridge in bridges}
    found = [(space, cable) for space in spaces for cable in _cables(links, space)]
    found.sort(key=lambda pair: (pair[1].outer.master in numbers, bool(first(pair[1].inner)), pair[1].inner.up))
    space, cable = found[-1] if found else (spaces[0] if spaces else None, None)
    own = [bridge for bridge in bridges if cable and bridge.number == cable.outer.master]
    return space, cable, next(iter([*own, *bridges]), None)


def _cables(links: tuple[Link, ...], space: Space) -> list[Cable]:
    return [
        Cable(outer, inner)
        for outer in links
        for inner in space.links
        if outer.kind == inner.kind == "veth"
        and (outer.peer, inner.peer) == (inner.number, outer.number)
        and outer.peer_ns == space.number >= 0
    ]
