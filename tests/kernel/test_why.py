"""What stops a packet, explained: ping, the tools' own listings and counters are the witnesses."""

import json
import re

import pytest
from lab import HOST_ADDRESS, INTERNET_ADDRESS, Host, wait_until
from town import address, decider, pings, why


@pytest.mark.parametrize("source", ["con1", "both", "in1", "ap1", "host"])
def test_what_it_says_is_what_ping_finds(town: Host, source: str) -> None:
    """Every pair, in words and by ping."""
    told, found = {}, {}
    for target, link in (
        ("con2", "eth0"), ("con3", "eth0"), ("both", "eth0"), ("both", "eth1"), ("in1", "eth0"), ("ap2", "eth0")
    ):  # fmt: skip
        if target != source:
            where = address(town, target, link)
            told[target, link] = why(town, source, where)["Reachable"]
            found[target, link] = pings(town, source, where)
    for where in (INTERNET_ADDRESS, "172.31.0.2", "172.31.0.1", HOST_ADDRESS, "198.51.100.77"):
        answer = why(town, source, where)["Reachable"]
        told[where, ""] = answer if where != "198.51.100.77" else False  # nobody is there, which only asking shows
        found[where, ""] = pings(town, source, where)
    assert told == found


def test_isolation_is_the_reason_and_the_probe_confirms_it(town: Host) -> None:
    """What the tutorial's author did not see: why con1 does not reach con3."""
    told = why(town, "con1", "con3", "--probe")
    assert told["Reason"] == "networks do not reach each other"
    assert "PYRUN-ISOLATION-STAGE-2" in decider(told) or "oifname @bridges" in decider(told)
    probe, rule = told["Probe"], told["Decider"]
    assert isinstance(probe, dict) and isinstance(rule, dict)
    assert (probe["Reachable"], probe["Confirmed"]) == (False, True)
    moved = {(each["Chain"], each["Number"]): each["Packets"] for each in probe["Moved"]}
    assert moved[rule["Chain"], rule["Number"]] >= 1
    before = _count(town, rule)
    assert not pings(town, "con1", address(town, "con3"))
    assert _count(town, rule) == before + 1


def _count(host: Host, rule: "dict[str, object]") -> int:
    """Let the tool itself say how often the rule has matched."""
    if rule["Tool"] == "iptables":
        listed = host.out(f"iptables -t {rule['Table']} -vxL {rule['Chain']} {rule['Number']} -n")
        return int(listed.split()[0])
    listed = host.out(f"nft list chain {rule['Table']} {rule['Chain']}")
    text = str(rule["Rule"]).replace("counter", r"counter packets (\d+) bytes \d+", 1)
    found = re.search(re.sub(r"@|\*", lambda m: re.escape(m.group()), text), listed)
    assert found, listed
    return int(found.group(1))


@pytest.mark.parametrize(
    ("source", "target", "options", "reachable", "confirmed"),
    [
        ("con1", "con2", ["--probe"], True, True),
        ("con1", "con2:80", ["--probe"], True, True),
        ("con1", "con2:81", ["--probe"], False, True),
        ("con1", "con2:81/udp", ["--probe"], False, True),
        ("con1", INTERNET_ADDRESS, ["--probe"], True, True),
        ("con1", "host", ["--probe"], True, True),
        ("con1", "con3:80", ["--probe"], False, True),
        ("ap1", "ap2", ["--probe"], False, True),
        ("ap1", INTERNET_ADDRESS, ["--probe"], True, True),
        ("in1", INTERNET_ADDRESS, ["--probe"], False, True),
        ("both", "in1", ["--probe"], True, True),
        ("host", "con3:80", ["--probe"], True, True),
        ("host", f"{HOST_ADDRESS}:8080", ["--probe"], True, True),
        ("host", "127.0.0.1:8080", ["--probe"], True, True),
        ("host", "127.0.0.1:8081", ["--probe"], False, True),
        ("con1", "host:8080", ["--probe"], True, True),
        ("con3", f"{HOST_ADDRESS}:8080", ["--probe"], True, True),
        ("con3", "2001:db8:1::1", ["--probe"], True, True),
        (INTERNET_ADDRESS, "host:8080", [], True, None),
        (INTERNET_ADDRESS, "host:8081", [], True, None),
        (INTERNET_ADDRESS, "host:8082", [], False, None),
        (INTERNET_ADDRESS, "con3:80", [], False, None),
        (INTERNET_ADDRESS, "con1", [], False, None),
        ("2001:db8:1::1", "[2001:db8:1::2]:8080", [], True, None),
        ("172.31.0.2", "con1", [], False, None),
        ("con1", "172.31.0.2", ["--probe"], False, True),
    ],
)  # fmt: skip
def test_it_says_so_and_a_packet_agrees(
    town: Host, source: str, target: str, options: "list[str]", reachable: bool, confirmed: "bool | None"
) -> None:
    told = why(town, source, target, *options)
    probe = told["Probe"]
    assert told["Reachable"] is reachable, told
    assert (probe["Confirmed"] if isinstance(probe, dict) else None) is confirmed, told


def test_a_published_port_is_followed_to_the_container(town: Host) -> None:
    """And the far side, asked to connect, agrees."""
    told = why(town, INTERNET_ADDRESS, "host:8080")
    assert told["Packet"] == {"Source": INTERNET_ADDRESS, "Target": address(town, "con3"), "Port": 80}
    connect = "exec 3<>/dev/tcp/{}/{} && echo there"
    assert town.internet(connect.format(HOST_ADDRESS, 8080)).stdout == b"there\n"
    assert town.internet(connect.format(HOST_ADDRESS, 8082)).stdout == b""


