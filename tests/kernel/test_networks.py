"""Networks of one's own: made, listed and removed; what is wrong is refused in a line; whatever is lost comes back."""

import json

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, TYPED, Host, wait_until

_PING = ("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)
_BRIDGE = "com.docker.network.bridge.name=one0"
_BOOT = (
    'sed -i \'s/"[0-9a-f-]\\{36\\}"/"00000000-0000-0000-0000-000000000000"/\' /var/lib/pyrun/containers/*/start.json'
)


@pytest.fixture
def one(host: Host) -> Host:
    """Give a host with a network and a container on it."""
    host.ok("network", "create", "--subnet", "10.1.0.0/24", "-o", _BRIDGE, "one")
    host.ok("run", "-d", "--network", "one", "--name", "box", BUSYBOX, "sleep", "600")
    return host


def _refused(host: Host, *arguments: str) -> str:
    done = host.pyrun(*arguments)
    assert done.returncode in (1, 125), done
    assert done.stdout in (b"", b"[]\n"), done
    assert done.stderr.count(b"\n") == 1, done
    return done.stderr.decode().removeprefix("pyrun: ").rstrip("\n")


def _rules(host: Host) -> str:
    return host.out(
        "for t in iptables ip6tables; do $t-save | grep -v '^[:#]' | sort; done; nft -s list ruleset | sort"
    )


def test_bridge_is_described_before_it_stands(host: Host) -> None:
    told = json.loads(host.ok("network", "inspect", "bridge"))[0]
    assert (told["Name"], told["Standing"], told["Containers"], told["IPAM"]["Config"]) == ("bridge", False, {}, [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--subnet 10.1.0.0/33 x", "subnet: 10.1.0.0/33: not a subnet"),
        ("--subnet 10.1.0/24 x", "subnet: 10.1.0/24: not a subnet"),
        ("--subnet 10.9.0.128/25 x", "pool overlaps with network old 10.9.0.0/24"),
        ("--subnet 10.8.0.0/13 x", "pool overlaps with network old 10.9.0.0/24"),
        ("--subnet 10.2.0.0/24 --subnet 10.2.0.0/25 x", "pool overlaps with another one given"),
        ("--subnet 10.2.0.0/24 --subnet 10.3.0.0/24 x", "a bridge network has one subnet of each family"),
        ("--subnet fd00:9::/64 x", "fd00:9::/64: an IPv6 subnet needs --ipv6"),
        ("--subnet 10.2.0.0/24 --gateway 10.3.0.1 x", "gateway: 10.3.0.1: no matching subnet"),
        ("--gateway 10.3.0.1 x", "gateway: 10.3.0.1: no matching subnet"),
        ("--subnet 10.2.0.0/24 --gateway 10.2.0.0 x", "gateway: 10.2.0.0: the address is already in use"),
        ("--subnet 10.2.0.0/24 --gateway 10.2.0.255 x", "gateway: 10.2.0.255: the address is already in use"),
        ("--subnet 10.2.0.0/24 --gateway 10.2.0.9 --aux-address a=10.2.0.9 x", "10.2.0.9: the address is already in"),
        (
            "--subnet 10.2.0.0/24 --gateway 10.2.0.1 --gateway 10.2.0.2 x",
            "gateway: 10.2.0.2: the subnet 10.2.0.0/24 has",
        ),
        ("--subnet 10.2.0.0/24 --ip-range 10.2.0.0/25 --ip-range 10.2.0.128/25 x", "ip-range: 10.2.0.128/25: the sub"),
        ("--subnet 10.2.0.0/24 --gateway nonsense x", "gateway: nonsense: not an IP address"),
        ("--subnet 10.2.0.0/24 --ip-range 10.3.0.0/25 x", "ip-range: 10.3.0.0/25: no matching subnet"),
        ("--subnet 10.2.0.0/24 --ip-range 10.2.0.0/16 x", "ip-range: 10.2.0.0/16: no matching subnet"),
        ("--subnet 10.2.0.0/24 --aux-address a=10.3.0.1 x", "aux-address: a=10.3.0.1: no matching subnet"),
        ("--subnet 10.2.0.0/24 --aux-address 10.2.0.9 x", "aux-address: 10.2.0.9: expected NAME=ADDRESS"),
        ("-o foo=bar x", "opt: foo: not known"),
        ("-o com.docker.network.what=1 x", "opt: com.docker.network.what: not known"),
        ("-o com.docker.network.bridge.enable_icc=maybe x", "must be true or false, not maybe"),
        ("-o com.docker.network.driver.mtu=x x", "must be auto or from 68 to 65535"),
        ("-o com.docker.network.driver.mtu=67 x", "must be auto or from 68 to 65535"),
        ("-o com.docker.network.bridge.name=way-too-long-name x", "not a name for a link"),
        ("-o com.docker.network.bridge.name=lo x", "lo: a link of that name exists"),
        ("-d overlay x", "driver: overlay: only bridge is there"),
        ("--ipv4=false x", "ipv4: false: every network has IPv4 addresses"),
        ("--ipam-driver dhcp x", "ipam-driver: dhcp: only default is there"),
        ("bridge", "bridge"),
        ("host", "host"),
        ("default", "default"),
        ("a/b", "must be 1 to 128 of [a-zA-Z0-9_.-]"),
        (".x", "must be 1 to 128 of [a-zA-Z0-9_.-]"),
        ("old", "a network of that name already exists"),
    ],
)
def test_what_cannot_be_made_is_refused_and_changes_nothing(shared_host: Host, line: str, words: str) -> None:
    if b"old" not in shared_host.pyrun("network", "ls", "--format", "json").stdout:
        shared_host.ok("network", "create", "--subnet", "10.9.0.0/24", "old")
    before = shared_host.snapshot()
    assert words in _refused(shared_host, "network", "create", *line.split())
    assert shared_host.snapshot() == before


def test_named_by_name_id_and_the_beginning_of_the_id(host: Host) -> None:
    ids = [host.ok("network", "create", name).strip() for name in ("one", "two")]
    for reference in ("one", ids[0], ids[0][:12]):
        assert json.loads(host.ok("network", "inspect", reference))[0]["Id"] == ids[0]
    assert "no such network: nosuch" in _refused(host, "network", "inspect", "nosuch")
    assert "did you mean one?" in _refused(host, "network", "rm", "oe")
    assert host.ok("network", "rm", ids[0][:12]) == f"{ids[0][:12]}\n"
    done = host.pyrun("network", "rm", "nosuch", "two", "bridge")
    assert (done.returncode, done.stdout) == (1, b"two\n")
    assert done.stderr.count(b"\n") == 2
    assert host.pyrun("network", "rm", "-f", "nosuch").returncode == 0


def test_listed_by_filters(host: Host) -> None:
    host.ok("network", "create", "--label", "tier=front", "web")
    host.ok("network", "create", "--label", "tier=back", "--label", "web", "db")
    host.ok("run", "-d", "--network", "db", BUSYBOX, "sleep", "600")

    def names(*filters: str) -> list[str]:
        given = [word for each in filters for word in ("--filter", each)]
        lines = host.ok("network", "ls", "--format", "json", *given).splitlines()
        return [json.loads(line)["Name"] for line in lines]

    assert names() == ["bridge", "db", "host", "none", "web"]
    assert names("name=b") == ["bridge", "db", "web"]
    assert names("label=tier") == ["db", "web"]
    assert names("label=tier=back") == ["db"]
    assert names("label=tier=back", "name=web") == []
    assert names("type=custom") == ["db", "web"]
    assert names("type=builtin") == ["bridge", "host", "none"]
    assert names("driver=bridge") == ["bridge", "db", "web"]
    assert names("driver=null") == ["none"]
    assert names("dangling=true") == ["web"]
    assert names("scope=local") == names()
    assert names("scope=swarm") == []
    identity = json.loads(host.ok("network", "inspect", "web"))[0]["Id"]
    assert names(f"id={identity[:8]}") == ["web"]
    assert host.ok("network", "ls", "-q", "--filter", "name=web") == f"{identity[:12]}\n"
    assert host.ok("network", "ls", "-q", "--no-trunc", "--filter", "name=web") == f"{identity}\n"
    assert "filter: color: not known" in _refused(host, "network", "ls", "--filter", "color=red")


def test_a_network_in_use_is_not_removed_and_names_who_is_on_it(one: Host) -> None:
    one.ok("run", "-d", "--network", "one", "--name", "other", BUSYBOX, "sleep", "600")
    assert "network: one: has active endpoints: box, other" in _refused(one, "network", "rm", "one")
    one.ok("network", "create", "idle")
    assert one.ok("network", "prune", "-f") == "Deleted Networks:\nidle\n\n"
    assert one.pyrun("network", "prune", stdin=b"n\n").stdout.endswith(b"[y/N] ")
    one.ok("rm", "-f", "box", "other")
    assert one.ok("network", "prune", "-f") == "Deleted Networks:\none\n\n"


def test_pruned_by_age_and_by_labels(host: Host) -> None:
    host.ok("network", "create", "plain")
    host.ok("network", "create", "--label", "keep", "--label", "tier=front", "kept")
    prune = ("network", "prune", "-f", "--filter")
    assert host.ok(*prune, "until=1h") == ""
    assert host.ok(*prune, "label!=keep", "--filter", "until=1h") == ""
    assert host.ok(*prune, "label=tier=back") == ""
    assert host.ok(*prune, "label!=keep") == "Deleted Networks:\nplain\n\n"
    assert 'failed to parse value as time or duration: "soon"' in _refused(host, *prune, "until=soon")
    assert "use until=TIME, label=KEY[=VALUE] or label!=KEY[=VALUE]" in _refused(host, *prune, "name=kept")
    assert host.ok(*prune, "until=0s", "--filter", "label=tier=front") == "Deleted Networks:\nkept\n\n"


def test_after_a_reboot_networks_are_listed_and_made_again_as_they_were(one: Host) -> None:
    one.ok("network", "create", "--ipv6", "six")
    before = {name: json.loads(one.ok("network", "inspect", name))[0] for name in ("one", "six")}
    identity = one.ok("ps", "-q", "--no-trunc").strip()
    one.kill_monitor("box")
    one.kill_programs()
    bridges = " ".join(net["Bridge"] for net in before.values())
    one.out(f"rm -rf /run/pyrun /run/netns; for b in {bridges}; do ip link del $b; done")
    one.out("nft flush ruleset; sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")
    one.forget_groups(identity)
    one.out(_BOOT)
    listed = one.ok("network", "ls")
    assert "one" in listed
    assert "six" in listed
    assert "one0" not in one.out("ip -o link")
    again = one.ok("run", "-d", "--network", "one", "--name", "again", BUSYBOX, "sleep", "600").strip()
    assert "10.1.0.1/24" in one.out("ip -o -4 addr show one0")
    assert one.ok("exec", "again", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)
    one.ok("run", "--rm", "--network", "six", BUSYBOX, "true")
    for name, net in before.items():
        found = json.loads(one.ok("network", "inspect", name))[0]
        assert (found["Id"], found["IPAM"], found["Bridge"]) == (net["Id"], net["IPAM"], net["Bridge"])
    one.ok("rm", "-f", again, "box")
    assert one.ok("network", "rm", "one", "six") == "one\nsix\n"


_LOSSES = {
    "iptables flushed": "iptables -F; iptables -t nat -F",
    "all rules gone": "nft flush ruleset",
    "bridge deleted": "ip link del one0",
    "bridge down": "ip link set one0 down",
    "address lost": "ip addr flush dev one0",
    "forwarding off": "sysctl -qw net.ipv4.ip_forward=0",
    "record gone": "rm /run/pyrun/networks/one/network.json",
    "record damaged": "echo '{' > /run/pyrun/networks/one/network.json",
    "record of another version": "echo '{\"version\": 99}' > /run/pyrun/networks/one/network.json",
    "all at once": "nft flush ruleset; ip link del one0; echo > /run/pyrun/networks/one/network.json",
}


@pytest.mark.parametrize("loss", _LOSSES)
def test_what_is_lost_comes_back_with_the_next_command(one: Host, loss: str) -> None:
    """Containers that run are not cut off; a second command has nothing to do any more."""
    rules = _rules(one)
    one.out(_LOSSES[loss])
    one.ok("ps")
    assert _rules(one) == rules
    wait_until(lambda: one.pyrun(*_PING).returncode == 0)
    one.ok("run", "--rm", "--network", "one", BUSYBOX, "ping", "-c", "1", "-W", "5", "10.1.0.2")
    assert json.loads(one.ok("network", "inspect", "one"))[0]["IPAM"]["Config"][0]["Subnet"] == "10.1.0.0/24"
    one.ok("rm", "-f", "box")
    one.ok("network", "rm", "one")
    assert "one0" not in one.out("ip -o link")


@pytest.mark.parametrize("loss", ["record gone", "record damaged", "all at once"])
def test_a_lost_record_of_bridge_comes_back(host: Host, loss: str) -> None:
    host.out("ip addr add 172.17.0.1/30 dev up0")  # so that it is not the first pool
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "600")
    host.out("ip addr del 172.17.0.1/30 dev up0")
    rules = _rules(host)
    host.out(_LOSSES[loss].replace("networks/one", "networks/bridge").replace("one0", "pyrun0"))
    host.ok("ps")
    assert _rules(host) == rules
    assert "172.18.0.1/16" in host.out("ip -o -4 addr show pyrun0")
    wait_until(lambda: host.pyrun(*_PING).returncode == 0)
    host.ok("rm", "-f", "box")
    host.settled()
    assert "pyrun0" not in host.out("ip -o link")


