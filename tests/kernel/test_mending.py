"""What somebody else has changed of networks is set right: by the next command what cuts them off, by repair the rest."""

import json
import sys

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, Host, wait_until

_PING = ("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)
_BRIDGE = "com.docker.network.bridge.name="


@pytest.fixture
def two(host: Host) -> Host:
    """Give a host with two networks and a container on each."""
    host.ok("network", "create", "--subnet", "10.1.0.0/24", "-o", f"{_BRIDGE}one0", "one")
    host.ok("network", "create", "--subnet", "10.2.0.0/24", "-o", f"{_BRIDGE}two0", "two")
    host.ok("run", "-d", "--network", "one", "--name", "first", BUSYBOX, "sleep", "600")
    host.ok("run", "-d", "--network", "two", "--name", "box", BUSYBOX, "sleep", "600")
    return host


def _port(host: Host, bridge: str) -> str:
    return host.out(f"ip -br link show master {bridge} | cut -d@ -f1").strip()


def _link(host: Host, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(host.out(f"ip -j link show {name}"))[0]
    return found


def test_a_bridge_of_ours_is_known_when_its_address_was_changed(two: Host) -> None:
    before = _link(two, "one0")["address"]
    two.out("ip link set one0 address 02:42:11:22:33:44")
    done = two.pyrun("network", "repair")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"one\ntwo\n", b"")
    assert _link(two, "one0")["address"] == before
    two.out("ip link set one0 address 02:42:11:22:33:44")
    two.ok("rm", "-f", "first")
    two.ok("network", "rm", "one")
    assert "one0" not in two.out("ip -o link")


def test_a_bridge_goes_with_its_last_container_whatever_its_address(host: Host) -> None:
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "600")
    host.out("ip link set pyrun0 address 02:42:11:22:33:44; kill -9 $(ip netns pids pyrun-box)")
    wait_until(lambda: "pyrun0" not in host.out("ip -o link"))
    assert host.ok("run", "--rm", BUSYBOX, "echo", "again") == "again\n"


def test_anothers_bridge_in_our_place_stays_and_repair_goes_on(two: Host) -> None:
    """One line says what to type, and what is typed helps."""
    port = _port(two, "two0")
    two.out(f"ip link del one0; ip link add one0 address 02:42:11:22:33:44 type bridge; ip link set {port} nomaster")
    done = two.pyrun("network", "repair")
    words = "one0: a link of that name exists and is not ours (ip link delete one0, then pyrun network repair one)"
    assert (done.returncode, done.stdout) == (1, b"two\n")
    assert done.stderr.decode() == f"pyrun: network: {words}\n"
    assert _port(two, "two0") == port
    assert _link(two, "one0")["address"] == "02:42:11:22:33:44"
    two.out("ip link delete one0")
    assert two.ok("network", "repair", "one") == "one\n"
    assert two.ok("exec", "first", "ping", "-c", "1", "-W", "2", "10.1.0.1")


def test_ipv6_that_was_switched_off_on_all_links_is_on_again_where_a_network_has_it(host: Host) -> None:
    host.ok("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "-o", f"{_BRIDGE}six0", "six")
    host.out("sysctl -qw net.ipv6.conf.all.disable_ipv6=1")
    done = host.pyrun("network", "repair")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"six\n", b"")
    assert "fd00:77::1/64" in host.out("ip -o -6 addr show six0")
    assert host.ok("run", "--rm", "--network", "six", BUSYBOX, "ping", "-6", "-c", "1", "-W", "5", "fd00:77::1")


@pytest.mark.parametrize("command", [("ps",), ("network", "repair")])
def test_the_route_to_a_network_comes_back(two: Host, command: tuple[str, ...]) -> None:
    route = two.out("ip route show dev two0")
    two.out("ip route del 10.2.0.0/24")
    two.ok(*command)
    assert two.out("ip route show dev two0") == route
    wait_until(lambda: two.pyrun(*_PING).returncode == 0)