def test_a_rule_of_somebody_else_is_named(town: Host) -> None:
    nft = "nft add table inet foreign; nft add chain inet foreign f '{ type filter hook forward priority 10; }'"
    town.out(f"{nft}; nft add rule inet foreign f ip daddr {INTERNET_ADDRESS} counter drop")
    told = why(town, "con1", INTERNET_ADDRESS, "--probe")
    town.out("nft delete table inet foreign")
    assert told["Reachable"] is False and decider(told) == f"f: ip daddr {INTERNET_ADDRESS} counter drop"
    assert isinstance(told["Probe"], dict) and told["Probe"]["Confirmed"] is True
    town.out(f"iptables -I FORWARD -d {INTERNET_ADDRESS} -j DROP")
    told = why(town, "con1", INTERNET_ADDRESS)
    town.out(f"iptables -D FORWARD -d {INTERNET_ADDRESS} -j DROP")
    assert (told["Reachable"], decider(told)) == (False, f"FORWARD: -d {INTERNET_ADDRESS}/32 -j DROP")


def test_tables_that_are_not_followed_are_named_where_they_have_rules(town: Host) -> None:
    """They may stop what is said to get through, as here; the probe tells."""
    for line in (
        "table bridge empty",
        "table bridge foreign",
        "chain bridge foreign f '{ type filter hook input priority 0; }'",
        "rule bridge foreign f ip protocol icmp drop",
        "table netdev far",
        "chain netdev far f '{ type filter hook ingress device up0 priority 0; }'",
        "rule netdev far f counter",
        "rule netdev far f counter",
    ):
        town.out(f"nft add {line}")
    told = why(town, "con1", INTERNET_ADDRESS)
    words = town.pyrun("network", "why", "con1", INTERNET_ADDRESS, "--probe")
    town.out("nft delete table bridge empty; nft delete table bridge foreign; nft delete table netdev far")
    expected = [
        "table bridge foreign is not followed, and has 1 rule",
        "table netdev far is not followed, and has 2 rules",
    ]
    assert (told["Reachable"], sorted(told["NotFollowed"])) == (True, expected)  # type: ignore[call-overload]
    shown = words.stdout.decode()
    for line in expected:
        assert f"\nNote: {line}\n" in shown
    assert "The probe does not agree with this." in shown
    assert words.stderr == b""
    assert why(town, "con1", INTERNET_ADDRESS)["NotFollowed"] == []


def test_what_cannot_be_judged_is_not_guessed(town: Host) -> None:
    town.out(f"iptables -I FORWARD -d {INTERNET_ADDRESS} -m limit --limit 1/sec -j DROP")
    told = why(town, "con1", INTERNET_ADDRESS)
    words = town.pyrun("network", "why", "con1", INTERNET_ADDRESS)
    town.out(f"iptables -D FORWARD -d {INTERNET_ADDRESS} -m limit --limit 1/sec -j DROP")
    assert told["Reachable"] is None and "--limit" in decider(told)
    assert (
        words.returncode == 1
        and b"Cannot be told" in words.stdout
        and b"In doubt: iptables filter FORWARD" in words.stdout
    )


def test_switched_off_things_are_found(town: Host) -> None:
    port = next(p for p in json.loads(town.ok("network", "inspect", "bridge"))[0]["Ports"] if p["Name"] == "con2")
    town.out(f"ip link set {port['HostInterface']} down")
    told = why(town, "con1", "con2")
    town.out(f"ip link set {port['HostInterface']} up")
    assert told["Reachable"] is False and port["HostInterface"] in str(told["Reason"])
    wait_until(lambda: pings(town, "con1", address(town, "con2")))


@pytest.mark.parametrize("source", ["con1", "host"])
def test_an_address_that_nobody_has_is_not_reached(town: Host, source: str) -> None:
    """All cables of a network's bridge are known, as long as no stranger has plugged one in."""
    nobody = f"{address(town, 'con1').rpartition('.')[0]}.99"
    told, real = why(town, source, nobody), pings(town, source, nobody)
    assert (told["Reachable"], told["Reason"], real) == (False, f"nobody on pyrun0 has {nobody}", False)
    town.out("ip neigh flush dev pyrun0; ip link add strange0 master pyrun0 type veth peer strange1")
    told = why(town, source, nobody)
    town.out("ip link del strange0")
    assert told["Reachable"] is None and "strange0" in str(told["Reason"])


def test_an_isolated_port_is_the_reason_where_icc_is_off(town: Host) -> None:
    port = next(p for p in json.loads(town.ok("network", "inspect", "apart"))[0]["Ports"] if p["Name"] == "ap2")
    assert str(why(town, "ap1", "ap2")["Reason"]).startswith(f"{port['HostInterface']} is isolated as well")
    town.out(f"bridge link set dev {port['HostInterface']} isolated off")
    told = why(town, "ap1", "ap2")
    town.out(f"bridge link set dev {port['HostInterface']} isolated on")
    assert "isolated" not in str(told["Reason"])


def test_bad_questions_are_one_line(town: Host) -> None:
    for source, target in (("nobody", "con1"), ("con1", "nobody"), ("con1", "con2:0"), ("con1", "con2:65536"),
                           ("con1", "con2:80/xyz"), ("con1", "1.2.3.400"), ("con1", "bare"), ("", "con1")):  # fmt: skip
        done = town.pyrun("network", "why", source, target)
        assert done.returncode != 0 and done.stderr.count(b"\n") == 1 and b"internal" not in done.stderr, (
            source,
            target,
            done,
        )
    assert town.pyrun("network", "why", INTERNET_ADDRESS, "con1", "--probe").returncode == 1
    assert town.pyrun("network", "diagram", "--format", "pdf").returncode == 125
