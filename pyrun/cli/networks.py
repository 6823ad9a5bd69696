"""What `run` was told about networks: modes, names and the long form become attachments, every complaint comes here."""

import os

from pyrun import options
from pyrun.errors import Corrupt, PyrunError, UsageError
from pyrun.network import addresses, definitions
from pyrun.network.definitions import DEFAULT
from pyrun.spec import Attachment
from pyrun.typed import Any

_MODES = ("none", "host")
_KEYS = {
    "alias": "aliases",
    "ip": "address",
    "ip6": "address6",
    "mac-address": "mac",
    "gw-priority": "priority",
    "driver-opt": "link",
}
_LINK_OPTION = "com.docker.network.endpoint.ifname"


def chosen(v: Any) -> tuple[str, tuple[Attachment, ...]]:
    """Give the network mode and what the container is plugged into. Errors: UsageError."""
    given = [_attachment(text) for text in v["network"] or (DEFAULT,)]
    if given[0].network.startswith("container:"):
        _refuse_own_names(given[0].network.removeprefix("container:"), v)
    _refuse_beside_mode([each.network for each in given])
    mode = _mode(given[0].network)
    if mode is not None:
        if _own_options(v):
            raise UsageError(f"{_own_options(v)}: needs a network that was created", hint="see pyrun network create")
        return mode, ()
    given = [_found(each) for each in given]
    names = [each.network for each in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UsageError(f"network: {twice}: given twice")
    given[0] = _with_options(given[0], v)
    for each in given:
        _check_default(each)
    return names[0], tuple(given)


def attachment(network: str, v: Any) -> Attachment:
    """Give what `network connect` asks for. Errors: UsageError."""
    if v["link_local_ip"]:
        raise UsageError("link-local-ip: not supported", hint="an address of the network's subnet is given with --ip")
    link = next((_driver_option(text) for text in reversed(v["driver_opt"])), "")
    if network in _MODES:
        return Attachment(network)
    found = _with_options(Attachment(named(network), link=link), v)
    _check_default(found)
    return found


def named(reference: str) -> str:
    """Give the own name of a network, whichever way it was named. Errors: UsageError, Corrupt."""
    return reference if reference in _MODES else _found(Attachment(reference)).network


def _attachment(text: str) -> Attachment:
    """Read NAME, or name=NAME,KEY=VALUE,… ."""
    if "=" not in text or text.startswith("ns:"):
        return Attachment(text)
    fields: dict[str, Any] = {"aliases": ()}
    name = ""
    for part in text.split(","):
        key, equals, value = part.partition("=")
        if key == "name" and value:
            name = value
        elif not equals or not value or key not in _KEYS:
            raise UsageError(f"network: {options.show(part)}: expected name, {', '.join(_KEYS)}, each as KEY=VALUE")
        elif key == "alias":
            fields["aliases"] += (alias(value),)
        elif key == "driver-opt":
            fields["link"] = _driver_option(value)
        else:
            fields[_KEYS[key]] = _value(key, value)
    if not name:
        raise UsageError(f"network: {options.show(text)}: no name= given")
    return Attachment(name, **fields)


def _value(key: str, text: str) -> "str | int":
    if key == "gw-priority":
        return options.whole("gw-priority", text, -(1 << 31), 1 << 31)
    return mac(text) if key == "mac-address" else ip(key, text)


def ip(key: str, text: str) -> str:
    """Check an address of the family that *key*, ip or ip6, is for."""
    found = options.address(key, text)
    if (":" in found) != (key == "ip6"):
        raise UsageError(f"{key}: {found}: not an {'IPv6' if key == 'ip6' else 'IPv4'} address")
    return found


def mac(text: str) -> str:
    """Check a link-layer address of one station."""
    parts = text.lower().replace("-", ":").split(":")
    plain = len(parts) == 6 and all(len(part) == 2 and not set(part) - set("0123456789abcdef") for part in parts)
    if not plain:
        raise UsageError(f"mac-address: {options.show(text)}: expected six pairs of hexadecimal digits")
    if int(parts[0], 16) & 1 or not any(int(part, 16) for part in parts):
        raise UsageError(f"mac-address: {text}: is not one station's")
    return ":".join(parts)


def alias(text: str) -> str:
    """Check a further name on a network."""
    return options.hostname(text)


def _driver_option(text: str) -> str:
    key, _, value = text.partition("=")
    plain = value.isascii() and value.isprintable() and not set(value) & set(" /:%")
    if key != _LINK_OPTION or not 0 < len(value) <= 15 or not plain or value in (".", "..", "lo"):
        raise UsageError(f"driver-opt: {options.show(text)}: expected {_LINK_OPTION}=NAME")
    return value


def _refuse_beside_mode(given: list[str]) -> None:
    """Refuse networks beside what is none, or beside another one's."""
    alone = next((text for text in given if text in _MODES or text.startswith(("container:", "ns:"))), "")
    others = [text for text in given if text != alone] or given[1:]
    if alone and others:
        raise UsageError(f"network: {options.show(others[0])}: cannot be joined beside {options.show(alone)}")


def _mode(text: str) -> "str | None":
    """Give the mode that is no bridge network, or None for the name of one."""
    if text in _MODES:
        return text
    kind, colon, reference = text.partition(":")
    if colon and kind == "ns":
        if not os.path.isfile(reference):
            raise UsageError(f"network: {options.show(reference)}: no such network namespace")
        return f"ns:{os.path.abspath(reference)}"
    return _shared(reference) if colon and kind == "container" else None


def _shared(reference: str) -> str:
    from pyrun import store

    try:
        target = store.find(reference)
    except PyrunError as problem:
        raise UsageError(f"network: {problem.message}") from problem
    if target.config is None or not target.status().is_up:
        raise UsageError(f"network: container {options.show(reference)} is not running")
    if target.config.has_sandbox:
        return f"container:{target.id}"
    return target.config.network


def _found(wanted: Attachment) -> Attachment:
    """Give the attachment with the network's own name, whichever way it was named."""
    if wanted.network in (DEFAULT, "default"):
        return wanted._replace(network=DEFAULT)
    try:
        net = definitions.find(wanted.network)
    except Corrupt:
        raise
    except PyrunError as problem:
        near = problem.hint if problem.hint.startswith("did") else "see pyrun network ls"
        raise UsageError(f"network {options.show(wanted.network)} not found", hint=near) from problem
    for address, pool in ((wanted.address, net.ipv4), (wanted.address6, net.ipv6)):
        if address and (pool is None or not addresses.subnet(pool.subnet).contains(address)):
            raise UsageError(f"ip: {address}: not in a subnet of network {net.name}")
    return wanted._replace(network=net.name)


def _with_options(first: Attachment, v: Any) -> Attachment:
    """Apply the options that are about the first network."""
    names = v.get("network_alias") or v.get("alias") or ()
    for flag, what, there, here in (
        ("--ip", "IPv4 address", first.address, v.get("ip")),
        ("--ip6", "IPv6 address", first.address6, v.get("ip6")),
        ("--mac-address", "MAC address", first.mac, v.get("mac_address")),
        ("--network-alias", "alias", first.aliases, names),
    ):
        if there and here:
            raise UsageError(f"conflicting options: cannot specify both {flag} and per-network {what}")
    values: dict[str, Any] = {}
    if v.get("ip") is not None:
        values["address"] = ip("ip", v["ip"])
    if v.get("ip6") is not None:
        values["address6"] = ip("ip6", v["ip6"])
    if v.get("mac_address") is not None:
        values["mac"] = mac(v["mac_address"])
    if v.get("gw_priority") is not None:
        values["priority"] = options.whole("gw-priority", v["gw_priority"], -(1 << 31), 1 << 31)
    if names:
        values["aliases"] = tuple(map(alias, names))
    return _found(first._replace(**values))


def _refuse_own_names(reference: str, v: Any) -> None:
    """Refuse what Docker refuses beside another container's network: what is shared cannot be different in here."""
    if v["name"] and reference == v["name"].removeprefix("/"):
        raise UsageError(f"network: container {options.show(reference)}: cannot join its own network")
    for key in ("hostname", "dns", "add_host", "publish", "publish_all", "expose"):
        if v.get(key):
            flag = f"--{key.replace('_', '-')}"
            raise UsageError(f"{flag[2:]}: cannot be set for a shared network", hint=f"leave out {flag}")


def _own_options(v: Any) -> str:
    keys = ("ip", "ip6", "mac_address", "network_alias")
    return next((f"--{key.replace('_', '-')}" for key in keys if v.get(key)), "")


def _check_default(each: Attachment) -> None:
    """Refuse on `bridge` what Docker refuses there."""
    if each.network == DEFAULT and (each.address or each.address6):
        raise UsageError("ip: a chosen address needs a network that was created", hint="see pyrun network create")
    if each.network == DEFAULT and each.aliases:
        raise UsageError("network-alias: names need a network that was created", hint="see pyrun network create")
