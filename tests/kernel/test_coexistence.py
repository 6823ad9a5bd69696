"""Beside firewalld, ufw and others: rules come back after theirs were reloaded, and what will interfere is said."""

import json
import os
import shutil
from collections.abc import Iterator

import pytest
import walls
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host, wait_until

PING = ["ping", "-c", "1", "-W", "10", INTERNET_ADDRESS]  # answered at once, but by a machine that has other work
_BUS = """<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/></policy></busconfig>
"""


def _need(program: str) -> None:
    if not shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin"):
        assert not os.environ.get("PYRUN_TEST_DOCKER"), f"{program} is to be there, and is not"
        pytest.skip(f"{program} is not installed")


@pytest.fixture
def firewalld(host: Host) -> Iterator[Host]:
    """Give a host with a firewalld of its own, on a bus of its own; nothing of it is seen outside."""
    _need("firewalld")
    host.out("mkdir -p /run/dbus && mount -t tmpfs tmpfs /etc/firewalld && mkdir /etc/firewalld/zones")
    host.shell("cat > /run/bus.conf", stdin=_BUS.encode())
    bus = host.start(["dbus-daemon", "--config-file=/run/bus.conf", "--nofork", "--nopidfile"])
    wait_until(lambda: host.shell("test -S /run/dbus/system_bus_socket").returncode == 0)
    daemon = host.start(["firewalld", "--nofork", "--nopid"])
    wait_until(lambda: host.shell("firewall-cmd --state").returncode == 0, 60)
    try:
        yield host
    finally:
        for process in (daemon, bus):
            process.terminate()
            process.wait(30)


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_a_reload_of_firewalld_is_healed_by_the_next_command(
    firewalld: Host, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-E4 (CVE-2025-54388): nothing is open that was not, and rules of removed containers do not return."""
    host = firewalld
    monkeypatch.setenv("PYRUN_FIREWALL", backend)
    for name in ("red", "blue"):
        host.out(f"firewall-cmd -q --permanent --zone=trusted --add-interface={name}0")
        host.out(f"firewall-cmd -q --zone=trusted --add-interface={name}0")
        host.ok("network", "create", "-o", f"com.docker.network.bridge.name={name}0", name)
        host.ok("run", "-d", "--name", f"{name}1", "--net", name, BUSYBOX, "sleep", "900")
    host.ok("run", "-d", "--name", "gone", "--net", "red", BUSYBOX, "sleep", "900")
    gone = json.loads(host.out("ip -j link show type veth"))
    veth = next(link["ifname"] for link in gone if link.get("ifalias") == "pyrun:gone")
    host.ok("rm", "-f", "gone")
    wait_until(lambda: veth not in host.out("nft list ruleset"))
    host.ok("ps")
    before = _rules(host)
    assert host.ok("exec", "red1", *PING)
    host.out("firewall-cmd -q --reload")
    host.ok("ps")
    assert _rules(host) == before
    assert veth not in host.out("nft list ruleset")
    assert host.ok("exec", "red1", *PING)
    assert host.pyrun("exec", "red1", "ping", "-c", "1", "-W", "1", walls.address(host, "blue1", 4)).returncode != 0


def _rules(host: Host) -> list[str]:
    """List all rules but firewalld's, without their order: each appears once."""
    look = "iptables-save | grep PYRUN; ip6tables-save | grep PYRUN; for t in inet bridge; do nft -s list table $t pyrun; done"
    return sorted(host.shell(look).stdout.decode().splitlines())


def test_firewalld_that_forwards_nothing_is_named(firewalld: Host) -> None:
    """Where it does forward for the bridge, nothing is said; auto speaks nft with a host that does."""
    done = firewalld.pyrun("network", "create", "-o", "com.docker.network.bridge.name=red0", "red")
    assert done.returncode == 0
    assert done.stderr.startswith(b"pyrun: warning: firewalld: forwards nothing for red0 until ")
    told = json.loads(firewalld.ok("network", "inspect", "red"))[0]
    assert (told["Firewall"], len(told["Warnings"])) == ("nftables", 1)
    barred = ["ping", "-c", "1", "-W", "1", INTERNET_ADDRESS]
    assert firewalld.pyrun("run", "--rm", "--net", "red", BUSYBOX, *barred).returncode != 0
    firewalld.out("firewall-cmd -q --zone=trusted --add-interface=red0")
    assert firewalld.ok("run", "--rm", "--net", "red", BUSYBOX, *PING)
    assert json.loads(firewalld.ok("network", "inspect", "red"))[0]["Warnings"] == []
    firewalld.ok("network", "rm", "red")
    firewalld.ok("network", "create", "-o", "com.docker.network.bridge.name=red0", "red")


@pytest.fixture
def ufw(host: Host) -> Host:
    """Give a host with ufw enabled, with settings of its own."""
    _need("ufw")
    copies = "for d in /etc/ufw /etc/default; do cp -a $d /run/${d##*/}; mount --bind /run/${d##*/} $d; done"
    host.out(f"{copies}; sed -i 's/^IPV6=.*/IPV6=no/' /etc/default/ufw; mkdir -p /run/sysctl.d; ufw --force enable")
    assert "-P FORWARD DROP" in host.out("iptables -S FORWARD")
    return host


def test_ufw_is_passed_by_in_iptables_and_stays_as_it_is(ufw: Host) -> None:
    before = ufw.out("iptables-save -t filter | grep -v '^#' | sed 's/\\[.*//'")
    assert ufw.ok("run", "--rm", BUSYBOX, *PING)
    ufw.settled()
    assert ufw.out("iptables-save -t filter | grep -v '^#' | sed 's/\\[.*//'") == before
    ufw.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "900")
    rules = sorted(ufw.out("iptables-save | grep PYRUN").splitlines())
    ufw.out("ufw reload")
    ufw.ok("ps")
    assert sorted(ufw.out("iptables-save | grep PYRUN").splitlines()) == rules
    assert ufw.ok("exec", "box", *PING)


