"""The host's network as a picture: one SVG file that needs nothing else.

From left to right: the outside, the uplinks, the host, its bridges, the cables,
the sandboxes. A sandbox stands where its first cable leads; a second one is drawn across.
"""

from html import escape

from pyrun.cli import diagram_words as words
from pyrun.runtime.topology import Bridge, Cable, Sandbox, Topology
from pyrun.typed import NamedTuple

_LINE, _PAD, _GAP, _SLOT = 18, 12, 18, 36  # heights: a line of text, the space around it, between boxes, a cable
_UPLINK, _HOST, _BRIDGE, _SANDBOX = 40, 320, 560, 1060  # left edges
_UPLINK_WIDE, _HOST_WIDE, _BRIDGE_WIDE, _SANDBOX_WIDE = 230, 190, 260, 300
_RIGHT, _TOP = _SANDBOX + _SANDBOX_WIDE + 40, 70
_STYLE = """
text{font:13px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1b2733}
.h{font-weight:bold}.s{font-size:11px;fill:#51606e}.m{text-anchor:middle}.e{text-anchor:end}
rect{fill:#fff;stroke:#4a6785;stroke-width:1.5;rx:6}
.host{fill:#f3f6fa}.bridge{fill:#e3eefb;stroke:#2f6fb0}.box{fill:#eef8ef;stroke:#3d8b4f}
.frame{fill:none;stroke:#c3ced9;stroke-dasharray:6 5}
path{fill:none;stroke:#5b7894;stroke-width:2}.cable{stroke:#3d8b4f}
.foreign{fill:#f4f4f4;stroke:#bdbdbd}.grey,text.grey{fill:#9a9a9a}path.grey{stroke:#c4c4c4;fill:none}
.bad{fill:#b3261e}
"""


class _Box(NamedTuple):
    """Where something stands."""

    left: int
    top: int
    wide: int
    high: int

    @property
    def middle(self) -> int:
        """Give the height of its middle."""
        return self.top + self.high // 2

    @property
    def right(self) -> int:
        """Give its right edge."""
        return self.left + self.wide


def draw(topology: Topology) -> str:
    """Give the file's content."""
    drawing = _Drawing(topology)
    body, height = drawing.parts(), drawing.bottom + 30
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_RIGHT}" height="{height}" viewBox="0 0 {_RIGHT} {height}">'
    )
    title = '<text class="h" x="40" y="32">Network of this host, as the kernel has it now</text>'
    ground = f'<rect width="{_RIGHT}" height="{height}" style="stroke:none;rx:0"/>'
    return "\n".join([head, f"<style>{_STYLE}</style>", ground, title, *body, "</svg>", ""])


