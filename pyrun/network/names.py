"""What containers are called on the networks that one of them is on, by Docker's rules. Pure.

Reading who is there is in `pyrun.runtime.directory`, answering in `pyrun.runtime.resolver`.
"""

import _socket  # socket itself imports enum and selectors

from pyrun.spec import Endpoint
from pyrun.typed import NamedTuple

IPV4, IPV6 = 4, 6
_SHORT = 12  # digits of an id


class Names(NamedTuple):
    """Names and addresses on each network of a container, in the order in which networks are asked."""

    networks: "tuple[tuple[str, dict[str, list[Endpoint]]], ...]"  # (name, plugs by each of their names)
    pointers: "dict[str, str]"  # what reverse names lead to
    leads_outside: bool  # some network is not internal


def gathered(own: "list[Endpoint]", others: "dict[str, list[Endpoint]]") -> Names:
    """Give the names that a container with the plugs *own* sees; *others* are all plugs, by network."""
    order = sorted(own, key=lambda end: (end.network.internal, -end.priority, not end.address6, end.network.name))
    networks: list[tuple[str, dict[str, list[Endpoint]]]] = []
    pointers: dict[str, str] = {}
    for end in order:
        table: dict[str, list[Endpoint]] = {}
        for other in others[end.network.name]:
            for name in names_of(other):
                table.setdefault(name, []).append(other)
            for address in filter(None, (other.address, other.address6)):
                pointers.setdefault(reverse(address), f"{other.name}.{end.network.name}")
        networks.append((end.network.name.lower(), table))
    return Names(tuple(networks), pointers, any(not end.network.internal for end in own))


def names_of(end: Endpoint) -> "set[str]":
    """List what a container is called on a network, in lower case."""
    every = (end.name, end.container[:_SHORT], end.hostname, *end.aliases)
    return {name.lower() for name in every if name}


def find(names: Names, wanted: str, family: int) -> "list[str] | None":
    """Give the addresses of *wanted*, NAME or NAME.NETWORK in lower case without a dot at its end.

    None when nobody is called so; nothing when somebody is, but has no address of that *family*.
    The first network that knows it decides.
    """
    for name, network in _readings(wanted):
        known = False
        for own, table in names.networks:
            if network in ("", own) and name in table:
                known = True
                found = [end.address6 if family == IPV6 else end.address for end in table[name]]
                if any(found):
                    return [address for address in dict.fromkeys(found) if address]
        if known:
            return []
    return None


def reverse(address: str) -> str:
    """Give the name that is asked for to learn an address's own; see RFC 1035 3.5 and RFC 3596 2.5."""
    if ":" in address:
        return ".".join(reversed(_socket.inet_pton(_socket.AF_INET6, address).hex())) + ".ip6.arpa"
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


def _readings(wanted: str) -> "list[tuple[str, str]]":
    """Take a name apart: names and networks may both have dots."""
    dots = [at for at, letter in enumerate(wanted) if letter == "."]
    return [(wanted, ""), *((wanted[:at], wanted[at + 1 :]) for at in reversed(dots))]