def test_repair_looks_at_all_that_containers_have(one: Host) -> None:
    """The cable's name for people, whether it is up and plugged in; a deleted cable is made again."""
    port = one.out("ip -br link show master one0 | cut -d@ -f1").strip()
    one.out(f"ip link set {port} alias '' nomaster down")
    assert one.ok("network", "repair", "one") == "one\n"
    shown = json.loads(one.out(f"ip -j link show {port}"))[0]
    assert (shown["ifalias"], shown["master"], "UP" in shown["flags"]) == ("pyrun:box", "one0", True)
    wait_until(lambda: one.pyrun(*_PING).returncode == 0)
    one.out(f"ip link del {port}")
    assert one.pyrun(*_PING).returncode != 0
    one.ok("network", "repair")
    assert one.out("ip -n pyrun-box -br addr show eth0 | grep -o 10.1.0.2/24") == "10.1.0.2/24\n"
    wait_until(lambda: one.pyrun(*_PING).returncode == 0)
    assert "no such network: nosuch" in _refused(one, "network", "repair", "nosuch")


def test_leases_of_the_dead_are_free_again(one: Host) -> None:
    gone = "0123456789abcdef" * 4
    one.out(
        f"printf {gone} > /run/pyrun/networks/one/leases/10.1.0.3; printf x > /run/pyrun/networks/one/leases/10.1.0.4"
    )
    one.ok("network", "repair")
    assert one.out("ls /run/pyrun/networks/one/leases") == "10.1.0.2\n"
    one.out(f"printf {gone} > /run/pyrun/networks/one/leases/10.1.0.3")
    one.ok("rm", "-f", "box")
    one.ok("network", "rm", "one")


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"version": 99}', '{"version": 1}', "\\xff"])
def test_a_damaged_definition_leaves_the_others_working(one: Host, damage: str) -> None:
    """What stands of it goes on, and serves who is on it."""
    one.ok("network", "create", "two")
    one.out(f"printf '{damage}' > /var/lib/pyrun/networks/one.json")
    done = one.pyrun("network", "ls")
    assert (done.returncode, b"one.json" in done.stderr, b" two " in done.stdout) == (0, True, True)
    one.ok("run", "--rm", "--network", "two", BUSYBOX, "true")
    assert one.ok(*_PING)
    assert "one.json" in _refused(one, "run", "--rm", "--network", "one", BUSYBOX, "true")
    assert "one.json" in _refused(one, "network", "inspect", "one")
    one.ok("network", "create", "three")
    one.ok("rm", "-f", "box")


