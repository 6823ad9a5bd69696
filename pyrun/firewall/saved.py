"""Reads what `iptables-save -c` prints into tables that `pyrun.firewall.trace` can walk. Pure.

What is not understood of a rule becomes a condition that cannot be judged.
"""

import itertools
import shlex

from pyrun.firewall.packets import Condition
from pyrun.firewall.trace import Action, Chain, Rule, Table

_HOOKS = {
    "PREROUTING": "prerouting",
    "INPUT": "input",
    "FORWARD": "forward",
    "OUTPUT": "output",
    "POSTROUTING": "postrouting",
}
_PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
_AFTER_ROUTING = ("INPUT", "POSTROUTING")  # of nat: source translation comes last, at 100
_FIELDS = {
    "-s": "source",
    "-d": "target",
    "-i": "entering",
    "-o": "leaving",
    "-p": "protocol",
    "--dport": "port",
    "--dports": "port",
    "--sport": "source port",
    "--sports": "source port",
    "--ctstate": "state",
    "--state": "state",
    "--dst-type": "target type",
    "--src-type": "source type",
    "--mark": "mark",
    "--icmp-type": "icmp",
    "--icmpv6-type": "icmp",
    "--ctdir": "direction",
    "--dst-range": "target",
    "--src-range": "source",
}
_PLAIN = set("tcp udp sctp icmp icmp6 ipv6-icmp conntrack state addrtype comment multiport mark iprange".split())
_GOES_ON = set(
    "LOG NFLOG ULOG TRACE TCPMSS CONNMARK CT NOTRACK CHECKSUM TTL HL DSCP TOS SET CLASSIFY AUDIT SECMARK CONNSECMARK"
    " RATEEST IDLETIMER LED MARK".split()
)
_VALUES = {"--to-destination", "--to-source", "--to-ports"}


def read(text: str, family: int, tool: str) -> list[Table]:
    """Read a whole listing: one table after the other."""
    tables: list[Table] = []
    name, heads, rules = "", dict[str, tuple[str, int]](), dict[str, list[Rule]]()
    for line in text.splitlines():
        if line.startswith("*"):
            name, heads, rules = line[1:], {}, {}
        elif line.startswith(":"):
            chain, policy, counters = [*line[1:].split(" "), "[0:0]", ""][:3]
            heads[chain] = policy, _counters(counters)[0]
        elif line.startswith(("-A ", "[")):
            chain, rule = _rule(line)
            rules.setdefault(chain, []).append(rule)
        elif line == "COMMIT":
            chains = tuple(_chain(name, chain, *head, rules.get(chain, [])) for chain, head in heads.items())
            tables.append(Table(tool, name, (family,), chains))
    return tables


def _chain(table: str, name: str, policy: str, packets: int, rules: list[Rule]) -> Chain:
    if policy == "-" or name not in _HOOKS:
        return Chain(name, tuple(rules))
    late = table == "nat" and name in _AFTER_ROUTING
    priority = 100 if late else _PRIORITIES.get(table, 0)
    reroutes = (table, name) == ("mangle", "OUTPUT")
    return Chain(name, tuple(rules), _HOOKS[name], priority, policy.lower(), packets, table == "nat", reroutes)


def _counters(text: str) -> tuple[int, int]:
    packets, _, size = text.strip("[]").partition(":")
    return (int(packets), int(size)) if packets.isdigit() and size.isdigit() else (0, 0)


def _rule(line: str) -> tuple[str, Rule]:
    counters: tuple[int | None, int | None] = (None, None)
    if line.startswith("["):
        head, _, line = line.partition(" ")
        counters = _counters(head)
    _, chain, text = [*line.split(" ", 2), ""][:3]
    try:
        words = shlex.split(text)
    except ValueError:
        return chain, Rule(text, (Condition(""),), Action("unknown"), None, *counters)
    conditions, action, comment = _parse(words)
    return chain, Rule(text, tuple(conditions), action, None, *counters, comment, _mark(words))


def _parse(words: list[str]) -> tuple[list[Condition], Action, str]:
    conditions: list[Condition] = []
    comment, negated, at = "", False, 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == "!":
            negated = True
            continue
        if word in ("-j", "-g"):
            return conditions, _action(word, words[at:]), comment
        values, at = _values(words, at)
        if word == "--comment":
            comment = values[0] if values else ""
        elif word == "-m":
            conditions += [Condition("")] if not set(values) & _PLAIN else []
        else:
            conditions.append(_condition(word, values, negated))
        negated = False
    return conditions, Action("continue"), comment


def _values(words: list[str], at: int) -> tuple[list[str], int]:
    """Give what belongs to the option before *at*: all up to the next option."""
    start = at
    while at < len(words) and not words[at].startswith("-") and words[at] != "!":
        at += 1
    return words[start:at], at


def _condition(option: str, values: list[str], negated: bool) -> Condition:
    if option in ("-f",):
        return Condition("fragment", (), negated)
    if option == "--tcp-flags" and values in (["FIN,SYN,RST,ACK", "SYN"], ["SYN,RST,ACK,FIN", "SYN"]):
        return Condition("first", (), negated)
    field = _FIELDS.get(option, "")
    if not field or len(values) != 1:
        return Condition("")
    split = values[0].split(",")
    if field in ("state", "target type", "source type", "protocol", "direction"):
        split = [value.lower() for value in split]
    if field in ("entering", "leaving"):
        split = [f"{value[:-1]}*" if value.endswith("+") else value for value in split]
    return Condition(field, tuple(split), negated)


def _action(how: str, words: list[str]) -> Action:
    target = words[0] if words else ""
    options = dict(itertools.pairwise(words))
    given = next((options[key] for key in _VALUES if key in options), "")
    if target in ("ACCEPT", "DROP", "RETURN", "REJECT"):
        return Action(target.lower())
    if target in ("DNAT", "SNAT", "MASQUERADE", "REDIRECT"):
        return Action(target.lower(), f":{given}" if target in ("REDIRECT", "MASQUERADE") and given else given)
    if target in _GOES_ON:
        return Action("continue")
    if target in ("NFQUEUE", "TPROXY", "SYNPROXY", "QUEUE", "TEE", "NETMAP"):
        return Action("unknown")
    return Action("goto" if how == "-g" else "jump", target)


def _mark(words: list[str]) -> str:
    """Give what a rule makes of the mark: MARK says so, CONNMARK takes it from the connection's, which is not known."""
    target = next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "-j"), "")
    if target == "MARK":
        return next((words[at + 1] for at, word in enumerate(words[:-1]) if word == "--set-xmark"), "?")
    return "?" if target == "CONNMARK" and "--restore-mark" in words else ""
