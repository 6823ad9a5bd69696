"""Which way a packet goes, asked with all that policy routing looks at. The routes themselves are listed elsewhere.

pyroute2 knows nothing of protocols and ports here. See rtnetlink(7), ip-rule(8).
"""

import _socket  # socket itself imports enum and selectors
import itertools
import struct
from sys import byteorder

from pyrun.kernel import rtnetlink as rt
from pyrun.kernel.netlink import NLM_F_ACK, NLM_F_DUMP, attributes_of, encode, exchange, u32
from pyrun.kernel.survey import Route
from pyrun.typed import Any, Iterator, NamedTuple

_ROUTE = struct.Struct("=BBBBBBBBI")  # struct rtmsg
_KINDS = {1: "unicast", 2: "local", 3: "broadcast", 5: "multicast", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
_SRC, _IIF, _PREFSRC, _MARK, _UID, _IP_PROTO, _SPORT, _DPORT = 2, 3, 7, 16, 25, 27, 28, 29  # RTA_…
_GET_RULES = 34  # RTM_GETRULE, linux/fib_rules.h
_F_PRIORITY, _F_MARK, _F_UIDS, _F_PROTOCOL, _F_SPORTS, _F_DPORTS = 6, 10, 20, 22, 23, 24  # FRA_…
_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}  # by which the kernel can be asked
_CHANCE = 49152  # a port that nobody asked for by number
_FREE = range(1024, 65535)  # where such ports come from, as far as a rule can name them
_PAIR = struct.Struct("=HH")
_IDS = struct.Struct("=II")


class Flow(NamedTuple):
    """What rules of policy routing ask for beside addresses; a port of 0 is none, None is not known."""

    protocol: str
    source_port: "int | None"
    port: "int | None"
    mark: "int | None" = 0
    user: "int | None" = None  # who sends, if it is sent from here


class _Rule(NamedTuple):
    """A rule with questions that cannot be answered for every flow."""

    priority: int
    mark: "int | None"
    users: "tuple[int, int] | None"
    by_protocol: bool
    source_ports: "tuple[int, int] | None"
    ports: "tuple[int, int] | None"


class _Guess(NamedTuple):
    source_port: int
    port: int
    mark: int
    user: "int | None" = None  # None is our own


def route(target: str, source: str = "", entering: int = 0, flow: "Flow | None" = None) -> Route:
    """Ask which way a packet would go: one that was made here, or came in by a link.

    What is not known of its flow is tried as each rule that asks for it would have
    it; where that makes a difference the kind is *unknown*, with the rule as `doubt`.
    Errors: OSError when the rules cannot be listed.
    """
    if flow is None:
        return _asked(target, source, entering, 0, _Guess(0, 0, 0))
    protocol = _PROTOCOLS.get(flow.protocol, 0)
    usual = _Guess(_or(flow.source_port, _CHANCE), _or(flow.port, _CHANCE), _or(flow.mark, 0), flow.user)
    found = _asked(target, source, entering, protocol, usual)
    for rule in _rules(rt.family(target)):
        if not protocol and rule.by_protocol:  # the kernel has routes by SCTP, but takes no question about it
            return found._replace(kind="unknown", doubt=_words(rule, f"for {flow.protocol}"))
        for guess, about in _guesses(rule, flow, usual, not entering):
            if _asked(target, source, entering, protocol, guess) != found:
                return found._replace(kind="unknown", doubt=_words(rule, about))
    return found


def _or(known: "int | None", usual: int) -> int:
    return usual if known is None else known


def _words(rule: _Rule, about: str) -> str:
    return f"whether ip rule {rule.priority} holds is not to be seen from outside: it asks {about}"


def _asked(target: str, source: str, entering: int, protocol: int, guess: _Guess) -> Route:
    family = rt.family(target)
    bits = 128 if family == rt.AF_INET6 else 32
    content = [(rt.RTA_DST, rt.address(target))]
    content += [(_SRC, rt.address(source))] if source else []
    content += [(_IIF, u32(entering))] if entering else []
    content += [(_MARK, u32(guess.mark))] if guess.mark else []
    content += [(_UID, u32(guess.user))] if guess.user is not None else []
    content += [(_IP_PROTO, bytes([protocol]))] if protocol else []
    ports = ((_SPORT, guess.source_port), (_DPORT, guess.port)) if protocol else ()
    content += [(kind, port.to_bytes(2, "big")) for kind, port in ports if port]
    body = _ROUTE.pack(family, bits, bits if source else 0, 0, 0, 0, 0, 0, 0) + encode(content)
    try:
        for reply in exchange(0, rt.RTM_GETROUTE, body, NLM_F_ACK):
            told = attributes_of(reply[_ROUTE.size :])
            kind = _KINDS.get(_ROUTE.unpack_from(reply)[7], "unicast")
            link = int.from_bytes(told.get(rt.RTA_OIF, b""), byteorder)
            return Route(kind, link, _written(told.get(rt.RTA_GATEWAY)), _written(told.get(_PREFSRC)))
    except OSError as problem:
        return Route("none", error=problem.errno or 0)
    return Route("none")


def _written(address: "bytes | None") -> str:
    if not address:
        return ""
    return _socket.inet_ntop(rt.AF_INET6 if len(address) == 16 else rt.AF_INET, address)


def _rules(family: int) -> list[_Rule]:
    """List the rules that ask for more than addresses and links."""
    found = []
    for reply in exchange(0, _GET_RULES, bytes([family]) + bytes(11), NLM_F_DUMP):  # struct fib_rule_hdr
        told = attributes_of(reply[12:])
        mark = int.from_bytes(told[_F_MARK], byteorder) if _F_MARK in told else None
        users = _range(_IDS, told.get(_F_UIDS))
        sources, ports = (_range(_PAIR, told.get(kind)) for kind in (_F_SPORTS, _F_DPORTS))
        rule = _Rule(
            int.from_bytes(told.get(_F_PRIORITY, b""), byteorder),
            mark,
            users,
            bool({_F_PROTOCOL, _F_SPORTS, _F_DPORTS} & set(told)),
            sources,
            ports,
        )
        found += [rule] if mark is not None or users or rule.by_protocol else []
    return found


def _range(form: struct.Struct, value: "bytes | None") -> "tuple[int, int] | None":
    if not value:
        return None
    first, last = form.unpack_from(value)
    return first, last


def _guesses(rule: _Rule, flow: Flow, usual: _Guess, made_here: bool) -> Iterator[tuple[_Guess, str]]:
    """Give what might be of a flow, as far as the rule asks for what is not known of it, and what that is."""
    sources = _edges(rule.source_ports) if rule.source_ports and flow.source_port is None else []
    ports = _edges(rule.ports) if rule.ports and flow.port is None else []
    marks = [rule.mark] if rule.mark is not None and flow.mark is None else []
    users = [rule.users[0] or rule.users[1] + 1] if rule.users and made_here and flow.user is None else []
    asked = {"for the source port": sources, "for the port": ports, "for the mark": marks, "who sends": users}
    about = ", ".join(word for word, guesses in asked.items() if guesses)
    fields: list[tuple[list[Any], object]] = list(zip(asked.values(), usual, strict=True))
    if about:
        for guess in itertools.product(*(guesses or [known] for guesses, known in fields)):
            yield _Guess(*guess), about


def _edges(ports: tuple[int, int]) -> list[int]:
    """Give ports within a range and beside it, of those that are taken by chance."""
    first, last = ports
    within = [max(first, _FREE.start)] if last in _FREE else []
    return [*within, *(port for port in (first - 1, last + 1) if port in _FREE)]