class _Drawing:
    """Boxes placed from top to bottom, then the lines between them."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.bottom = _TOP
        self.boxes: dict[int, _Box] = {}  # of sandboxes, by inode
        self.lines: list[str] = []
        self.shapes: list[str] = []

    def parts(self) -> list[str]:
        bridges = [(bridge, self.bridge(bridge)) for bridge in self.topology.bridges]
        for sandbox in self.topology.loose:
            self.sandbox(sandbox, self.bottom)
        uplinks = self.uplinks()
        self.bottom = max(self.bottom, *(box.top + box.high + _GAP for box in uplinks), _TOP + 120)
        host = _Box(_HOST, _TOP, _HOST_WIDE, self.bottom - _GAP - _TOP)
        self.host(host, uplinks)
        for bridge, box in bridges:
            self.leads(host, bridge, box)
        for bridge, box in bridges:
            self.cables(bridge, box)
        return [*self.lines, *self.shapes]

    def bridge(self, bridge: Bridge) -> _Box:
        """Place a bridge beside the sandboxes that stand at it; strangers' ports are listed in it."""
        top = self.bottom
        across = sum(1 for cable in bridge.cables if cable.sandbox and cable.sandbox.inode in self.boxes)
        for cable in bridge.cables:
            if cable.sandbox and cable.sandbox.inode not in self.boxes:
                self.sandbox(cable.sandbox, self.bottom)
        rows = [words.of_link(bridge.link), words.bridge_title(bridge), *words.addresses(bridge.link)]
        strangers = [cable for cable in bridge.cables if not cable.sandbox]
        own = (len(rows) + len(strangers)) * _LINE + 2 * _PAD
        beside = max(own, self.bottom - _GAP - top) if across < len(bridge.cables) or not across else own
        box = _Box(_BRIDGE, top, _BRIDGE_WIDE, beside + across * _SLOT)
        self.bottom = max(self.bottom, top + box.high + _GAP)
        kind = "bridge" if bridge.network else "foreign"
        self.shapes += _rows(box, rows, kind, "grey" if not bridge.network else "")
        for at, cable in enumerate(strangers):
            y = box.top + _PAD + _LINE * (len(rows) + at + 1) - 5
            text = f"{words.of_link(cable.outside)} {words.stranger(cable)}"
            self.shapes.append(_text(box.left + 10, y, _short(text, 36), "s grey"))
        return box

    def sandbox(self, sandbox: Sandbox, top: int) -> None:
        rows = [words.names(sandbox), words.place(sandbox), *_inner(sandbox, self.topology)]
        box = _Box(_SANDBOX, top, _SANDBOX_WIDE, len(rows) * _LINE + 2 * _PAD)
        self.boxes[sandbox.inode] = box
        kind, grey = ("box", "") if sandbox.identity else ("foreign", "grey")
        self.shapes += _rows(box, rows, kind, grey, 1)
        self.bottom = top + box.high + _GAP

    def uplinks(self) -> list[_Box]:
        found, top = [], _TOP
        for uplink in self.topology.uplinks:
            rows = [words.of_link(uplink.link), *words.addresses(uplink.link)]
            rows += [f"default via {gateway or 'it'}" for gateway in uplink.gateways]
            box = _Box(_UPLINK, top, _UPLINK_WIDE, len(rows) * _LINE + 2 * _PAD)
            self.shapes += _rows(box, rows, "host")
            found.append(box)
            top += box.high + _GAP
        return found or [_Box(_UPLINK, _TOP, _UPLINK_WIDE, 0)]

    def host(self, box: _Box, uplinks: list[_Box]) -> None:
        on_host = [f"runs {name}" for name in self.topology.on_host]
        rows = ["host", *_wrapped(words.forwarding(self.topology)), *on_host]
        self.shapes += _rows(box, rows, "host")
        for uplink in uplinks:
            if uplink.high:
                self.lines.append(_path(f"M{uplink.right} {uplink.middle}H{box.left}"))
                self.lines.append(_path(f"M0 {uplink.middle}H{uplink.left}"))

    def leads(self, host: _Box, bridge: Bridge, box: _Box) -> None:
        grey = "" if bridge.network else "grey"
        y = box.top + _PAD + _LINE // 2
        self.lines.append(_path(f"M{host.right} {y}H{box.left}", grey))
        if bridge.masqueraded:
            self.shapes.append(_text((host.right + box.left) // 2, y - 5, "NAT", f"s m {grey}"))

    def cables(self, bridge: Bridge, box: _Box) -> None:
        """Draw the cables of a bridge, each at the height of the sandbox's link."""
        slot = box.top + box.high + _SLOT // 2 - 4
        for cable in bridge.cables:
            if cable.sandbox is None:
                continue
            target = self.boxes[cable.sandbox.inode]
            y = target.top + _PAD + _LINE * _row_of(cable, self.topology) + _LINE // 2
            beside = box.top <= target.top <= box.top + box.high
            slot -= 0 if beside else _SLOT
            self.cable(cable, box.right, y if beside else slot, target.left, y)

    def cable(self, cable: Cable, left: int, start: int, right: int, end: int) -> None:
        state = words.port_state(cable)
        bend = f"C{left + 190} {start} {right - 110} {end} {right} {end}"
        self.lines.append(_path(f"M{left} {start}" + (f"H{right}" if start == end else bend), "cable"))
        self.shapes.append(_text(left + 6, start - 4, words.of_link(cable.outside), "s"))
        self.shapes.append(_text(right - 6, end - 4, words.other_end(cable), "s e"))
        if state:
            self.shapes.append(_text(left + 6, start + 12, state, "s bad"))


def _inner(sandbox: Sandbox, topology: Topology) -> list[str]:
    """Give the lines of a sandbox: its links, with addresses and what leads there from the host's ports."""
    rows = []
    for cable in _cables_of(sandbox, topology):
        rows += _of_cable(cable)
    ways = {cable.inside: f"{words.of_link(cable.outside)} ═ {words.other_end(cable)}" for cable in topology.direct}
    plugged = {cable.inside for cable in _cables_of(sandbox, topology)}
    for link in sandbox.links:
        if link not in plugged and link.name != "lo":
            rows += [" ".join([ways.get(link, words.of_link(link)), *words.addresses(link)])]
    return rows or ["no link but lo"]


def _of_cable(cable: Cable) -> list[str]:
    shown = words.addresses(cable.inside) if cable.inside else []
    first, *others = shown or ["no address"]
    name = cable.inside.name if cable.inside else "?"
    return [
        f"{name} {first}",
        *(f"     {each}" for each in others),
        *(words.published(port) for port in cable.published),
    ]


def _cables_of(sandbox: Sandbox, topology: Topology) -> list[Cable]:
    cables = [cable for bridge in topology.bridges for cable in bridge.cables]
    own = [cable for cable in cables if cable.sandbox and cable.sandbox.inode == sandbox.inode]
    return sorted(own, key=lambda cable: cable.inside.number if cable.inside else 0)


def _row_of(cable: Cable, topology: Topology) -> int:
    """Give the line of the sandbox's box at which a cable ends."""
    row = 2
    for other in _cables_of(cable.sandbox, topology) if cable.sandbox else []:
        if other.outside == cable.outside:
            return row
        row += len(_of_cable(other))
    return row


def _rows(box: _Box, rows: list[str], kind: str, grey: str = "", small: int = 0) -> list[str]:
    """Draw a box with lines of text, the first in bold; *small* ones of those that follow are."""
    shape = f'<rect class="{kind}" x="{box.left}" y="{box.top}" width="{box.wide}" height="{box.high}"/>'
    texts = []
    for at, row in enumerate(rows):
        style = "h" if at == 0 else "s" if at <= small or len(row) * 8 > box.wide - 16 else ""
        most = (box.wide - 16) * 10 // (80 if style != "s" else 67)
        texts.append(_text(box.left + 10, box.top + _PAD + _LINE * (at + 1) - 5, _short(row, most), f"{style} {grey}"))
    return [shape, *texts]


def _wrapped(text: str) -> list[str]:
    first, _, rest = text.partition(" ")
    return [first, rest] if len(text) > 22 else [text]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(x: int, y: int, text: str, style: str) -> str:
    kind = f' class="{style.strip()}"' if style.strip() else ""
    return f'<text{kind} x="{x}" y="{y}" xml:space="preserve">{escape(text)}</text>'


def _path(way: str, style: str = "") -> str:
    return f'<path class="{style}" d="{way}"/>' if style else f'<path d="{way}"/>'
