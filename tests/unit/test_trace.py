"""What rules would do with a packet, by many texts of rules; tests/kernel/test_why.py asks the kernel the same."""

import json

import pytest

from pyrun.firewall import listed, saved, trace
from pyrun.firewall.packets import Condition, Packet, holds

HOST = frozenset({"198.51.100.2", "172.17.0.1", "fd00::1"})
BASE = Packet(4, "172.17.0.2", "172.18.0.2", "tcp", 80, "docker0", "br-0123456789ab")


def filter_(*rules: str, policy: str = "ACCEPT", chains: str = "") -> "list[trace.Table]":
    heads = "".join(f":{name} - [0:0]\n" for name in chains.split())
    body = "".join(f"[{at}:{at * 60}] -A {rule}\n" for at, rule in enumerate(rules, 1))
    return saved.read(f"*filter\n:FORWARD {policy} [7:420]\n{heads}{body}COMMIT\n", 4, "iptables")


def verdict(tables: "list[trace.Table]", packet: Packet = BASE, hook: str = "forward") -> str:
    return trace.walk(tables, hook, packet, HOST).verdict


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        ("", True),
        ("-s 172.17.0.0/16", True),
        ("-s 172.17.0.3/32", False),
        ("! -s 172.17.0.0/16", False),
        ("-s 172.17.0.0/255.255.0.0", True),
        ("-s 10.0.0.0/8,172.17.0.0/16", True),
        ("-s 0.0.0.0/0", True),
        ("-d 172.18.0.2/32", True),
        ("-i docker0", True),
        ("-i docker+", True),
        ("-i eth0", False),
        ("! -i docker0", False),
        ("-i docker0 ! -o docker0", True),
        ("-o br-+", True),
        ("-p tcp", True),
        ("-p udp", False),
        ("! -p udp", True),
        ("-p 6", True),
        ("-p tcp -m tcp --dport 80", True),
        ("-p tcp -m tcp --dport 81", False),
        ("-p tcp -m tcp ! --dport 80", False),
        ("-p tcp -m tcp --dport 70:90", True),
        ("-p tcp -m tcp --dport 81:", False),
        ("-p tcp -m multiport --dports 22,80,8000:8010", True),
        ("-p tcp -m multiport --dports 22,8000:8010", False),
        ("-p tcp -m tcp --sport 1024:65535", True),
        ("-p tcp -m tcp --sport 32768:60999", None),
        ("-p tcp -m tcp --sport 80", False),
        ("-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN", True),
        ("-p tcp -m tcp --tcp-flags ALL NONE", None),
        ("-m conntrack --ctstate RELATED,ESTABLISHED", False),
        ("-m conntrack --ctstate NEW", True),
        ("-m conntrack ! --ctstate NEW", False),
        ("-m conntrack --ctstate DNAT", False),
        ("-m state --state NEW,ESTABLISHED", True),
        ("-m addrtype --dst-type LOCAL", False),
        ("-m addrtype --dst-type UNICAST", True),
        ("-m addrtype --src-type LOCAL", False),
        ("-m addrtype ! --dst-type LOCAL", True),
        ('-m comment --comment "two words -j DROP"', True),
        ("-m mark --mark 0x1", False),
        ("-m mark --mark 0x0/0xff", True),
        ("-m iprange --dst-range 172.18.0.1-172.18.0.9", True),
        ("-m limit --limit 3/min --limit-burst 10", None),
        ("-m set --match-set blocked src", None),
        ("-m owner --uid-owner 0", None),
        ("-m physdev --physdev-is-bridged", None),
        ("-m socket", None),
        ("-f", False),
        ("-m newer --than 2026", None),
        ("-i eth0 -m newer --than 2026", False),
    ],
)
def test_a_match_holds_does_not_or_is_unknown(match: str, expected: "bool | None") -> None:
    outcome = trace.walk(filter_(f"FORWARD {match} -j DROP"), "forward", BASE, HOST)
    assert outcome.steps[0].matched is expected
    assert outcome.verdict == {True: "drop", False: "accept", None: "unknown"}[expected]