@pytest.mark.parametrize("subnet", ["10.9.0.0/31", "10.9.0.0/30", "10.9.0.0/16", "fd00:9::/64", "fd00:9::/126"])
def test_routes_are_looked_for_in_subnets_of_any_size(host: Host, subnet: str) -> None:
    version, ipv6 = ("-6", ["--ipv6"]) if ":" in subnet else ("-4", [])
    host.ok("network", "create", *ipv6, "--subnet", subnet, "-o", f"{_BRIDGE}one0", "one")
    before = host.out(f"ip {version} route show dev one0")
    assert subnet in before
    host.out(f"ip {version} route del {subnet}")
    host.ok("ps")
    assert host.out(f"ip {version} route show dev one0") == before
    host.ok("ps")
    assert host.out(f"ip {version} route show dev one0") == before


@pytest.mark.parametrize(
    "command",
    [
        "ip rule add pref 100 to 10.0.0.0/8 prohibit",
        "ip route add unreachable 10.2.0.0/25",
        "sysctl -qw net.ipv4.conf.all.ignore_routes_with_linkdown=1; ip link set $(ip -br link show master two0 | cut -d@ -f1) down",
    ],
)
def test_what_hides_a_route_has_not_taken_it(two: Host, command: str) -> None:
    """Such hosts are healthy: nothing is to be mended at every command."""
    look = f"import sys; sys.path[:0] = {sys.path!r}; from pyrun.network import standing; print(standing.is_untouched('two'))"
    two.ok("ps", "-q")
    for before in ("", command):
        two.out(before)
        assert two.run([sys.executable, "-I", "-S", "-c", look]).stdout == b"True\n"
    two.out("ip route del 10.2.0.0/24")
    assert two.run([sys.executable, "-I", "-S", "-c", look]).stdout == b"False\n"


def test_anothers_route_to_our_subnet_goes_on_taking_the_packets(two: Host) -> None:
    two.out("ip route replace 10.2.0.0/24 dev up0")
    two.ok("network", "repair")
    assert "dev up0" in two.out("ip route get 10.2.0.9")
    two.out("ip route del 10.2.0.0/24 dev up0")
    wait_until(lambda: two.pyrun(*_PING).returncode == 0)


@pytest.mark.parametrize("lowered", [1400, 1000])  # below 1280 bytes there is no IPv6, and nothing remembered of it
def test_repair_restores_what_the_kernel_was_told_of_links(two: Host, lowered: int) -> None:
    port = _port(two, "two0")
    names = [f"/proc/sys/net/ipv6/conf/{link}/disable_ipv6" for link in ("two0", port)]
    names += [f"/proc/sys/net/ipv6/conf/two0/{name}" for name in ("accept_ra", "autoconf", "accept_redirects")]
    names += [f"/proc/sys/net/ipv4/conf/two0/{name}" for name in ("accept_redirects", "send_redirects")]
    look = f"cat {' '.join(names)}; ip -o link show two0 | grep -o 'mtu [0-9]*'; ip -o link show {port} | grep -o 'mtu [0-9]*'"
    before = two.out(look)
    changes = ("ipv6.conf.all.disable_ipv6=0", "ipv6.conf.two0.accept_ra=1", "ipv4.conf.two0.send_redirects=1")
    two.out(f"sysctl -qw {' '.join(f'net.{change}' for change in changes)}")
    two.out(f"ip link set two0 mtu {lowered}; ip link set {port} mtu {lowered}")
    assert two.ok("network", "repair") == "one\ntwo\n"
    assert two.out(look) == before
    assert two.out("ip -o -6 addr show two0") == ""


def test_repair_restores_the_size_that_a_network_was_made_with(host: Host) -> None:
    host.ok("network", "create", "-o", f"{_BRIDGE}one0", "-o", "com.docker.network.driver.mtu=1300", "one")
    host.out("ip link set one0 mtu 1500")
    host.ok("network", "repair")
    assert _link(host, "one0")["mtu"] == 1300


_RENAME = "ip link set two0 down; ip link set two0 name brx; ip link set brx up"


