"""The live view for `pyrun.runtime.reachability`: facts asked of the kernel in the place where they count.

Also finds the places that people name: containers, addresses, the host.
"""

from pyrun import store
from pyrun.contexts import contextmanager
from pyrun.errors import NotFound, PyrunError, UsageError
from pyrun.firewall import guard, present, rules, trace
from pyrun.kernel import listeners, routing, survey
from pyrun.kernel.listeners import Listener
from pyrun.kernel.routing import Flow
from pyrun.kernel.survey import Route
from pyrun.network import addresses, standing
from pyrun.runtime import topology
from pyrun.runtime.reachability import Question, View
from pyrun.runtime.topology import Sandbox
from pyrun.typed import Iterator

_TOOLS = {4: "iptables", 6: "ip6tables"}
_FOREIGN = (
    ("DOCKER-ISOLATION", "Docker keeps its networks apart"),
    ("DOCKER-INTERNAL", "Docker's internal network"),
    ("DOCKER-USER", "a rule of this host's administrator"),
    ("DOCKER", "Docker lets in only what is published"),
    ("ufw", "ufw, this host's firewall"),
    ("LIBVIRT", "libvirt guards its networks"),
    ("filter_", "firewalld, this host's firewall"),
    ("PYRUN-USER", "a rule of this host's administrator"),
    ("user", "a rule of this host's administrator"),
)


class Live(View):
    """This host as it is now; rules are read once a place."""

    def __init__(self) -> None:
        self.topology = topology.look()
        self.bridges = self.topology.bridges
        self.links = tuple(survey.links())
        self.blind: list[str] = []
        self._tables: dict[int, list[trace.Table]] = {}
        self._reasons: dict[tuple[str, str, str, str], str] | None = None

    def route(
        self, place: "Sandbox | None", target: str, source: str = "", entering: int = 0, flow: "Flow | None" = None
    ) -> Route:
        with inside(place):
            return routing.route(target, source, entering, flow)

    def neighbour(self, link: int, address: str, place: "Sandbox | None" = None) -> tuple[str, str]:
        with inside(place):
            return survey.neighbour(link, address)

    def sysctl(self, place: "Sandbox | None", name: str) -> str:
        with inside(place):
            return _read(f"/proc/sys/{name}").strip()

    def tables(self, place: "Sandbox | None") -> list[trace.Table]:
        key = place.inode if place else 0
        if key not in self._tables:
            self._tables[key] = self.read_tables(place)
        return self._tables[key]

    def read_tables(self, place: "Sandbox | None") -> list[trace.Table]:
        """Read the rules of a place now."""
        with inside(place):
            found = present.read()
        self.blind += [line for line in found.blind if line not in self.blind]
        return found.tables

    def listener(self, place: "Sandbox | None", protocol: str, address: str, port: int, entering: str) -> "bool | None":
        if protocol not in ("tcp", "udp"):
            return None
        links = place.links if place else self.links
        heard = (0, *(link.number for link in links if link.name == entering))
        try:
            with inside(place):
                found = listeners.listeners(protocol)
        except OSError:
            return None
        return any(each.port == port and each.link in heard and _takes(each, address) for each in found)

    def relay(self, protocol: str, address: str, port: int) -> "tuple[str, int] | None":
        unspecified = "::" if ":" in address else "0.0.0.0"
        for end in (end for name in standing.names() for end in standing.endpoints(name)):
            for held in end.published:
                if (held.protocol, held.port) == (protocol, port) and held.address in (address, unspecified):
                    return (":" in address and end.address6) or end.address, held.target
        return None

    def reason(self, step: trace.Step) -> str:
        if self._reasons is None:
            self._reasons = _own_reasons()
        own = self._reasons.get((step.tool, step.table, step.chain, step.rule.text))
        if step.table == guard.TABLE:
            return f"anti-spoofing: {guard.REASON}"
        if step.chain == rules.STAGE_2:
            return "networks do not reach each other"
        if own or step.rule.reason:
            return own or step.rule.reason
        for prefix, words in _FOREIGN:
            if step.chain.startswith(prefix):
                return words
        if step.number == 0:
            return "no rule let it through, and the policy of the chain is to drop"
        return "a rule that is not pyrun's"


@contextmanager
def inside(place: "Sandbox | None") -> Iterator[None]:
    """Be where a sandbox is for a while; None is the host. Errors: PyrunError when its container has ended."""
    if place is None:
        yield
        return
    with topology.opened(store.load(place.identity)) as (_, pidfd), survey.inside(pidfd):
        yield


