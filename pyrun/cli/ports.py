"""What `run` was told about ports: -p, -P and --expose become bindings by Docker's rules; complaints come here."""

from pyrun import options
from pyrun.errors import UsageError
from pyrun.firewall.rules import is_loopback
from pyrun.spec import ContainerConfig, PortBinding
from pyrun.typed import Any

PROTOCOLS = ("tcp", "udp", "sctp")
_LONG = ("target", "published", "protocol", "mode")
_DIGITS = set("0123456789")


def chosen(v: Any, network: str) -> tuple[tuple[PortBinding, ...], tuple[str, ...]]:
    """Give what is to be published, and all that is exposed, as PORT/PROTOCOL. Errors: UsageError."""
    if network.startswith(("container:", "ns:")):
        conflict = "publishing" if v["publish"] or v["publish_all"] else "exposing" if v["expose"] else ""
        if conflict:
            kind = network.partition(":")[0]
            raise UsageError(f"conflicting options: port {conflict} and the {kind} type network mode")
    bindings = [each for text in v["publish"] for each in binding(text)]
    opened = [f"{each.target}/{each.protocol}" for each in bindings]
    opened += [each for text in v["expose"] for each in exposed(text)]
    return tuple(bindings), tuple(dict.fromkeys(opened))


def warnings(config: ContainerConfig) -> list[str]:
    """Give what is to be said before ports are published, a line each."""
    asked = config.ports or (config.publish_all and config.exposed)
    if config.network == "host" and (config.ports or config.publish_all):
        return ["WARNING: Published ports are discarded when using host network mode"]
    kept = bool(config.ports) and not config.publish_all and all(is_loopback(each.address) for each in config.ports)
    if not asked or not config.attachments or kept:
        return []
    from pyrun.firewall import neighbours

    found = " and ".join(neighbours.active())
    way = "-p 127.0.0.1:… keeps a port on this host, rules in PYRUN-USER filter"
    return [f"WARNING: Published ports are reachable past the rules of {found} ({way})"] if found else []


def binding(text: str) -> list[PortBinding]:
    """Read [ADDRESS:][HOSTPORT:]PORT[/PROTOCOL], where ports may be ranges, or the long form. Errors: UsageError."""
    front, _, target = _short(text).rpartition(":")
    address, _, host = front.rpartition(":")
    port, _, protocol = target.partition("/")
    if not port:
        raise UsageError(f"publish: {options.show(text)}: no port specified")
    inside = _range("publish", text, "containerPort", port, 1)
    outside = _range("publish", text, "hostPort", host) if host else (0, 0)
    proto, where = _protocol("publish", text, protocol), _address(text, address)
    count = inside[1] - inside[0]
    if outside == (0, 0) or not count:
        return [PortBinding(proto, at, where, *outside) for at in range(inside[0], inside[1] + 1)]
    if outside[1] - outside[0] != count:
        raise UsageError(
            f"publish: {options.show(text)}: invalid ranges specified for container and host ports: {port} and {host}"
        )
    return [PortBinding(proto, inside[0] + at, where, outside[0] + at, outside[0] + at) for at in range(count + 1)]


def exposed(text: str) -> list[str]:
    """Read PORT[-PORT][/PROTOCOL] of --expose. Errors: UsageError."""
    port, _, protocol = text.partition("/")
    proto = _protocol("expose", text, protocol)
    first, last = _range("expose", text, "port", port, 1)
    return [f"{at}/{proto}" for at in range(first, last + 1)]


def _short(text: str) -> str:
    """Write Docker's long form, of which only target is needed, as the short one."""
    if "=" not in text:
        return text
    fields = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if not equals or key not in _LONG:
            raise UsageError(f"publish: {options.show(part)}: expected {', '.join(_LONG)}, each as KEY=VALUE")
        fields[key] = value
    return f"{fields.get('published', '')}:{fields.get('target', '')}/{fields.get('protocol', '')}"


def _range(what: str, text: str, name: str, ports: str, least: int = 0) -> tuple[int, int]:
    first, dash, last = ports.partition("-")
    numbers = [int(end) if _is_number(end) else -1 for end in ((first, last) if dash else (first,))]
    if not least <= numbers[0] <= numbers[-1] <= 65535:
        shown = options.show(ports)
        raise UsageError(f"{what}: {options.show(text)}: invalid {name}: {shown}", hint=f"from {least or 1} to 65535")
    return numbers[0], numbers[-1]


def _is_number(text: str) -> bool:
    return 0 < len(text) <= 5 and not set(text) - _DIGITS


def _protocol(what: str, text: str, protocol: str) -> str:
    found = protocol.lower() or "tcp"
    if found not in PROTOCOLS:
        raise UsageError(f"{what}: {options.show(text)}: invalid proto: {options.show(protocol)}")
    return found


def _address(text: str, address: str) -> str:
    """Check the host's address: an IPv6 one stands in brackets."""
    if not address:
        return ""
    bare = address[1:-1] if address[0] == "[" and address[-1] == "]" else address
    if (":" in bare) != (bare != address):
        raise UsageError(f"publish: {options.show(text)}: invalid ip address: {options.show(address)}", hint=_BRACKETS)
    return options.address("publish", bare)


_BRACKETS = "an IPv6 address stands in brackets"