def test_the_deciding_rule_is_named_with_its_counters() -> None:
    """Docker's own rules: what the tutorial's author did not see."""
    tables = filter_(
        "FORWARD -j DOCKER-USER",
        "FORWARD -j DOCKER-ISOLATION-STAGE-1",
        "FORWARD -i docker0 ! -o docker0 -j ACCEPT",
        "DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2",
        "DOCKER-ISOLATION-STAGE-1 -j RETURN",
        "DOCKER-ISOLATION-STAGE-2 -o br-0123456789ab -j DROP",
        "DOCKER-ISOLATION-STAGE-2 -j RETURN",
        "DOCKER-USER -j RETURN",
        policy="DROP",
        chains="DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2",
    )
    outcome = trace.walk(tables, "forward", BASE, HOST)
    assert outcome.verdict == "drop"
    assert outcome.decider and outcome.decider.place == "iptables filter DOCKER-ISOLATION-STAGE-2, rule 1"
    assert (outcome.decider.rule.packets, outcome.decider.rule.bytes) == (6, 360)
    assert verdict(tables, BASE._replace(leaving="up0")) == "accept"
    assert verdict(tables, BASE._replace(entering="up0", leaving="docker0")) == "drop"


def test_return_goto_and_policy() -> None:
    tables = filter_("FORWARD -g A", "FORWARD -j ACCEPT", "A -p udp -j ACCEPT", policy="DROP", chains="A")
    outcome = trace.walk(tables, "forward", BASE, HOST)
    assert (outcome.verdict, outcome.decider and outcome.decider.place) == ("drop", "iptables filter FORWARD, policy")
    assert outcome.decider and outcome.decider.rule.packets == 7
    tables = filter_("FORWARD -j A", "FORWARD -j ACCEPT", "A -j RETURN", "A -j DROP", policy="DROP", chains="A")
    assert verdict(tables) == "accept"
    assert verdict(filter_("FORWARD -j RETURN", "FORWARD -j ACCEPT", policy="DROP")) == "drop"


def test_what_goes_on_goes_on() -> None:
    assert verdict(filter_('FORWARD -j LOG --log-prefix "x "', "FORWARD", "FORWARD -j DROP")) == "drop"
    assert verdict(filter_("FORWARD -j NFQUEUE --queue-num 1", "FORWARD -j DROP")) == "unknown"


def test_an_unknown_match_that_changes_nothing_is_no_doubt() -> None:
    limit = "-m limit --limit 1/sec"
    assert verdict(filter_(f"FORWARD {limit} -j LOG", "FORWARD -j DROP")) == "drop"
    assert verdict(filter_(f"FORWARD {limit} -j RETURN", "FORWARD -j DROP", policy="DROP")) == "drop"
    outcome = trace.walk(filter_(f"FORWARD {limit} -j ACCEPT", "FORWARD -j DROP"), "forward", BASE, HOST)
    assert outcome.verdict == "unknown" and outcome.doubt and outcome.doubt.number == 1


def test_one_unknown_match_hidden_behind_another_is_found() -> None:
    tables = filter_("FORWARD -m set --match-set a src -j A", "A -m set --match-set b src -j DROP", chains="A")
    assert verdict(tables) == "unknown"


@pytest.mark.parametrize(
    ("change", "wanted", "expected"),
    [
        ("MARK --set-xmark 0x5/0xffffffff", "0x5", "drop"),
        ("MARK --set-xmark 0x5/0xff", "0x5", "drop"),
        ("MARK --set-xmark 0x5/0xffffffff", "0x6", "accept"),
        ("CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff", "0x5", "unknown"),
        ("CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff", "0x5", "accept"),
    ],
)
def test_a_changed_mark_is_known_where_the_rule_says_it(change: str, wanted: str, expected: str) -> None:
    rules = (f"FORWARD -j {change}", f"FORWARD -m mark --mark {wanted} -j DROP")
    assert verdict(filter_(*rules)) == expected


