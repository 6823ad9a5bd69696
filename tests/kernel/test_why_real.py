"""What `network why` says is what a real connection finds: rules and settings that are easily overlooked."""

import subprocess
from collections.abc import Iterator

import pytest
import walls
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host, fresh_host, wait_until
from town import why


@pytest.fixture(scope="module")
def street(private_host: None) -> Iterator[Host]:
    """A host with a server in a container, whose port is published, and two containers with IPv6."""
    with fresh_host() as host:
        host.ok("run", "-d", "--name", "c1", "-p", "8080:80", "-p", "8085:85", BUSYBOX, "httpd", "-f", "-p", "80")
        host.ok("network", "create", "--ipv6", "six")
        for name in ("d6", "e6"):
            host.ok("run", "-d", "--name", name, "--network", "six", BUSYBOX, "sleep", "900")
        yield host


def connects(host: Host, address: str, port: int) -> bool:
    """Let the internet try."""
    return host.internet(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'").returncode == 0


def told(host: Host, source: str, target: str, *options: str) -> "tuple[object, object]":
    """Give what it says, and whether its probe agrees."""
    found = why(host, source, target, *options)
    probe = found["Probe"]
    return found["Reachable"], probe["Confirmed"] if isinstance(probe, dict) else None


def where(found: "dict[str, object]") -> str:
    """Give the place of the rule that decided."""
    rule = found["Decider"]
    return f"{rule['Tool']} {rule['Table']} {rule['Chain']} {rule['Number']}" if isinstance(rule, dict) else ""


@pytest.mark.parametrize(("standard", "other"), [("iptables", "iptables-legacy"), ("legacy", "iptables-nft")])
def test_a_rule_of_the_other_variant_bears_its_name(
    host: Host, standard: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variant shows only its own rules: number 1 of FORWARD is another rule in the plain one."""
    walls.use(host, standard, monkeypatch)
    host.ok("run", "-d", "--name", "c1", BUSYBOX, "sleep", "600")
    host.out(f"{other} -I FORWARD -d {INTERNET_ADDRESS} -j DROP")
    found = why(host, "c1", INTERNET_ADDRESS, "--probe")
    assert (found["Reachable"], where(found)) == (False, f"{other} filter FORWARD 1")
    assert isinstance(found["Probe"], dict) and found["Probe"]["Confirmed"] is True
    assert [each["Tool"] for each in found["Probe"]["Moved"] if each["Number"] == 1 and "DROP" in each["Rule"]] == [
        other
    ]
    host.out(f"{other} -D FORWARD -d {INTERNET_ADDRESS} -j DROP; iptables -I PYRUN-USER -d {INTERNET_ADDRESS} -j DROP")
    assert where(why(host, "c1", INTERNET_ADDRESS)) == "iptables filter PYRUN-USER 1"


def test_a_redirect_leads_to_the_link_by_which_a_packet_came(street: Host) -> None:
    """Where the server is bound decides who gets to it."""
    street.out(f"cd /; nohup python3 -m http.server -b {HOST_ADDRESS} 9999 >/dev/null 2>&1 & echo $! > /run/server")
    wait_until(lambda: street.shell("ss -Hltn sport = 9999").stdout)
    street.out("iptables -t nat -I PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 9999")
    found = why(street, INTERNET_ADDRESS, f"{HOST_ADDRESS}:9000")
    assert (found["Reachable"], connects(street, HOST_ADDRESS, 9000)) == (True, True), found
    assert found["Packet"] == {"Source": INTERNET_ADDRESS, "Target": HOST_ADDRESS, "Port": 9999}
    assert told(street, "c1", f"{HOST_ADDRESS}:9000", "--probe") == (False, True)  # the bridge's address has no server
    street.out(
        "kill $(cat /run/server); cd /; nohup python3 -m http.server 9999 >/dev/null 2>&1 & echo $! > /run/server"
    )
    wait_until(lambda: "0.0.0.0:9999" in street.out("ss -Hltn sport = 9999"))
    assert told(street, "c1", f"{HOST_ADDRESS}:9000", "--probe") == (True, True)
    street.out("kill $(cat /run/server); iptables -t nat -D PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 9999")


_SOCKETS = """
import socket, time
def listens(port, family, kind, *options):
    made = socket.socket(family, kind)
    for option in options:
        made.setsockopt(*option)
    made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
    if kind == socket.SOCK_STREAM:
        made.listen()
    return made
ONLY6, BOTH, TO_LO, TO_ETH0 = (41, 26, 1), (41, 26, 0), (1, 25, b"lo"), (1, 25, b"eth0")
kept = [
    listens(80 + at, family, kind, *options)
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
    for at, family, options in (
        (5, socket.AF_INET6, [ONLY6]), (6, socket.AF_INET6, [BOTH]), (7, socket.AF_INET, [TO_LO]),
        (8, socket.AF_INET, [TO_ETH0]), (9, socket.AF_INET6, [BOTH, TO_LO]),
    )
]
print("ready", flush=True)
time.sleep(100)
"""


def test_who_listens_is_asked_as_exactly_as_the_kernel_does(street: Host) -> None:
    """IPv6 alone, as nginx has it, or one link alone: for others there is nobody."""
    server = street.start(["ip", "netns", "exec", "pyrun-c1", "python3", "-c", _SOCKETS], stdout=subprocess.PIPE)
    try:
        assert server.stdout and server.stdout.readline() == b"ready\n"
        for protocol in ("tcp", "udp"):
            found = {port: told(street, "host", f"c1:{port}/{protocol}", "--probe") for port in range(85, 90)}
            silent = None if protocol == "udp" else True  # a datagram that is taken gets no answer
            heard = dict.fromkeys((86, 88), (True, silent))
            assert found == heard | dict.fromkeys((85, 87, 89), (False, True))
        assert told(street, "c1", "127.0.0.1:87", "--probe") == (True, True)
        assert told(street, "c1", "127.0.0.1:88", "--probe") == (False, True)
        assert told(street, "c1", "[::1]:85", "--probe") == (True, True)
        assert (
            told(street, INTERNET_ADDRESS, f"{HOST_ADDRESS}:8085")[0] is connects(street, HOST_ADDRESS, 8085) is False
        )
    finally:
        server.kill()
        server.wait()


def test_each_family_has_its_own_word_for_pings_that_are_not_answered(street: Host) -> None:
    six = walls.address(street, "d6", 6)
    for setting, silent in (("ipv4.icmp_echo_ignore_all", 4), ("ipv6.icmp.echo_ignore_all", 6)):
        street.out(f"ip netns exec pyrun-d6 sysctl -qw net.{setting}=1")
        for family, target in ((4, "d6"), (6, six)):
            assert told(street, "e6", target, "--probe") == (family != silent, True)
        street.out(f"ip netns exec pyrun-d6 sysctl -qw net.{setting}=0")


def test_rules_at_the_hook_of_a_link_are_noted(street: Host) -> None:
    for line in (
        "table inet early",
        "chain inet early f '{ type filter hook ingress device up0 priority 0; }'",
        "rule inet early f tcp dport 8080 drop",
    ):
        street.out(f"nft add {line}")
    found = why(street, INTERNET_ADDRESS, f"{HOST_ADDRESS}:8080")
    reached = connects(street, HOST_ADDRESS, 8080)
    street.out("nft delete table inet early")
    assert found["NotFollowed"] == ["table inet early, hook ingress is not followed, and has 1 rule"]
    assert not reached and connects(street, HOST_ADDRESS, 8080)


def test_an_address_that_is_not_the_containers_own_is_stopped_by_the_guard(street: Host) -> None:
    """As keepalived would add it: by the rule for ARP, and by the one for IPv4 where the gateway is known already."""
    street.out("ip -n pyrun-c1 addr add 172.17.200.200/16 dev eth0")
    street.out("ip -n pyrun-d6 -6 addr add fd00:99::9/64 dev eth0 nodad")
    assert told(street, "host", "172.17.200.200", "--probe") == (False, True)
    for known, number in ((False, 5), (True, 6)):
        if known:
            ping = "ip netns exec pyrun-c1 ping -c 1 -W 1 -I 172.17.0.2 172.17.0.1"
            wait_until(lambda: street.shell(ping).returncode == 0)  # noqa: B023
        else:  # nor does the host ask c1 for anything meanwhile, which would tell it of the gateway
            street.out("ip neigh flush all; ip -n pyrun-c1 neigh flush all")
        found = why(street, "172.17.200.200", INTERNET_ADDRESS, "--probe")
        assert (found["Reachable"], where(found)) == (False, f"nft bridge pyrun prerouting {number}")
        assert found["Reason"] == "anti-spoofing: containers send under their own addresses only"
        assert isinstance(found["Probe"], dict) and found["Probe"]["Confirmed"] is True
    six = walls.address(street, "e6", 6)
    found = why(street, "fd00:99::9", six, "--probe")
    assert (found["Reachable"], where(found)) == (False, "nft bridge pyrun prerouting 7"), found
    assert told(street, "c1", INTERNET_ADDRESS, "--probe") == (True, True)
    street.out("ip -n pyrun-c1 addr del 172.17.200.200/16 dev eth0; ip -n pyrun-d6 -6 addr del fd00:99::9/64 dev eth0")
    street.out("ip -n pyrun-c1 link set eth0 address 02:00:00:00:00:77")
    found = why(street, "c1", INTERNET_ADDRESS, "--probe")
    assert (found["Reachable"], where(found)) == (False, "nft bridge pyrun prerouting 3")
    mac = street.ok("inspect", "-f", "{{.NetworkSettings.MacAddress}}", "c1").strip()
    street.out(f"ip -n pyrun-c1 link set eth0 address {mac}; ip -n pyrun-c1 route replace default via 172.17.0.1")


@pytest.fixture
def away(street: Host) -> Iterator[Host]:
    """Tables of routes that lead nowhere, for policy rules and marks; they are gone afterwards."""
    street.out("ip route add blackhole default table 201; ip route add unreachable default table 101")
    yield street
    street.out("ip route flush table 201; ip route flush table 101; iptables -t mangle -F; iptables -t mangle -X")
    street.out(
        "for p in $(ip rule | sed -n 's/:.*lookup [12]01.*//p'); do ip rule del pref $p; done; nft 'add table ip m; delete table ip m'"
    )


def test_pings_are_answered_by_the_kernel_and_no_user(away: Host) -> None:
    away.out("ip rule add uidrange 1000-1000 lookup 201")
    assert told(away, "c1", "172.17.0.1", "--probe") == (True, True)


def test_policy_routing_by_protocol_and_port_is_asked_for(away: Host) -> None:
    away.out("ip rule add ipproto tcp dport 443 lookup 201")
    for source in ("c1", "host"):
        assert told(away, source, f"{INTERNET_ADDRESS}:443", "--probe") == (False, True)
        assert told(away, source, INTERNET_ADDRESS, "--probe") == (True, True)
    assert connects(away, HOST_ADDRESS, 8080) and told(away, INTERNET_ADDRESS, f"{HOST_ADDRESS}:8080")[0] is True
    away.out(f"ip rule add ipproto tcp dport 80 to {walls.address(away, 'c1', 4)} lookup 201")
    assert told(away, INTERNET_ADDRESS, f"{HOST_ADDRESS}:8080")[0] is connects(away, HOST_ADDRESS, 8080) is False


@pytest.mark.parametrize(
    ("rule", "source", "expected"),
    [
        ("iptables -t mangle -A PREROUTING -i pyrun0 -j MARK --set-mark 7", "c1", False),
        ("iptables -t mangle -A PREROUTING -i pyrun0 -j MARK --set-mark 8", "c1", True),
        ("iptables -t mangle -A FORWARD -i pyrun0 -j MARK --set-mark 7", "c1", True),
        ("iptables -t mangle -A OUTPUT -j MARK --set-mark 7", "host", False),
        ("nft 'table ip m { chain o { type route hook output priority 0; meta mark set 7 accept; }; }'", "host", False),
        ("nft 'table ip m { chain o { type filter hook output priority 0; meta mark set 7 accept; }; }'", "host", True),
        (
            "iptables -t mangle -A PREROUTING -i pyrun0 -j MARK --set-mark 9;"
            " iptables -t mangle -A FORWARD -m mark --mark 9 -j DROP",
            "c1",
            False,
        ),
    ],
)
def test_a_mark_is_followed_to_the_route(away: Host, rule: str, source: str, expected: bool) -> None:
    away.out(f"ip rule add fwmark 7 lookup 101; {rule}")
    assert told(away, source, INTERNET_ADDRESS, "--probe") == (expected, True)


@pytest.mark.parametrize(
    ("rule", "source", "port", "about"),
    [
        ("ip rule add ipproto udp sport 2000-3000 lookup 201", "host", ":53/udp", "it asks for the source port"),
        ("ip rule add ipproto udp sport 53 lookup 201", "host", ":53/udp", ""),
        ("ip rule add ipproto udp sport 1024-65534 lookup 101", "host", ":53/udp", None),
        ("ip rule add ipproto tcp dport 80 lookup 201", "host", ":53/sctp", "it asks for sctp"),
        ("ip rule add uidrange 1000-1000 lookup 201", "host", "", "it asks who sends"),
        ("ip rule add uidrange 1000-1000 lookup 201", "c1", "", ""),
        (
            "ip rule add fwmark 7 lookup 201; iptables -t mangle -A PREROUTING -j CONNMARK --restore-mark",
            "c1",
            "",
            "it asks for the mark",
        ),
    ],
)
def test_a_policy_rule_that_asks_for_what_is_not_known_is_named(
    away: Host, rule: str, source: str, port: str, about: "str | None"
) -> None:
    away.out(rule)
    found = why(away, source, f"{INTERNET_ADDRESS}{port}")
    if about is None:
        assert found["Reachable"] is False and str(found["Reason"]).startswith("no route: unreachable, or")
        return
    assert found["Reachable"] is (None if about else True)
    assert not about or (
        str(found["Reason"]).startswith("whether ip rule 32765 holds") and about in str(found["Reason"])
    )
