"""The host's network as a mermaid flowchart, for README files and wikis that draw those."""

from pyrun.cli import diagram_words as words
from pyrun.runtime.topology import Bridge, Cable, Sandbox, Topology

_BREAK = "<br/>"


def draw(topology: Topology) -> str:
    """Give the document."""
    lines = ["flowchart LR", '  outside(["the outside"])']
    lines += ['  subgraph host["host"]', f"    router{{{{{_text(['routing', words.forwarding(topology)])}}}}}"]
    for uplink in topology.uplinks:
        shown = [words.of_link(uplink.link), *words.addresses(uplink.link)]
        lines.append(f"    link{uplink.link.number}[{_text(shown)}]")
    lines += [f"    link{bridge.link.number}[{_text(_bridge(bridge))}]" for bridge in topology.bridges]
    lines.append("  end")
    lines += [f"  netns{sandbox.inode}[{_text(_sandbox(sandbox))}]" for sandbox in topology.sandboxes]
    for uplink in topology.uplinks:
        label = f"|{_text([words.gateways(uplink)])}|" if uplink.gateways else ""
        lines += [f"  outside ---{label} link{uplink.link.number}", f"  link{uplink.link.number} --- router"]
    for bridge in topology.bridges:
        lines += _edges(bridge)
    for cable in topology.direct:
        lines += [f"  router ---|{_text(_cable(cable))}| netns{cable.sandbox.inode}"] if cable.sandbox else []
    return "\n".join([*lines, *_styles(topology), ""])


def _edges(bridge: Bridge) -> list[str]:
    nat = f"|{_text([f'NAT {subnet}' for subnet in bridge.masqueraded])}|" if bridge.masqueraded else ""
    lines = [f"  router ---{nat} link{bridge.link.number}"]
    for cable in bridge.cables:
        target = f"netns{cable.sandbox.inode}" if cable.sandbox else f"end{cable.outside.number}"
        if not cable.sandbox:
            lines.append(f"  {target}[{_text([words.stranger(cable)])}]")
        lines.append(f"  link{bridge.link.number} ---|{_text(_cable(cable))}| {target}")
    return lines


def _bridge(bridge: Bridge) -> list[str]:
    return [words.of_link(bridge.link), words.bridge_title(bridge), *words.addresses(bridge.link)]


def _cable(cable: Cable) -> list[str]:
    other, state = words.other_end(cable), words.port_state(cable)
    ends = words.of_link(cable.outside) + (f" ═ {other}" if other else "")
    return [ends, *([state] if state else []), *(words.published(port) for port in cable.published)]


def _sandbox(sandbox: Sandbox) -> list[str]:
    rows = [
        f"{link.name} {address}" for link in sandbox.links for address in words.addresses(link) if link.name != "lo"
    ]
    return [words.names(sandbox), *words.place(sandbox).split(", "), *rows]


def _styles(topology: Topology) -> list[str]:
    foreign = [f"link{bridge.link.number}" for bridge in topology.bridges if not bridge.network]
    foreign += [
        f"end{cable.outside.number}" for bridge in topology.bridges for cable in bridge.cables if not cable.sandbox
    ]
    foreign += [f"netns{sandbox.inode}" for sandbox in topology.sandboxes if not sandbox.identity]
    if not foreign:
        return []
    return ["  classDef foreign fill:#eee,stroke:#bbb,color:#888", f"  class {','.join(foreign)} foreign"]


def _text(rows: list[str]) -> str:
    """Quote a label; what mermaid would read as its own is written as entities."""
    return '"' + _BREAK.join("".join(_SAFE.get(letter, letter) for letter in row) for row in rows) + '"'


_SAFE = {'"': "#quot;", "#": "#35;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;", "\n": " ", "|": "#124;"}