def test_a_mark_that_may_have_been_set_is_not_known() -> None:
    rules = ("FORWARD -m limit --limit 1/sec -j MARK --set-xmark 0x5/0xffffffff", "FORWARD -m mark --mark 0x5 -j DROP")
    assert verdict(filter_(*rules)) == "unknown"


def test_a_mark_goes_on_with_the_packet_and_leads_elsewhere_what_was_made_here() -> None:
    """See ip_route_me_harder() in iptable_mangle.c and nft_chain_route.c: chains of other types only mark."""
    text = "*mangle\n:{0} ACCEPT [0:0]\n-A {0} -j MARK --set-xmark 0x7/0xffffffff\nCOMMIT\n"
    found = {
        hook: trace.walk(saved.read(text.format(hook.upper()), 4, "iptables"), hook, BASE, HOST)
        for hook in ("prerouting", "output")
    }
    told = {hook: (outcome.packet.mark, outcome.rerouted) for hook, outcome in found.items()}
    assert told == {"prerouting": (7, False), "output": (7, True)}
    mangle = {"mangle": {"key": META("mark"), "value": 7}}
    for kind in ("filter", "route"):
        tables = nft(chain("f", "output", kind), rule("f", mangle, {"accept": None}))
        outcome = trace.walk(tables, "output", BASE, HOST)
        assert (outcome.packet.mark, outcome.rerouted) == (7, kind == "route")


def test_an_address_written_into_a_packet_is_not_followed() -> None:
    tables = nft(
        chain("f", "forward"), rule("f", {"mangle": {"key": PAYLOAD("ip", "daddr"), "value": "192.0.2.1"}}), rule("f")
    )
    assert verdict(tables) == "unknown"


@pytest.mark.parametrize(
    ("target", "address", "port"),
    [("172.17.0.2:80", "172.17.0.2", 80), ("172.17.0.9", "172.17.0.9", 8080), (":81", "198.51.100.2", 81)],
)
def test_dnat_leads_elsewhere(target: str, address: str, port: int) -> None:
    text = (
        "*nat\n:PREROUTING ACCEPT [0:0]\n:DOCKER - [0:0]\n"
        "[0:0] -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER\n[0:0] -A DOCKER -i docker0 -j RETURN\n"
        f"[3:180] -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination {target}\nCOMMIT\n"
    )
    packet = Packet(4, "198.51.100.1", "198.51.100.2", "tcp", 8080, "up0")
    outcome = trace.walk(saved.read(text, 4, "iptables"), "prerouting", packet, HOST)
    assert (outcome.packet.target, outcome.packet.port, outcome.packet.dnat) == (address, port, True)
    assert outcome.translated and outcome.translated.rule.packets == 3
    inner = trace.walk(saved.read(text, 4, "iptables"), "prerouting", packet._replace(entering="docker0"), HOST)
    assert inner.translated is None and inner.packet.target == "198.51.100.2"
    answer = packet._replace(state="established")
    assert trace.walk(saved.read(text, 4, "iptables"), "prerouting", answer, HOST).translated is None


@pytest.mark.parametrize(
    ("hook", "entering", "own", "expected"),
    [
        ("prerouting", "up0", "198.51.100.2", ("accept", "198.51.100.2", 9999)),
        ("prerouting", "bare0", "", ("drop", "", 9999)),
        ("output", "", "", ("accept", "127.0.0.1", 9999)),
    ],
)
def test_a_redirect_leads_to_the_link_by_which_it_came(
    hook: str, entering: str, own: str, expected: "tuple[str, str, int]"
) -> None:
    """See nf_nat_redirect.c: a packet that was made here goes to the loopback, else to the link's first address."""
    text = f"*nat\n:{hook.upper()} ACCEPT [0:0]\n-A {hook.upper()} -p tcp -j REDIRECT --to-ports 9999\nCOMMIT\n"
    packet = Packet(4, "198.51.100.1", "203.0.113.9", "tcp", 9000, entering, own=own)
    outcome = trace.walk(saved.read(text, 4, "iptables"), hook, packet, HOST)
    assert (outcome.verdict, outcome.packet.target, outcome.packet.port) == expected


