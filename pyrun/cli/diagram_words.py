"""What the drawings say about each thing, the same in all of them."""

from pyrun.kernel.survey import Link
from pyrun.network.addresses import before_port
from pyrun.runtime.topology import Bridge, Cable, Sandbox, Topology, Uplink
from pyrun.spec import Published


def of_link(link: Link) -> str:
    """Name a link as `ip link` does: name and index."""
    return f"{link.name} ({link.number})"


def addresses(link: Link) -> list[str]:
    """List the addresses that are worth showing."""
    return [f"{address}/{prefix}" for address, prefix in link.addresses if not address.startswith("fe80:")]


def gateways(uplink: Uplink) -> str:
    """Say where the default route of an uplink leads."""
    return "default via " + ", ".join(gateway or "this link" for gateway in uplink.gateways)


def forwarding(topology: Topology) -> str:
    """Say what the host passes on."""
    passed = [name for name, on in zip(("IPv4", "IPv6"), topology.forwarding, strict=True) if on]
    return f"passes {' and '.join(passed)} on" if passed else "passes no packets on"


def bridge_title(bridge: Bridge) -> str:
    """Say whose a bridge is."""
    net = bridge.network
    if net is None:
        return f"{bridge.owner}, not pyrun's" if bridge.owner else "not pyrun's"
    kinds = [*(["internal"] if net.internal else []), *([] if net.icc else ["icc off"])]
    return f"network {net.name}" + "".join(f", {kind}" for kind in kinds)


def port_state(cable: Cable) -> str:
    """Say what is unusual about a port; empty for one that simply forwards."""
    port = cable.outside.port
    if not cable.outside.up:
        return "switched off"
    if not port and not cable.outside.master:
        return ""  # it leads to no bridge
    if port is None or port.state != "forwarding":
        return f"port {port.state}" if port else "not a port"
    return "isolated" if port.isolated else ""


def other_end(cable: Cable) -> str:
    """Name the inner end of a cable."""
    if cable.inside:
        return of_link(cable.inside)
    if cable.outside.kind != "veth":
        return ""
    return f"if{cable.outside.peer}" if cable.outside.peer else "?"


def place(sandbox: Sandbox) -> str:
    """Say where a sandbox is: its first process, if it has a container, and the number of its namespace."""
    netns = f"netns {sandbox.inode}"
    return f"pid {sandbox.pid}, {netns}" if sandbox.pid else netns


def unplugged(sandbox: Sandbox) -> str:
    """Say what a sandbox lacks that stands at no bridge."""
    return "no bridge" if any(link.name != "lo" for link in sandbox.links) else "no cable"


def ways(sandbox: Sandbox, topology: Topology) -> list[str]:
    """List the links of a sandbox that stands at no bridge, each with the other end of its cable if that is here."""
    others = {cable.inside: of_link(cable.outside) for cable in topology.direct if cable.sandbox == sandbox}
    shown = [
        (link, f"{others[link]} ═══ {of_link(link)}" if link in others else of_link(link)) for link in sandbox.links
    ]
    return [" ".join([text, *([] if link.name == "lo" else addresses(link))]) for link, text in shown]


def names(sandbox: Sandbox) -> str:
    """Name the containers of a sandbox, or what `ip netns` calls it."""
    first, *others = sandbox.names
    return first + "".join(f" + {other}" for other in others)


def published(port: Published) -> str:
    """Say which port of the host leads to which of the container, as `docker ps` does."""
    return f"{before_port(port.address)}:{port.port} → {port.target}/{port.protocol}"


def also(sandbox: Sandbox, cable: Cable, topology: Topology) -> list[str]:
    """Say on which other networks the same sandbox is, and by which link."""
    return [
        f"{other.inside.name} on {bridge.network.name if bridge.network else bridge.link.name}"
        for bridge in topology.bridges
        for other in bridge.cables
        if other.inside and other.sandbox and other.sandbox.inode == sandbox.inode and other.outside != cable.outside
    ]


def stranger(cable: Cable) -> str:
    """Say what is known of a port whose other end is not one of pyrun's containers."""
    link = cable.outside
    if link.kind == "veth":
        return link.alias or ("in another namespace" if link.peer_ns >= 0 else "on this host")
    return link.alias or {"": "a network card", "tun": "a virtual machine or tunnel"}.get(link.kind, link.kind)