def question(source: str, target: str, view: Live) -> Question:
    """Read what was typed. Errors: NotFound, UsageError."""
    name, protocol, port = _split(target)
    origin, outside, address = _origin(source, view)
    meant = _target(name, origin, outside, address, view)
    return Question(origin, outside, address, meant, protocol, port, (source, target))


def _origin(text: str, view: Live) -> "tuple[Sandbox | None, bool, str]":
    if text == "host":
        return None, False, ""
    if not _is_address(text):
        return _sandbox(text, view), False, ""
    for sandbox in view.topology.sandboxes:
        if text in _addresses(sandbox):
            return sandbox, False, text
    own = any(text == address for link in view.links for address, _ in link.addresses)
    return None, not own, text


def _target(name: str, origin: "Sandbox | None", outside: bool, source: str, view: Live) -> str:
    """Choose the address by which the target is meant: one on a common network, if there is any."""
    if _is_address(name):
        return name
    family = ":" in source
    if name != "host":
        found = _sandbox(name, view)
        common = [subnet for link in origin.links for subnet in _subnets(link)] if origin else []
        own = [a for a in _addresses(found) if source == "" or (":" in a) == family]
        near = [a for a in own if any(subnet.contains(a) for subnet in common)]
        if not own:
            raise PyrunError(f"container {name} has no address", 1)
        return (near or own)[0]
    if origin is not None:
        with inside(origin):
            gateways = [gateway for _, gateway, _ in survey.default_routes() if gateway]
        links = [cable.inside for bridge in view.bridges for cable in bridge.cables if cable.sandbox == origin]
        own = [
            a
            for bridge in view.bridges
            if any(c.inside in links for c in bridge.cables)
            for a, _ in bridge.link.addresses
        ]
        return (gateways or own or ["127.0.0.1"])[0]
    uplinks = [address for uplink in view.topology.uplinks for address, _ in uplink.link.addresses]
    matching = [address for address in uplinks if (":" in address) == family]
    return matching[0] if outside and matching else "127.0.0.1"


def _sandbox(name: str, view: Live) -> Sandbox:
    container = store.find(name)
    for sandbox in view.topology.sandboxes:
        if container.name in sandbox.names:
            return sandbox
    if container.name in view.topology.on_host:
        raise UsageError(f"container {container.name} has the host's network", hint="say host", code=1)
    raise PyrunError(f"container {container.name} is not running", 1)


def _split(text: str) -> tuple[str, str, int]:
    """Split NAME[:PORT[/PROTOCOL]], with IPv6 addresses in brackets where a port follows."""
    whole, slash, protocol = text.partition("/")
    if whole.startswith("["):
        name, _, port = whole[1:].partition("]")
        port = port.removeprefix(":")
    elif whole.count(":") > 1:
        name, port = whole, ""
    else:
        name, _, port = whole.partition(":")
    if slash and (not port or protocol not in ("tcp", "udp", "sctp")):
        raise UsageError(f"{text}: expected TARGET:PORT/PROTOCOL with tcp, udp or sctp")
    if not port:
        return name, "icmp", 0
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise UsageError(f"{text}: a port is a number from 1 to 65535")
    return name, protocol or "tcp", int(port)


def _is_address(text: str) -> bool:
    try:
        addresses.number(text)
    except ValueError:
        if text and not set(text) - set("0123456789.") and text.count(".") == 3:
            raise NotFound(f"no such address: {text}") from None
        return False
    return True


def _addresses(sandbox: Sandbox) -> list[str]:
    links = [link for link in sandbox.links if link.name != "lo"]
    return [a for link in links for a, _ in link.addresses if not a.startswith("fe80:")]


def _subnets(link: "survey.Link") -> "list[addresses.Subnet]":
    return [addresses.subnet(f"{a}/{prefix}") for a, prefix in link.addresses if not a.startswith("fe80:")]


def _own_reasons() -> dict[tuple[str, str, str, str], str]:
    nets = [net for net in map(standing.read, standing.names()) if net]
    own = [rule for net in nets for rule in rules.network(net)]
    own += [rule for net in nets for end in standing.endpoints(net.name) for rule in rules.published(end)]
    return {(_TOOLS[rule.family], rule.table, rule.chain, rule.text): rule.reason for rule in own}


def _takes(listener: Listener, address: str) -> bool:
    """Claim that a socket gets what is sent to the address: IPv4 may come to one of IPv6, under mapped addresses."""
    if listener.address == "::":
        return ":" in address or not listener.only_ipv6
    if listener.address == "0.0.0.0":
        return ":" not in address
    own = listener.address.removeprefix("::ffff:") if "." in listener.address else listener.address
    return (":" in own) == (":" in address) and addresses.number(own) == addresses.number(address)


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""