def test_a_bridge_has_1023_ports(one: Host) -> None:
    """511 cables with both ends plugged in, and the container."""
    one.out(
        "for i in $(seq 511); do echo link add p$i type veth peer name q$i; echo link set p$i master one0; "
        "echo link set q$i master one0; done > /run/batch; ip -batch /run/batch"
    )
    count = "ip -o link | wc -l; ls /run/pyrun/networks/one/leases /run/pyrun/networks/one/endpoints | wc -l"
    other = _other(one)
    before = one.out(count)
    assert "one0: the bridge is full (1023 ports)" in _refused(one, "run", "--network", "one", BUSYBOX, "true")
    assert "one0: the bridge is full (1023 ports)" in _refused(one, "network", "connect", "one", other)
    assert one.out(count) == before
    one.out("ip link set p1 nomaster")
    one.ok("run", "--rm", "--network", "one", BUSYBOX, "true")


def _other(host: Host) -> str:
    host.ok("run", "-d", "--network", "none", "--name", "other", BUSYBOX, "sleep", "600")
    host.ok("network", "disconnect", "none", "other")
    return "other"


def test_a_small_subnet_is_full_and_says_so(host: Host) -> None:
    host.ok("network", "create", "--subnet", "10.1.0.0/29", "--aux-address", "router=10.1.0.2", "small")
    for _ in range(4):
        host.ok("run", "-d", "--network", "small", BUSYBOX, "sleep", "600")
    leases = host.out("ls /run/pyrun/networks/small/leases").split()
    assert leases == ["10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6"]
    assert "10.1.0.2: the address is already in use" in _refused(
        host, "run", "--network", "small", "--ip", "10.1.0.2", BUSYBOX, "true"
    )
    words = _refused(host, "run", "--network", "small", BUSYBOX, "true")
    assert "no available IPv4 addresses in 10.1.0.0/29" in words
    host.ok("rm", "-f", host.ok("ps", "-ql").strip())
    host.ok("run", "--rm", "--network", "small", BUSYBOX, "true")


