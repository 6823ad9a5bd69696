"""The answer's way explained, and ways within a container: ping and connections are the witnesses."""

import pytest
from lab import HOST_ADDRESS, INTERNET_ADDRESS, Host
from town import address, decider, pings, why


def reaches(host: Host, source: str, target: str, port: int) -> bool:
    """Ping, or connect by bash, from where the source is."""
    if not port:
        return pings(host, source, target)
    connect = f"timeout 1 bash -c '</dev/tcp/{target}/{port}'"
    if source == INTERNET_ADDRESS:
        return host.internet(connect).returncode == 0
    where = "" if source == "host" else f"ip netns exec pyrun-{source} "
    return host.shell(f"{where}{connect}").returncode == 0


def stopped(host: Host, source: str, target: str, port: int, change: str, undo: str) -> "dict[str, object]":
    """Give what is said of a way that a change, and nothing else, stops."""
    where = address(host, target) if target.startswith("con") else target
    asked = f"{where}:{port}" if port else where
    assert (why(host, source, asked)["Reachable"], reaches(host, source, where, port)) == (True, True)
    host.out(change)
    told, real = why(host, source, asked), reaches(host, source, where, port)
    host.out(undo)
    assert (told["Reachable"], real) == (False, False), told
    return told


@pytest.mark.parametrize(
    ("source", "target", "port", "rule"),
    [
        ("host", "con1", 80, "INPUT -s CON1 -j DROP"),
        ("host", HOST_ADDRESS, 8080, "INPUT ! -i lo -j DROP"),
        ("host", INTERNET_ADDRESS, 0, "INPUT -i up0 -p icmp -m icmp --icmp-type 0 -j DROP"),
        ("con1", "172.17.0.1", 0, "OUTPUT -o pyrun0 -j DROP"),
        (INTERNET_ADDRESS, HOST_ADDRESS, 8080, "PREROUTING -t raw -s CON3 -j DROP"),
        (INTERNET_ADDRESS, HOST_ADDRESS, 8080, "FORWARD -t mangle -p tcp -m tcp --sport 80 -j DROP"),
        (INTERNET_ADDRESS, HOST_ADDRESS, 8080, "POSTROUTING -t mangle -s CON3 -o up0 -j DROP"),
        ("con1", INTERNET_ADDRESS, 0, "PREROUTING -t mangle -i up0 -m conntrack --ctstate ESTABLISHED -j DROP"),
        ("con1", INTERNET_ADDRESS, 0, f"PREROUTING -t raw -d {HOST_ADDRESS} -j DROP"),
    ],
)
def test_a_rule_that_stops_only_the_answer_is_named(town: Host, source: str, target: str, port: int, rule: str) -> None:
    """The answer meets the rules with its own direction, state and addresses: those before NAT put them back."""
    rule = rule.replace("CON1", address(town, "con1")).replace("CON3", address(town, "con3"))
    told = stopped(town, source, target, port, f"iptables -I {rule}", f"iptables -D {rule}")
    assert str(told["Reason"]).startswith("the answer does not get back: ")
    assert decider(told).partition(":")[0] == rule.split()[0]


@pytest.mark.parametrize(
    ("source", "target", "port", "change", "undo"),
    [
        ("host", "con1", 80, "iptables -P INPUT DROP; iptables -A INPUT -p tcp --dport 22 -j ACCEPT",
         "iptables -P INPUT ACCEPT; iptables -F INPUT"),
        (INTERNET_ADDRESS, HOST_ADDRESS, 8080,
         "nft add table ip late; nft add chain ip late f '{ type filter hook postrouting priority 200; }'; "
         f"nft add rule ip late f ip saddr {HOST_ADDRESS} tcp sport 8080 drop", "nft delete table ip late"),
        (INTERNET_ADDRESS, HOST_ADDRESS, 8080,
         "ip rule add from CON3 lookup 100; ip route add blackhole default table 100",
         "ip rule del from CON3 lookup 100; ip route flush table 100"),
        ("con1", INTERNET_ADDRESS, 0, "sysctl -w net.ipv4.conf.up0.forwarding=0",
         "sysctl -w net.ipv4.conf.up0.forwarding=1"),
        ("host", "con3", 80, "ip netns exec pyrun-con3 iptables -A OUTPUT -p tcp --sport 80 -j DROP",
         "ip netns exec pyrun-con3 iptables -F OUTPUT"),
        (INTERNET_ADDRESS, HOST_ADDRESS, 8080,
         "ip rule add ipproto tcp sport 80 from CON3 lookup 100; ip route add blackhole default table 100",
         "ip rule del ipproto tcp sport 80 from CON3 lookup 100; ip route flush table 100"),
        ("host", "con3", 80,
         "ip -n pyrun-con3 rule add ipproto tcp sport 80 lookup 100;"
         "ip -n pyrun-con3 route add blackhole default table 100",
         "ip -n pyrun-con3 rule del ipproto tcp sport 80 lookup 100; ip -n pyrun-con3 route flush table 100"),
        ("host", "con3", 80,
         "ip netns exec pyrun-con3 iptables -t mangle -A OUTPUT -p tcp --sport 80 -j MARK --set-mark 7;"
         "ip -n pyrun-con3 rule add fwmark 7 lookup 100; ip -n pyrun-con3 route add blackhole default table 100",
         "ip netns exec pyrun-con3 iptables -t mangle -F OUTPUT;"
         "ip -n pyrun-con3 rule del fwmark 7 lookup 100; ip -n pyrun-con3 route flush table 100"),
    ],
)  # fmt: skip
def test_the_answer_takes_the_way_that_it_really_takes(
    town: Host, source: str, target: str, port: int, change: str, undo: str
) -> None:
    lines = [line.replace("CON3", address(town, "con3")) for line in (change, undo)]
    told = stopped(town, source, target, port, *lines)
    assert str(told["Reason"]).startswith("the answer does not get back: ")


