"""The host's network as a tree of 80 columns, from the outside to the containers."""

from pyrun.cli import diagram_words as words
from pyrun.runtime.topology import Bridge, Cable, Sandbox, Topology, Uplink

_WIDTH = 80
_DIM, _BOLD, _PLAIN = "\033[2m", "\033[1m", "\033[0m"


def draw(topology: Topology, colour: bool) -> str:
    """Give the drawing; *colour* greys what is not pyrun's."""
    lines: list[tuple[str, str]] = [("the outside", "")]
    for uplink in topology.uplinks:
        lines += _uplink(uplink)
    lines += _host(topology)
    blocks = [_bridge(bridge, topology) for bridge in topology.bridges]
    blocks += [_loose(sandbox, topology) for sandbox in topology.loose]
    for at, block in enumerate(blocks):
        last = at == len(blocks) - 1
        lines += [("│", "")]
        for row, (text, style) in enumerate(block):
            lead = ("└─ " if last else "├─ ") if row == 0 else ("   " if last else "│  ")
            lines.append((lead + text, style))
    if not blocks:
        lines += [("", ""), ("no bridges, no containers: `pyrun run` or `pyrun network create` makes some", "")]
    return "".join(
        f"{style}{text.rstrip()}{_PLAIN}\n" if style and colour else f"{text.rstrip()}\n" for text, style in lines
    )


def _uplink(uplink: Uplink) -> list[tuple[str, str]]:
    head = f"{words.of_link(uplink.link)}  "
    lines = [("│", "")]
    if uplink.gateways:
        lines.append((f"│  {words.gateways(uplink)}", ""))
    return lines + [(text, "") for text in _hung(head, words.addresses(uplink.link) or ["no address"])]


def _host(topology: Topology) -> list[tuple[str, str]]:
    lines = [("│", "")]
    subnets = [subnet for bridge in topology.bridges for subnet in bridge.masqueraded]
    if subnets:
        lines += [(text, "") for text in _hung("│  NAT: under the host's address leaves ", subnets, "│  ")]
    lines.append((f"host  {words.forwarding(topology)}", _BOLD))
    if topology.on_host:
        lines += [(text, "") for text in _hung("│  containers without a namespace: ", list(topology.on_host), "│  ")]
    return lines


def _bridge(bridge: Bridge, topology: Topology) -> list[tuple[str, str]]:
    style = _DIM if bridge.network is None else ""
    title = words.bridge_title(bridge)
    head = f"{words.of_link(bridge.link)}  {title if bridge.network else f'({title})'}  "
    own = words.addresses(bridge.link) or ["no address"]
    state = [] if bridge.link.up else ["switched off"]
    state += [f"default via {gateway}" for gateway in bridge.gateways]
    lines = [(text, style or _BOLD) for text in _hung(head, own + state)]
    width = max((len(_ends(cable)) for cable in bridge.cables), default=0)
    for at, cable in enumerate(bridge.cables):
        last = at == len(bridge.cables) - 1
        for row, text in enumerate(_cable(cable, topology, width)):
            lead = ("└── " if last else "├── ") if row == 0 else ("    " if last else "│   ")
            lines.append((lead + text, style))
    return lines if bridge.cables else [*lines, ("nothing plugged in", style or _DIM)]


def _cable(cable: Cable, topology: Topology, width: int) -> list[str]:
    ends = _ends(cable).ljust(width)
    state = words.port_state(cable)
    marked = f"  [{state}]" if state else ""
    if cable.sandbox and len(ends) + len(words.names(cable.sandbox)) + len(marked) > _WIDTH - 9:
        marked = f"\n{'':{width}}  [{state}]"
    if cable.sandbox is None:
        return [f"{ends}  {words.stranger(cable)}{marked}"]
    first = f"{ends}  {words.names(cable.sandbox)}{marked}"
    inner = cable.inside
    rows = [", ".join(words.addresses(inner)) or "no address"] if inner else ["its end is gone"]
    if inner and not inner.up:
        rows.append(f"{inner.name} is switched off")
    rows.append(words.place(cable.sandbox))
    also = words.also(cable.sandbox, cable, topology)
    rows += ["also " + ", ".join(also)] if also else []
    rows += [words.published(port) for port in cable.published]
    return [*first.split("\n"), *(f"{'':{width}}  {text}" for row in rows for text in _fitted(row, _WIDTH - width - 9))]


def _ends(cable: Cable) -> str:
    other = words.other_end(cable)
    return words.of_link(cable.outside) + (f" ═══ {other}" if other else "")


def _loose(sandbox: Sandbox, topology: Topology) -> list[tuple[str, str]]:
    style = "" if sandbox.identity else _DIM
    head = f"({words.unplugged(sandbox)})  {words.names(sandbox)}  {words.place(sandbox)}"
    return [(head, style), *((text, style) for text in _hung("links: ", words.ways(sandbox, topology)))]


def _hung(head: str, entries: list[str], margin: str = "") -> list[str]:
    """Put entries behind a heading, as many on a line as fit, the next lines under the first entry."""
    indent = len(head) - len(margin) if len(head) < _WIDTH // 2 else 4
    lines, line = [], head
    for at, entry in enumerate(entries):
        text = entry + (", " if at < len(entries) - 1 else "")
        if len(line) + len(text.rstrip()) > _WIDTH - 3 and line.strip() != margin.strip():
            lines.append(line)
            line = margin + " " * indent
        line += text
    return [*lines, line]


def _fitted(text: str, width: int) -> list[str]:
    """Break a line at its commas where it would be too long."""
    lines, line = [], ""
    for part in text.split(", "):
        if line and len(line) + len(part) + 2 > width:
            lines.append(line + ",")
            line = ""
        line += (", " if line else "") + part
    return [*lines, line]