def test_addresses_come_from_the_range_and_the_gateway_is_where_it_was_wanted(host: Host) -> None:
    line = "--subnet 10.2.0.0/24 --ip-range 10.2.0.128/30 --gateway 10.2.0.254 ranged"
    host.ok("network", "create", *line.split())
    for address in ("10.2.0.128", "10.2.0.129"):
        host.ok("run", "-d", "--network", "ranged", "--name", address, BUSYBOX, "sleep", "600")
        assert address in host.out(f"ip -n pyrun-{address} -4 -o addr show eth0")
        assert "via 10.2.0.254" in host.out(f"ip -n pyrun-{address} route")
    host.ok("run", "--rm", "--network", "ranged", "--ip", "10.2.0.9", BUSYBOX, "ip", "addr")


def test_a_bridge_without_an_ipv4_address_gets_none_back_either(host: Host) -> None:
    """Whoever has the gateway's address there routes, as with Docker; only IPv4 is inhibited."""
    line = "--subnet 10.1.0.0/24 --ipv6 --subnet fd00:1::/64 -o com.docker.network.bridge.inhibit_ipv4=true"
    host.ok("network", "create", *line.split(), "-o", _BRIDGE, "one")
    host.ok("run", "-d", "--network", "one", "--name", "box", BUSYBOX, "sleep", "600")
    for loss in ("true", "ip link del one0", "nft flush ruleset"):
        host.out(loss)
        host.ok("network", "repair")
        addresses = host.out("ip -o addr show one0")
        assert "inet " not in addresses
        assert "fd00:1::1/64" in addresses
    assert "10.1.0.1 dev eth0" in host.out("ip -n pyrun-box route")
    host.out("ip link add router type veth peer name port && ip link set port master one0 up")
    host.out("ip netns add router && ip link set router netns router && ip -n router link set router up")
    host.out("ip -n router addr add 10.1.0.1/24 dev router")
    wait_until(lambda: host.pyrun("exec", "box", "ping", "-c", "1", "-W", "2", "10.1.0.1").returncode == 0)
    assert "must be true or false, not maybe" in _refused(
        host, "network", "create", "-o", "com.docker.network.bridge.inhibit_ipv4=maybe", "x"
    )