def test_an_answer_from_an_address_that_is_not_the_containers_own_is_stopped_by_the_guard(town: Host) -> None:
    """One that is asked for under its own address may still be told to answer under another."""
    town.out(f"ip -n pyrun-con1 addr add 10.9.9.9/32 dev lo; ip route add 10.9.9.9 via {address(town, 'con1')}")
    town.out("ip -n pyrun-con1 neigh flush all; ip neigh flush dev pyrun0")
    told, real = why(town, "host", "10.9.9.9", "--probe"), pings(town, "host", "10.9.9.9")
    town.out("ip route del 10.9.9.9; ip -n pyrun-con1 addr del 10.9.9.9/32 dev lo")
    assert (told["Reachable"], real) == (False, False), told
    assert str(told["Reason"]).startswith("the answer does not get back: anti-spoofing: ")
    assert isinstance(told["Probe"], dict) and told["Probe"]["Confirmed"] is True
    assert [each["Table"] for each in told["Probe"]["Moved"] if "drop" in each["Rule"]] == ["bridge pyrun"]


def test_the_probe_counts_the_rules_of_all_places_on_the_way(town: Host) -> None:
    """Also of a container that is neither the host nor the source."""
    town.out("ip netns exec pyrun-con1 iptables -A OUTPUT -p tcp --sport 80 -j DROP")
    told = why(town, "host", "con1:80", "--probe")
    town.out("ip netns exec pyrun-con1 iptables -F OUTPUT")
    assert isinstance(told["Probe"], dict)
    moved = [(each["Place"], each["Chain"], each["Number"]) for each in told["Probe"]["Moved"]]
    assert (told["Probe"]["Confirmed"], ("con1", "OUTPUT", 1) in moved) == (True, True), told


@pytest.mark.parametrize("target", ["127.0.0.1", INTERNET_ADDRESS])
def test_a_rule_of_a_container_may_lead_back_into_it(town: Host, target: str) -> None:
    rule = "OUTPUT -t nat -p tcp --dport 8888 -j REDIRECT --to-ports 80"
    assert not reaches(town, "con2", target, 8888)
    town.out(f"ip netns exec pyrun-con2 iptables -A {rule}")
    told, real = why(town, "con2", f"{target}:8888", "--probe"), reaches(town, "con2", target, 8888)
    town.out(f"ip netns exec pyrun-con2 iptables -D {rule}")
    assert (told["Reachable"], real) == (True, True), told


def test_traffic_within_a_place_meets_its_rules_on_both_sides_of_lo(town: Host) -> None:
    for rule in ("OUTPUT -o lo -j DROP", "POSTROUTING -t mangle -o lo -j DROP", "PREROUTING -t raw -i lo -j DROP"):
        for place, source in (("ip netns exec pyrun-con2 ", "con2"), ("", "host")):
            port = 80 if place else 8080
            told = stopped(town, source, "127.0.0.1", port, f"{place}iptables -I {rule}", f"{place}iptables -D {rule}")
            assert decider(told).partition(":")[0] == rule.split()[0]


def test_the_name_server_of_a_container_is_found_where_its_rules_lead(town: Host) -> None:
    told = why(town, "con3", "127.0.0.11:53/udp", "--probe")
    assert isinstance(told["Probe"], dict)
    assert (told["Reachable"], told["Probe"]["Reachable"], told["Probe"]["Confirmed"]) == (True, True, True)
