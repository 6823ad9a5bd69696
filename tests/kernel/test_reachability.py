"""T-E5: who reaches whom, with each firewall tool, by each protocol and both families; and which rule it is that stops."""

import re
from collections.abc import Iterator

import pytest
import walls
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host, fresh_host

from pyrun.firewall import rules
from pyrun.network import definitions

NETWORKS = ("red", "blue", "shut")  # shut is internal
CONTAINERS = ("red1", "red2", "blue1", "blue2", "shut1", "shut2")


@pytest.fixture(scope="module", params=walls.BACKENDS)
def city(private_host: None, request: pytest.FixtureRequest) -> Iterator[Host]:
    """Two networks and an internal one, two containers on each, and an internet that would route to all of them."""
    with pytest.MonkeyPatch.context() as patch, fresh_host() as host:
        walls.use(host, request.param, patch)
        walls.give_ipv6(host)
        for at, name in enumerate(NETWORKS, 1):
            internal = ["--internal"] if name == "shut" else []
            subnets = ["--subnet", f"10.{at}.0.0/16", "--subnet", f"fd00:{at}::/64"]
            host.ok("network", "create", "--ipv6", *subnets, *internal, *_bridge(name), name)
            for number in (1, 2):
                host.ok("run", "-d", "--name", f"{name}{number}", "--net", name, BUSYBOX, "sleep", "900")
            assert host.internet(f"ip route add 10.{at}.0.0/16 via {HOST_ADDRESS}").returncode == 0
            assert host.internet(f"ip -6 route add fd00:{at}::/64 via {walls.HOST6}").returncode == 0
        # It has no way out; here it is given one, so that what stops it is the rules.
        host.out("ip -n pyrun-shut1 route add default via 10.3.0.1; ip -n pyrun-shut1 route add default via fd00:3::1")
        host.backend = request.param  # type: ignore[attr-defined]
        yield host


def _bridge(name: str) -> list[str]:
    return ["-o", f"com.docker.network.bridge.name={name}0"]


@pytest.mark.parametrize("family", [4, 6])
def test_who_reaches_whom(city: Host, family: int) -> None:
    names = {walls.address(city, name, family): name for name in CONTAINERS}
    outside = {4: INTERNET_ADDRESS, 6: walls.INTERNET6}[family]
    names |= {outside: "internet", {4: HOST_ADDRESS, 6: walls.HOST6}[family]: "host"}
    names |= {(f"10.{at}.0.1" if family == 4 else f"fd00:{at}::1"): f"{name}0" for at, name in enumerate(NETWORKS, 1)}
    sources = [*CONTAINERS, "host", "internet"]
    with walls.serving(city, sources):
        got = walls.matrix(city, sources, list(names))
    found = {(source, names[target]): protocols for (source, target), protocols in got.items()}
    expected = {pair: walls.PROTOCOLS if _may_reach(*pair) else frozenset() for pair in found}
    judged = {pair for pair in found if not _is_left_to_the_host(*pair)}
    assert {pair: found[pair] for pair in judged} == {pair: expected[pair] for pair in judged}
    assert len(judged) > 70


def _may_reach(source: str, target: str) -> bool:
    if source == "host":
        return True
    if source == "internet":
        return target in ("host", "internet")
    own = source[:-1]
    if own == "shut":
        return target.startswith("shut")
    return target in ("internet", "host") or target.startswith(own) or target in ("red0", "blue0", "shut0")


def _is_left_to_the_host(source: str, target: str) -> bool:
    """Packets to the host's own addresses do not pass through; like Docker, we say nothing about them."""
    local = target in ("host", *(f"{name}0" for name in NETWORKS))
    return local and (source == "internet" or source.startswith("shut")) and (source, target) != ("shut1", "shut0")