def test_thirty_at_once_get_pools_of_their_own(host: Host) -> None:
    done = host.shell(f"seq 30 | xargs -P 15 -I@ {TYPED} network create n@", timeout=120)
    assert (done.returncode, len(set(done.stdout.split()))) == (0, 30), done
    names = [f"n{number}" for number in range(1, 31)]
    told = json.loads(host.ok("network", "inspect", *names))
    assert len({net["IPAM"]["Config"][0]["Subnet"] for net in told}) == 30
    host.ok("network", "create", "last")
    told = _refused(host, "network", "create", "more")
    assert "all address pools are taken" in told
    assert told.count(" by network ") == 31
    assert {*names, "last"} == {part.partition(" ")[0] for part in told.replace(",", " ").split(" by network ")[1:]}
    racing = host.shell(f"seq 8 | xargs -P 8 -I@ {TYPED} network create --subnet 10.3.0.0/24 same 2>/dev/null")
    assert len(racing.stdout.split()) == 1
    host.ok("network", "rm", *names, "last", "same")


def test_containers_come_and_go_while_the_network_is_removed(host: Host) -> None:
    """Each start has the network or is told that there is none; nothing is left in the end."""
    before = host.snapshot()
    for _ in range(4):
        host.ok("network", "create", "one")
        done = host.shell(
            f"for i in 1 2 3; do {TYPED} run --rm --network one {BUSYBOX} true & done; {TYPED} network rm one; wait"
        )
        for complaint in done.stderr.decode().splitlines():
            assert "network one not found" in complaint or "has active endpoints" in complaint, complaint
        host.pyrun("network", "rm", "-f", "one")
    host.ok("ps")
    assert host.settled() == before


