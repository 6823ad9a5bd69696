"""Ports in Docker's words: the PORTS column of `ps`, and what `port` prints. Pure."""

from pyrun.errors import PyrunError
from pyrun.network import addresses
from pyrun.plan import network as plan
from pyrun.spec import ContainerConfig, Endpoint, Published


def column(config: ContainerConfig, ends: list[Endpoint]) -> str:
    """Give all exposed ports, and where they are published; neighbouring ones as a range, as Docker groups them.

    Only a port that has the same number on both sides joins a range.
    """
    groups: dict[tuple[str, str], list[tuple[int, int]]] = {}
    closed, single = [], []
    for port in _told(config, ends):
        if port.address and port.port != port.target:
            single.append(_word(port.address, (port.port, port.port), (port.target, port.target), port.protocol))
            continue
        ranges = groups.setdefault((port.address, port.protocol), [])
        if ranges and ranges[-1][1] + 1 == port.target:
            ranges[-1] = (ranges[-1][0], port.target)
            continue
        if ranges:
            closed.append(_word(port.address, ranges[-1], ranges[-1], port.protocol))
        ranges.append((port.target, port.target))
    left = [_word(address, ranges[-1], ranges[-1], protocol) for (address, protocol), ranges in groups.items()]
    return ", ".join([*closed, *left, *single])


def lines(name: str, ends: list[Endpoint], wanted: str) -> str:
    """Give a line for each address that a port is published on, or only for *wanted*. Errors: PyrunError."""
    found = sorted((port for end in ends for port in end.published), key=lambda port: (port.target, port.protocol))
    if not wanted:
        return "".join(f"{port.target}/{port.protocol} -> {_outside(port)}\n" for port in found)
    number, _, protocol = wanted.partition("/")
    key = f"{number}/{protocol or 'tcp'}"
    chosen = [port for port in found if f"{port.target}/{port.protocol}" == key]
    if not chosen:
        raise PyrunError(f"no public port '{key}' published for {name}", 1)
    return "".join(f"{_outside(port)}\n" for port in chosen)


def _outside(port: Published) -> str:
    return f"{addresses.before_port(port.address)}:{port.port}"


def _told(config: ContainerConfig, ends: list[Endpoint]) -> list[Published]:
    """List what there is to tell, in Docker's order; what is exposed and not published has no address.

    A container that no plug leads outside has nothing to tell.
    """
    if plan.gateway(ends) is None:
        return []
    found = [port for end in ends for port in end.published]
    known = {f"{port.target}/{port.protocol}" for port in found}
    for each in config.exposed:
        number, _, protocol = each.partition("/")
        found += [Published(protocol, "", 0, int(number))] if each not in known else []
    return sorted(found, key=lambda port: (port.target, port.address, port.port, port.protocol))


def _word(address: str, outside: tuple[int, int], inside: tuple[int, int], protocol: str) -> str:
    where = f"{addresses.before_port(address)}:{_range(outside)}->" if address else ""
    return f"{where}{_range(inside)}/{protocol}"


def _range(ends: tuple[int, int]) -> str:
    return str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"