STOPPED = [
    ("red1", "blue1", "blue", "and would enter this one", "networks do not reach each other"),
    ("blue1", "shut1", "shut", "and would enter this one", "networks do not reach each other"),
    ("shut1", "internet", "shut", "internal: nothing gets out", "internal: nothing gets out"),
    ("internet", "shut1", "shut", "internal: nothing gets in", "internal: nothing gets in"),
    ("internet", "red1", "red", "the outside reaches no unpublished port", "the outside reaches no unpublished port"),
]


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize(("source", "target", "network", "reason", "comment"), STOPPED)
def test_the_rule_that_says_so_is_the_one_that_stops(
    city: Host, family: int, source: str, target: str, network: str, reason: str, comment: str
) -> None:
    """Each DROP tells why it is there; of all of them exactly that one counts the packet."""
    outside = {4: INTERNET_ADDRESS, 6: walls.INTERNET6}[family]
    to = outside if target == "internet" else walls.address(city, target, family)
    before = _dropped(city, family)
    enter = {"internet": f"nsenter -t {city.internet_pid} -n"}.get(source, f"ip netns exec pyrun-{source}")
    city.shell(f"{enter} ping -c 1 -W 1 {to}")
    after = _dropped(city, family)
    counting = {rule for rule in after if after[rule] != before[rule]}
    if city.backend == "nftables":  # type: ignore[attr-defined]
        chain = (
            f"{'leaving' if source != 'internet' else 'entering'}_{(source if source != 'internet' else target)[:-1]}0"
        )
        assert counting == {(chain, comment)}
        return
    decided = definitions.decode("", city.out(f"cat /run/pyrun/networks/{network}/network.json").encode())
    named = {(r.chain, r.text) for r in rules.network(decided) if r.family == family and r.reason == reason}
    assert len(counting) == 1
    assert counting <= named


def _dropped(host: Host, family: int) -> dict[tuple[str, str], int]:
    """Give how many packets each rule has dropped."""
    if host.backend == "nftables":  # type: ignore[attr-defined]
        listed = host.out("nft list table inet pyrun")
        found, chain = {}, ""
        for line in listed.splitlines():
            chain = line.split()[1] if line.strip().startswith("chain ") else chain
            match = re.search(r'counter packets (\d+) .* drop comment "(.*)"', line)
            if match:
                found[chain, match[2]] = found.get((chain, match[2]), 0) + int(match[1])
        return found
    tool = "iptables-save" if family == 4 else "ip6tables-save"
    lines = host.out(f"{tool} -c -t filter").splitlines()
    matches = (re.match(r"\[(\d+):\d+\] -A (\S+) (.*-j DROP)$", line) for line in lines)
    return {(match[2], match[3]): int(match[1]) for match in matches if match}


@pytest.mark.parametrize("backend", walls.BACKENDS)
def test_without_icc_neighbours_are_apart_and_the_outside_is_there(
    host: Host, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the bridge's own ports, proven by traffic; br_netfilter, by which Docker does it, is not asked for."""
    walls.use(host, backend, monkeypatch)
    walls.give_ipv6(host)
    host.shell("sysctl -qw net.bridge.bridge-nf-call-ip{,6}tables=0")
    before = host.shell("sysctl -a 2>/dev/null | grep '^net.bridge'").stdout
    host.ok("network", "create", "--ipv6", "-o", "com.docker.network.bridge.enable_icc=false", *_bridge("mute"), "mute")
    for name in ("mute1", "mute2"):
        host.ok("run", "-d", "--name", name, "--net", "mute", BUSYBOX, "sleep", "900")
    assert host.shell("sysctl -a 2>/dev/null | grep '^net.bridge'").stdout == before
    for family, outside in ((4, INTERNET_ADDRESS), (6, walls.INTERNET6)):
        own = [walls.address(host, name, family) for name in ("mute1", "mute2")]
        gateway = walls.address(host, "mute1", family).rsplit("2", 1)[0] + "1"
        with walls.serving(host, ["mute1", "mute2", "host", "internet"]):
            assert walls.reached(host, "mute1", [own[1], gateway, outside]) == {
                own[1]: frozenset(),
                gateway: walls.PROTOCOLS,
                outside: walls.PROTOCOLS,
            }
            assert walls.reached(host, "host", own) == dict.fromkeys(own, walls.PROTOCOLS)