def test_interfaces_follow_the_order_given_and_options_are_of_their_network(host: Host) -> None:
    host.ok("network", "create", "--subnet", "10.1.0.0/24", "one")
    host.ok("network", "create", "--subnet", "10.2.0.0/24", "--subnet", "fd00:2::/64", "--ipv6", "two")
    host.ok("network", "create", "--subnet", "10.3.0.0/24", "abc")
    line = (
        "--network name=two,ip=10.2.0.7,ip6=fd00:2::7,mac-address=02:00:00:00:00:02,alias=x --network one "
        "--network name=abc,gw-priority=5,driver-opt=com.docker.network.endpoint.ifname=up --name box"
    )
    host.ok("run", "-d", *line.split(), BUSYBOX, "sleep", "600")
    shown = host.out("ip -n pyrun-box -br addr | sed 's/@[^ ]*//'")
    assert [row.split()[:3:2] for row in shown.splitlines()][1:] == [
        ["eth0", "10.2.0.7/24"],
        ["eth1", "10.1.0.2/24"],
        ["up", "10.3.0.2/24"],
    ]
    assert "fd00:2::7/64" in shown
    assert "02:00:00:00:00:02" in host.out("ip -n pyrun-box link show eth0")
    assert host.out("ip -n pyrun-box route show default").strip() == "default via 10.3.0.1 dev up"
    host.ok("rm", "-f", "box")
    host.ok("run", "-d", "--network", "one", "--network", "abc", "--name", "box", BUSYBOX, "sleep", "600")
    assert "via 10.3.0.1 dev eth1" in host.out("ip -n pyrun-box route show default")
    host.ok("rm", "-f", "box")
    host.ok("run", "-d", "--network", "one", "--network", "two", "--name", "box", BUSYBOX, "sleep", "600")
    assert "via 10.2.0.1 dev eth1" in host.out("ip -n pyrun-box route show default")
    line = "--network two --ip 10.2.0.9 --ip6 fd00:2::9 --mac-address 02:00:00:00:00:09"
    assert "02:00:00:00:00:09" in host.ok("run", "--rm", *line.split(), BUSYBOX, "ip", "addr", "show", "eth0")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--network nosuch", "network nosuch not found"),
        ("--network one --network one", "network: one: given twice"),
        ("--network none --network one", "network: one: cannot be joined beside none"),
        ("--network one --network none", "network: one: cannot be joined beside none"),
        ("--network one --network host", "network: one: cannot be joined beside host"),
        ("--network one --network container:x", "network: one: cannot be joined beside container:x"),
        (
            "--network bridge --network ns:/proc/self/ns/net",
            "network: bridge: cannot be joined beside ns:/proc/self/ns",
        ),
        ("--network host --network none", "network: none: cannot be joined beside host"),
        ("--network host --network host", "network: host: cannot be joined beside host"),
        ("--network name=one,ip=10.1.0.9 --ip 10.1.0.7", "cannot specify both --ip and per-network IPv4 address"),
        ("--network name=bridge,ip6=fd00::9 --ip6 fd00::7", "cannot specify both --ip6 and per-network IPv6 address"),
        ("--network name=one,alias=a --network-alias b", "cannot specify both --network-alias and per-network alias"),
        (
            "--network name=one,mac-address=02:00:00:00:00:09 --mac-address 02:00:00:00:00:07",
            "cannot specify both --mac-address and per-network MAC address",
        ),
        ("--network name=one,what=1", "what=1: expected name"),
        ("--network ip=10.1.0.3", "no name= given"),
        ("--network one --ip 10.1.0.1", "10.1.0.1: the address is already in use"),
        ("--network one --ip 10.1.0.0", "10.1.0.0: the address is already in use"),
        ("--network one --ip 10.1.0.255", "10.1.0.255: the address is already in use"),
        ("--network one --ip 10.9.0.1", "10.9.0.1: not in a subnet of network one"),
        ("--network one --ip6 fd00::1", "fd00::1: not in a subnet of network one"),
        ("--network one --ip fd00::1", "fd00::1: not an IPv4 address"),
        ("--network one --mac-address 01:02:03:04:05:06", "is not one station's"),
        ("--network one --mac-address 02:03", "expected six pairs"),
        ("--ip 172.17.0.9", "a chosen address needs a network that was created"),
        ("--network host --ip 10.1.0.3", "--ip: needs a network that was created"),
        ("--network ns:/nowhere", "/nowhere: no such network namespace"),
    ],
)
def test_what_cannot_be_joined_is_refused(shared_host: Host, line: str, words: str) -> None:
    if b'"one"' not in shared_host.pyrun("network", "ls", "--format", "json").stdout:
        shared_host.ok("network", "create", "--subnet", "10.1.0.0/24", "one")
    before = shared_host.settled()
    assert words in _refused(shared_host, "run", "--rm", *line.split(), BUSYBOX, "true")
    assert shared_host.settled() == before


def test_a_namespace_of_ip_netns_can_be_joined(host: Host) -> None:
    host.out("ip netns add lab; ip -n lab link add inside type bridge")
    assert "inside" in host.ok("run", "--rm", "--network", "ns:/run/netns/lab", BUSYBOX, "ip", "link")
    assert "inside" in host.out("ip -n lab link")
    host.ok("run", "-d", "--network", "ns:/run/netns/lab", "--name", "guest", BUSYBOX, "sleep", "600")
    host.ok("network", "create", "one")
    assert "sharing network namespace" in _refused(host, "network", "connect", "one", "guest")
    host.ok("rm", "-f", "guest")
    host.out("ip netns del lab")