def test_tables_of_a_hook_take_their_turn() -> None:
    text = (
        "*filter\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -j DROP\nCOMMIT\n"
        "*mangle\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -j DROP\nCOMMIT\n"
    )
    outcome = trace.walk(saved.read(text, 4, "iptables"), "forward", BASE, HOST)
    assert (outcome.verdict, outcome.decider and outcome.decider.table) == ("drop", "mangle")


def test_ipv6_rules_are_for_ipv6() -> None:
    text = "*filter\n:FORWARD ACCEPT [0:0]\n[0:0] -A FORWARD -s fd00::/64 -p ipv6-icmp -j DROP\nCOMMIT\n"
    tables = saved.read(text, 6, "ip6tables")
    assert verdict(tables) == "accept"
    assert verdict(tables, Packet(6, "fd00::2", "fd00:1::2", "icmpv6", 0, "a", "b")) == "drop"
    assert verdict(tables, Packet(6, "fd01::2", "fd00:1::2", "icmpv6", 0, "a", "b")) == "accept"


def nft(*entries: "dict[str, object]") -> "list[trace.Table]":
    table = {"table": {"family": "inet", "name": "t", "handle": 1}}
    return listed.read(json.dumps({"nftables": [table, *entries]})).tables


def chain(
    name: str, hook: str = "", kind: str = "filter", prio: int = 0, policy: str = "accept"
) -> "dict[str, object]":
    base = {"type": kind, "hook": hook, "prio": prio, "policy": policy} if hook else {}
    return {"chain": {"family": "inet", "table": "t", "name": name, "handle": 2, **base}}


def rule(where: str, *expr: object, comment: str = "") -> "dict[str, object]":
    return {"rule": {"family": "inet", "table": "t", "chain": where, "handle": 9, "expr": expr, "comment": comment}}


def match(left: object, right: object, op: str = "==") -> "dict[str, object]":
    return {"match": {"op": op, "left": left, "right": right}}


META, PAYLOAD = (lambda key: {"meta": {"key": key}}), (lambda p, f: {"payload": {"protocol": p, "field": f}})


@pytest.mark.parametrize(
    ("left", "op", "right", "expected"),
    [
        (META("iifname"), "==", "docker0", True),
        (META("oifname"), "==", "br-*", True),
        (META("oifname"), "!=", {"set": ["br-*", "docker0"]}, False),
        (META("l4proto"), "==", {"set": ["tcp", "udp"]}, True),
        (META("nfproto"), "==", "ipv6", False),
        (META("skuid"), "==", 0, None),
        (PAYLOAD("ip", "saddr"), "==", {"prefix": {"addr": "172.17.0.0", "len": 16}}, True),
        (PAYLOAD("ip", "daddr"), "==", {"range": ["172.18.0.1", "172.18.0.9"]}, True),
        (PAYLOAD("ip6", "daddr"), "==", "fd00::1", False),
        (PAYLOAD("tcp", "dport"), "==", {"set": [22, {"range": [80, 90]}]}, True),
        (PAYLOAD("udp", "dport"), "==", 80, False),
        (PAYLOAD("th", "dport"), "!=", 80, False),
        ({"ct": {"key": "state"}}, "in", ["established", "related"], False),
        ({"ct": {"key": "state"}}, "in", "new", True),
        ({"ct": {"key": "status"}}, "in", "dnat", False),
        ({"fib": {"result": "type", "flags": ["daddr"]}}, "==", "local", False),
        ({"fib": {"result": "oif", "flags": ["saddr", "iif"]}}, "==", False, None),
        ({"socket": {"key": "mark"}}, "==", 1, None),
    ],
)
def test_nft_matches(left: object, op: str, right: object, expected: "bool | None") -> None:
    tables = nft(
        chain("f", "forward"),
        rule("f", match(left, right, op), {"counter": {"packets": 5, "bytes": 9}}, {"drop": None}),
    )
    outcome = trace.walk(tables, "forward", BASE, HOST)
    assert (outcome.steps[0].matched, outcome.steps[0].rule.packets) == (expected, 5)