def test_ufw_that_stops_nft_networks_is_named(ufw: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """No verdict of ours counts in its table; with what the warning says, it passes."""
    monkeypatch.setenv("PYRUN_FIREWALL", "nftables")
    done = ufw.pyrun("network", "create", "-o", "com.docker.network.bridge.name=red0", "red")
    assert b"warning: ip filter FORWARD: drops what it does not know, and red0 with it" in done.stderr
    call = ["run", "--rm", "--net", "red", BUSYBOX, "nc", "-w", "1", INTERNET_ADDRESS, str(walls.PORT)]
    with walls.serving(ufw, ["internet"]):
        assert ufw.pyrun(*call).stdout == b""
        ufw.out("iptables -I FORWARD -i red0 -j ACCEPT; iptables -I FORWARD -o red0 -j ACCEPT")
        assert ufw.pyrun(*call).stdout != b""


def test_a_port_that_ufw_does_not_see_is_named(ufw: Host) -> None:
    from pyrun.firewall import neighbours

    assert neighbours.active() == []  # out here
    program = "from pyrun.firewall import neighbours; print(neighbours.active())"
    done = ufw.run([shutil.which("python3") or "python3", "-c", program])
    assert done.stdout == b"['ufw']\n", done


@pytest.mark.parametrize(
    ("rules", "tool", "warned"),
    [
        ("true", "iptables", ""),
        ("iptables -P FORWARD DROP", "iptables", ""),
        (
            'nft "add table inet own; add chain inet own f { type filter hook forward priority 0; policy accept; }"',
            "nftables",
            "",
        ),
        (
            'nft "add table inet own; add chain inet own f { type filter hook forward priority 0; policy drop; }"',
            "nftables",
            "inet own f: drops what it does not know",
        ),
        (
            'iptables -P FORWARD ACCEPT; nft "add table inet own; add chain inet own f'
            ' { type filter hook forward priority 0; policy drop; }"',
            "iptables",
            "inet own f: drops what it does not know",
        ),
        ("iptables-legacy -A FORWARD -s 192.0.2.1 -j DROP", "iptables", "rules of both variants, legacy and nft"),
    ],
)
def test_auto_speaks_what_the_host_does_and_says_what_is_in_the_way(
    host: Host, rules: str, tool: str, warned: str
) -> None:
    host.out(rules)
    before = host.snapshot()
    done = host.pyrun("network", "create", "red")
    assert json.loads(host.ok("network", "inspect", "red"))[0]["Firewall"] == tool
    assert warned in done.stderr.decode()
    assert bool(done.stderr) == bool(warned)
    host.ok("network", "rm", "red")
    assert host.snapshot()["nft"] == before["nft"]


def _uplink_called(host: Host, name: str) -> None:
    """Lead the host's way outside over a bridge, as where it shares its cable with virtual machines."""
    host.out(f"ip link add {name} type bridge; ip addr flush dev up0; ip link set up0 master {name}")
    host.out(
        f"ip addr add {HOST_ADDRESS}/24 dev {name}; ip link set {name} up; ip route replace default via {INTERNET_ADDRESS}"
    )


@pytest.mark.parametrize("backend", walls.BACKENDS)
def test_an_uplink_that_is_called_like_a_neighbours_network_leads_outside(
    host: Host, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only that one; where it is another one by now, `network repair` knows, and doctor says so."""
    walls.use(host, backend, monkeypatch)
    _uplink_called(host, "br-lan")
    host.out(
        "ip link add br-0123456789ab type bridge; ip addr add 10.9.9.1/24 dev br-0123456789ab; ip link set br-0123456789ab up"
    )
    host.ok("network", "create", "mine")
    for name, network in (("web", "bridge"), ("other", "mine")):
        host.ok("run", "-d", "--name", name, "--net", network, BUSYBOX, "sleep", "900")
        host.ok("exec", name, *PING)
    assert host.pyrun("network", "why", "web", "10.9.9.2").returncode == 1
    host.out(
        f"ip link set br-lan down; ip link set br-lan name br-wan; ip link set br-wan up; ip route add default via {INTERNET_ADDRESS}"
    )
    assert host.pyrun("exec", "web", "ping", "-c", "1", "-W", "1", INTERNET_ADDRESS).returncode == 1
    assert "pyrun network repair bridge" in host.pyrun("doctor").stdout.decode()
    host.ok("network", "repair")
    for name in ("web", "other"):
        host.ok("exec", name, *PING)
    mine = host.ok("network", "inspect", "-f", "{{.Bridge}}", "mine").strip()
    for ways, excepted in (
        (f"nexthop via {INTERNET_ADDRESS} dev br-wan nexthop dev {mine}", {"br-wan"}),
        ("dev br-wan", {"br-wan"}),
        (f"dev {mine}", set()),
    ):
        host.out(f"ip route replace default {ways}")
        host.ok("network", "repair")
        rules = host.ok("network", "inspect", "-f", "{{json .Rules}}", "bridge", "mine").splitlines()
        ends = [rule["Rule"] for each in rules for rule in json.loads(each) if rule["Reason"] == "the way outside"]
        assert {
            name for name in ("br-wan", mine) for rule in ends if f"-o {name}" in rule or f'"{name}"' in rule
        } == excepted
    host.ok("rm", "-f", "web", "other")
    host.ok("network", "rm", "mine")
    left = host.settled()
    assert "br-wan" not in left["iptables"] + left["nft"]