@pytest.mark.parametrize("command", [("ps",), ("network", "repair")])
def test_a_renamed_bridge_gives_way_to_the_one_in_its_place(two: Host, command: tuple[str, ...]) -> None:
    two.out(_RENAME)
    two.ok(*command)
    assert "brx" not in two.out("ip -o link")
    assert "dev two0" in two.out("ip route get 10.2.0.9")
    wait_until(lambda: two.pyrun(*_PING).returncode == 0)


def test_a_renamed_bridge_goes_with_its_last_container(host: Host) -> None:
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "600")
    host.out("ip link set pyrun0 down; ip link set pyrun0 name brx; kill -9 $(ip netns pids pyrun-box)")
    wait_until(lambda: "brx" not in host.out("ip -o link"))


def test_a_cable_of_ours_is_known_when_its_address_was_changed(two: Host) -> None:
    port = _port(two, "two0")
    before = _link(two, port)["address"]
    two.out(f"ip link set {port} down; ip link set {port} address 02:00:00:00:00:55")
    done = two.pyrun("network", "repair", "two")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"two\n", b"")
    assert _link(two, port)["address"] == before
    wait_until(lambda: two.pyrun(*_PING).returncode == 0)


def test_disconnect_takes_a_cable_out_whatever_its_address(two: Host) -> None:
    port = _port(two, "two0")
    two.out(f"ip link set {port} down; ip link set {port} address 02:00:00:00:00:55")
    two.ok("network", "disconnect", "two", "box")
    assert port not in two.out("ip -o link")
    assert "eth0" not in two.ok("exec", "box", "ip", "-o", "link")


def test_repair_names_anothers_link_in_a_cables_place(two: Host) -> None:
    """What its line says to type helps."""
    port = _port(two, "two0")
    two.out(f"ip link del {port}; ip link add {port} address 02:00:00:00:00:55 type bridge")
    done = two.pyrun("network", "repair")
    words = f"{port}: a link of that name exists and is not ours (ip link delete {port}, then pyrun network repair two)"
    assert (done.returncode, done.stdout) == (1, b"one\n")
    assert done.stderr.decode() == f"pyrun: network: {words}\n"
    assert _link(two, port)["address"] == "02:00:00:00:00:55"
    two.out(f"ip link delete {port}")
    assert two.ok("network", "repair", "two") == "two\n"
    wait_until(lambda: two.pyrun(*_PING).returncode == 0)


@pytest.mark.parametrize("change", ["state 0", "isolated on"])
def test_repair_lets_a_port_reach_all_others_again(two: Host, change: str) -> None:
    two.ok("run", "-d", "--network", "two", "--name", "other", BUSYBOX, "sleep", "600")
    ping = ("exec", "other", "ping", "-c", "1", "-W", "1", "box")
    ports = two.out("ip -br link show master two0 | cut -d@ -f1").split()
    two.out("; ".join(f"bridge link set dev {port} {change}" for port in ports))
    assert two.pyrun(*ping).returncode == 1
    assert two.ok("network", "repair", "two") == "two\n"
    wait_until(lambda: two.pyrun(*ping).returncode == 0)


_STP = "ip link set two0 type bridge stp_state 1; ip link set {port} down; ip link set {port} up"


@pytest.mark.parametrize("reason", [_STP, "ip netns exec pyrun-box ip link set eth0 down"])
def test_repair_leaves_a_port_to_whoever_decides_about_it(two: Host, reason: str) -> None:
    two.out(reason.format(port=_port(two, "two0")))
    assert two.ok("network", "repair", "two") == "two\n"


def test_ports_of_a_network_without_icc_stay_isolated(host: Host) -> None:
    host.ok("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "-o", f"{_BRIDGE}one0", "one")
    host.ok("run", "-d", "--network", "one", "--name", "box", BUSYBOX, "sleep", "600")
    host.out(f"bridge link set dev {_port(host, 'one0')} isolated off")
    host.ok("network", "repair")
    assert "isolated on" in host.out(f"bridge -d link show dev {_port(host, 'one0')}")