def test_nft_maps_of_verdicts_and_of_targets() -> None:
    element = [["docker0", {"jump": {"target": "leaving"}}]]
    tables = nft(
        {"map": {"family": "inet", "table": "t", "name": "m", "elem": element, "handle": 3}},
        chain("f", "forward"),
        chain("leaving"),
        rule("f", {"vmap": {"key": META("iifname"), "data": "@m"}}),
        rule("leaving", {"drop": None}, comment="because"),
    )
    outcome = trace.walk(tables, "forward", BASE, HOST)
    assert outcome.verdict == "drop" and outcome.decider and outcome.decider.rule.reason == "because"
    assert verdict(tables, BASE._replace(entering="up0")) == "accept"
    key = {"concat": [META("l4proto"), PAYLOAD("th", "dport")]}
    element = [[{"concat": ["tcp", 8080]}, {"concat": ["172.17.0.2", 80]}]]
    tables = nft(
        {"map": {"family": "inet", "table": "t", "name": "p", "elem": element, "handle": 3}},
        chain("n", "prerouting", "nat", -100),
        rule("n", {"dnat": {"family": "ip", "addr": {"map": {"key": key, "data": "@p"}}}}),
    )
    packet = Packet(4, "198.51.100.1", "198.51.100.2", "tcp", 8080, "up0")
    outcome = trace.walk(tables, "prerouting", packet, HOST)
    assert (outcome.packet.target, outcome.packet.port) == ("172.17.0.2", 80)
    assert trace.walk(tables, "prerouting", packet._replace(port=81), HOST).translated is None


def test_an_accept_of_one_table_does_not_save_from_another() -> None:
    tables = nft(chain("a", "forward", prio=-1), chain("b", "forward", policy="drop"), rule("a", {"accept": None}))
    outcome = trace.walk(tables, "forward", BASE, HOST)
    assert outcome.verdict == "drop" and outcome.decider and outcome.decider.place == "nft inet t b, policy"


def test_families_that_are_not_followed_are_told() -> None:
    document = {"nftables": [{"table": {"family": "bridge", "name": "b", "handle": 1}}]}
    assert listed.read(json.dumps(document)).others == {"bridge b": 0}


def test_rules_at_the_hook_of_a_link_are_told_apart() -> None:
    """An inet table may have them beside others that are followed."""
    document = {
        "nftables": [
            {"table": {"family": "inet", "name": "t", "handle": 1}},
            chain("f", "forward"),
            rule("f", {"accept": None}),
            {"chain": {**chain("i", "ingress")["chain"], "dev": "up0"}},  # type: ignore[dict-item]
            rule("i", {"drop": None}),
        ]
    }
    assert listed.read(json.dumps(document)).others == {"inet t, hook ingress": 1}


@pytest.mark.parametrize(
    ("elements", "op", "expected"),
    [
        ([["docker0", "172.17.0.2"], ["docker0", "172.17.0.3"]], "==", True),
        ([["docker0", "172.17.0.3"], ["eth0", "172.17.0.2"]], "==", False),
        ([["docker0", "172.17.0.3"]], "!=", True),
        ([["docker0", {"prefix": {"addr": "172.17.0.0", "len": 16}}]], "==", True),
        ([["docker0", {"and": 1}]], "==", None),
    ],
)
def test_several_questions_joined_hold_together(
    elements: "list[list[object]]", op: str, expected: "bool | None"
) -> None:
    left = {"concat": [META("iifname"), PAYLOAD("ip", "saddr")]}
    tables = nft(
        {"set": {"family": "inet", "table": "t", "name": "s", "elem": [{"concat": each} for each in elements]}},
        chain("f", "forward"),
        rule("f", match(left, "@s", op), {"drop": None}),
    )
    assert trace.walk(tables, "forward", BASE, HOST).steps[0].matched is expected


def test_a_condition_nobody_knows_is_unknown() -> None:
    assert holds(Condition("colour", ("red",)), BASE, HOST) is None
    assert holds(Condition("source", ("nonsense",)), BASE, HOST) is None
