"""The bridge network: what links, addresses and rules it makes, what passes and what does not. iproute2 is the witness."""

import json
import re
import subprocess
import sys

import pytest
from lab import BUSYBOX, DEBIAN, HOST_ADDRESS, INTERNET_ADDRESS, TOP, Host, wait_until


@pytest.fixture
def box(host: Host) -> Host:
    """A host with a container named box."""
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    return host


def test_addresses_links_and_route(box: Host) -> None:
    bridge = json.loads(box.out("ip -j -d addr show pyrun0"))[0]
    assert bridge["linkinfo"]["info_kind"] == "bridge"
    assert [(a["local"], a["prefixlen"], a["broadcast"]) for a in bridge["addr_info"] if a["family"] == "inet"] == [
        ("172.17.0.1", 16, "172.17.255.255")
    ]
    eth0 = json.loads(box.out("ip -n pyrun-box -j addr show eth0"))[0]
    assert eth0["address"] == "02:42:ac:11:00:02"
    assert [(a["local"], a["prefixlen"]) for a in eth0["addr_info"]] == [("172.17.0.2", 16)]
    assert box.out("ip -n pyrun-box route").split("\n")[0].strip() == "default via 172.17.0.1 dev eth0"
    port = json.loads(box.out("ip -j link show master pyrun0"))[0]
    assert re.fullmatch("veth[0-9a-f]{7}", port["ifname"])
    assert port["ifalias"] == "pyrun:box"
    assert port["link_index"] == eth0["ifindex"]


def test_sandbox_is_visible_to_ip_netns(box: Host) -> None:
    assert "pyrun-box" in box.out("ip netns list")
    inside = box.ok("exec", "box", "readlink", "/proc/self/ns/net")
    assert box.out("ip netns exec pyrun-box readlink /proc/self/ns/net") == inside
    box.ok("rm", "-f", "box")
    assert "pyrun-box" not in box.out("ip netns list")


def test_sysctls_of_the_sandbox(box: Host) -> None:
    names = "net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start net.ipv6.conf.eth0.disable_ipv6"
    assert box.out(f"ip netns exec pyrun-box sysctl -n {names}") == "0\t2147483647\n0\n1\n"


def test_containers_reach_each_other_the_host_and_the_outside(box: Host) -> None:
    script = f"ping -c 1 -W 2 172.17.0.2 && ping -c 1 -W 2 172.17.0.1 && ping -c 1 -W 2 {INTERNET_ADDRESS}"
    done = box.pyrun("run", "--rm", BUSYBOX, "sh", "-c", script)
    assert done.returncode == 0, done


def test_the_outside_sees_the_hosts_address(box: Host) -> None:
    """MASQUERADE, proven by the far side."""
    server = subprocess.Popen(
        ["nsenter", "-t", str(box.internet_pid), "-n", "python3", "-c", _SERVER], stdout=subprocess.PIPE
    )
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    assert box.ok("exec", "box", "nc", "-w", "5", INTERNET_ADDRESS, "7000").strip() == HOST_ADDRESS
    server.wait(timeout=10)


_SERVER = """
import socket
server = socket.create_server(("0.0.0.0", 7000))
print("ready", flush=True)
connection, peer = server.accept()
connection.sendall(peer[0].encode())
"""


def test_the_outside_reaches_no_container_directly(box: Host) -> None:
    """T-E3: a neighbour that routes to the subnet over us meets a DROP, for TCP, UDP and ping."""
    assert box.internet(f"ip route add 172.17.0.0/16 via {HOST_ADDRESS}").returncode == 0
    assert box.internet(f"ping -c 1 -W 2 {HOST_ADDRESS}").returncode == 0
    assert box.internet("ping -c 1 -W 1 172.17.0.2").returncode != 0
    box.ok("exec", "-d", "box", "nc", "-l", "-p", "80", "-e", "echo", "hello")
    wait_until(lambda: b":80 " in box.shell("ip netns exec pyrun-box ss -ltn").stdout)
    assert box.internet("timeout 1 bash -c 'exec 3<>/dev/tcp/172.17.0.2/80'").returncode != 0
    assert box.shell("timeout 2 bash -c 'exec 3<>/dev/tcp/172.17.0.2/80; cat <&3'").stdout == b"hello\n"
    listening = box.start(["ip", "netns", "exec", "pyrun-box", "python3", "-c", _LISTENER], stdout=subprocess.PIPE)
    assert listening.stdout and listening.stdout.readline() == b"ready\n"
    assert box.internet("echo outside > /dev/udp/172.17.0.2/81").returncode == 0
    assert box.shell("echo host > /dev/udp/172.17.0.2/81").returncode == 0
    assert listening.communicate(timeout=20)[0] == b"host\n"


_LISTENER = "import socket; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 81)); print('ready', flush=True); print(s.recv(99).decode(), end='')"


def test_a_router_advertisement_from_inside_changes_nothing_outside(host: Host) -> None:
    """T-E1: the bridge takes no routes from containers; the packet is seen to have arrived."""
    host.ok(
        "network", "create", "--ipv6", "-o", "antispoofing=false", "-o", "com.docker.network.bridge.name=six0", "six"
    )
    host.ok("run", "-d", "--name", "rogue", "--net", "six", BUSYBOX, "sleep", "300")
    assert host.out("sysctl -n net.ipv6.conf.six0.accept_ra net.ipv6.conf.six0.autoconf") == "0\n0\n"
    wait_until(lambda: b"tentative" not in host.shell("ip -n pyrun-rogue -6 addr show dev eth0 scope link").stdout)
    wait_until(lambda: b"fe80" in host.shell("ip -n pyrun-rogue -6 addr show dev eth0 scope link").stdout)
    seen = "cat /proc/net/snmp6 | awk '/Icmp6InRouterAdvertisements/ { print $2 }'"
    wait_until(lambda: b"tentative" not in host.shell("ip -6 addr show dev six0 scope link").stdout)
    count = int(host.out(seen))
    assert host.shell(f"ip netns exec pyrun-rogue python3 -c '{_ADVERTISE}'").returncode == 0
    wait_until(lambda: int(host.out(seen)) > count)
    assert "2001:db8:bad" not in host.out("ip -6 route show table all; ip -6 addr")
    assert "via fe80" not in host.out("ip -6 route show default")


_ADVERTISE = """
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 86400, 86400, 0, socket.inet_pton(socket.AF_INET6, "2001:db8:bad::"))
s.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))
"""


def test_names_are_resolved_by_the_hosts_server(host: Host) -> None:
    """The server in the internet answers one name; the container's resolv.conf points there."""
    server = subprocess.Popen(
        ["nsenter", "-t", str(host.internet_pid), "-n", "python3", "-c", _RESOLVER], stdout=subprocess.PIPE
    )
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    try:
        options = ["--dns", INTERNET_ADDRESS, "--dns-search", "example.test", "--dns-option", "ndots:2"]
        done = host.pyrun(
            "run", "--rm", *options, BUSYBOX, "sh", "-c", "cat /etc/resolv.conf; nslookup name.example.test"
        )
        text = done.stdout.decode()
        assert text.startswith(f"nameserver {INTERNET_ADDRESS}\nsearch example.test\noptions ndots:2\n")
        assert "Address: 203.0.113.7" in text
    finally:
        server.kill()
        server.wait()


_RESOLVER = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 53))
print("ready", flush=True)
while True:
    query, peer = s.recvfrom(512)
    kind = query[query.index(0, 12) + 1 : query.index(0, 12) + 3]
    answer = b"\\xc0\\x0c\\0\\x01\\0\\x01\\0\\0\\0\\x3c\\0\\x04" + bytes([203, 0, 113, 7]) if kind == b"\\0\\x01" else b""
    counts = b"\\0\\x01" + (b"\\0\\x01" if answer else b"\\0\\0") + b"\\0\\0\\0\\0"
    s.sendto(query[:2] + b"\\x81\\x80" + counts + query[12 : query.index(0, 12) + 5] + answer, peer)
"""


def test_pool_avoids_routes_and_nameservers(host: Host) -> None:
    host.out("ip addr add 172.17.5.1/24 dev up0; echo nameserver 172.18.0.53 > /run/asked")
    host.out("mount --bind /run/asked $(realpath /etc/resolv.conf)")
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "60")
    assert "172.19.0.1/16" in host.out("ip -o addr show pyrun0")


def test_exhausted_pools_are_explained_and_nothing_is_left(host: Host) -> None:
    before = host.settled()
    host.out("ip addr add 172.16.0.1/12 dev up0; ip addr add 192.168.0.1/16 dev up0")
    done = host.pyrun("run", "--rm", BUSYBOX, "true")
    assert done.returncode == 125
    told = "172.17.0.0/16 to 172.31.0.0/16 by route 172.16.0.0/12, 192.168.0.0/20 to 192.168.240.0/20 by route 192.168.0.0/16"
    assert f"all address pools are taken: {told} (give" in done.stderr.decode()
    host.out("ip addr del 172.16.0.1/12 dev up0; ip addr del 192.168.0.1/16 dev up0")
    assert host.settled() == before


def test_dockers_rules_are_left_alone_and_do_not_stop_us(host: Host) -> None:
    """FORWARD drops as Docker makes it; ours pass all the same, theirs are byte-identical afterwards."""
    host.out(
        "iptables -P FORWARD DROP; for c in DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER; do iptables -N $c; done;"
        "iptables -A FORWARD -j DOCKER-USER; iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1;"
        "iptables -A FORWARD -o docker0 -j DOCKER; iptables -A DOCKER-USER -j RETURN;"
        "iptables -t nat -A POSTROUTING -s 172.30.0.0/16 ! -o docker0 -j MASQUERADE;"
        "ip link add docker0 type bridge; ip addr add 172.30.0.1/16 dev docker0; ip link set docker0 up"
    )
    before = host.out("iptables-save | sed 's/\\[.*//; /^#/d'")
    host.ok("run", "--rm", BUSYBOX, "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)
    host.settled()
    assert host.out("iptables-save | sed 's/\\[.*//; /^#/d'") == before


def test_rules_of_the_user_outlive_the_network(host: Host) -> None:
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "60")
    host.out("iptables -A PYRUN-USER -s 203.0.113.9 -j DROP")
    host.ok("rm", "-f", "box")
    host.settled()
    rule = "-A PYRUN-USER -s 203.0.113.9/32 -j DROP"
    assert host.out("iptables -S | grep PYRUN").splitlines() == ["-N PYRUN-USER", rule]
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "60")
    assert rule in host.out("iptables -S PYRUN-USER")
    assert "-j PYRUN-USER" in host.out("iptables -S FORWARD | head -2")


def test_flushed_rules_come_back(box: Host) -> None:
    rules = box.out("iptables-save | grep -v '^[:#]'")
    box.out("iptables -F; iptables -t nat -F; iptables -X; iptables -P FORWARD ACCEPT")
    box.ok("ps")
    assert box.out("iptables-save | grep -v '^[:#]'") == rules
    box.ok("ps")
    assert box.out("iptables-save | grep -v '^[:#]'") == rules


def test_deleted_bridge_comes_back_with_its_containers(box: Host) -> None:
    box.out("ip link del pyrun0")
    box.ok("ps")
    wait_until(lambda: b"state UP" in box.shell("ip link show pyrun0").stdout)
    assert box.ok("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)


def test_forwarding_switched_off_comes_back(box: Host) -> None:
    box.out("sysctl -qw net.ipv4.ip_forward=0")
    box.ok("ps")
    assert box.ok("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)


def test_a_bridge_of_our_name_that_took_its_place_is_not_touched(host: Host) -> None:
    """Somebody deletes our bridge and makes one of the same name: that is not ours to mend or remove."""
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    host.out(
        "ip link del pyrun0; ip link add pyrun0 type bridge; ip link set pyrun0 up; ip addr add 10.1.1.1/24 dev pyrun0"
    )
    before = host.out("ip -j addr show pyrun0")
    assert b"left over" in host.pyrun("ps").stderr
    host.pyrun("rm", "-f", "box")
    host.settled()
    assert host.out("ip -j addr show pyrun0") == before


def test_a_chain_that_the_user_leads_into_stays_empty(host: Host) -> None:
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    host.out("iptables -N MINE; iptables -A MINE -j PYRUN-FORWARD")
    host.ok("rm", "-f", "box")
    host.settled()
    assert "PYRUN" not in host.out("iptables -S | grep -v -e MINE -e '-N PYRUN-FORWARD'")
    assert "-A MINE -j PYRUN-FORWARD" in host.out("iptables -S MINE")
    host.ok("run", "--rm", BUSYBOX, "true")
    host.settled()
    host.out("iptables -F MINE; iptables -X MINE; iptables -X PYRUN-FORWARD")


@pytest.fixture
def legacy(host: Host) -> Host:
    """Give a host whose iptables is the legacy variant, which counts no generation."""
    host.out(
        "cp -a /etc/alternatives /run/alternatives; cd /run/alternatives; "
        "for t in iptables iptables-save iptables-restore; do ln -sf /usr/sbin/${t/iptables/iptables-legacy} $t; done; "
        "mount --bind /run/alternatives /etc/alternatives; iptables -V | grep -q legacy"
    )
    return host


def test_legacy_iptables_serves_as_well(legacy: Host) -> None:
    before = legacy.settled()
    legacy.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    ping = ["exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS]
    assert legacy.ok(*ping)
    rules = legacy.out("iptables-save | grep -v '^[:#]'")
    assert "MASQUERADE" in rules
    legacy.out("iptables -F; iptables -t nat -F")
    legacy.ok("ps")
    assert legacy.out("iptables-save | grep -v '^[:#]'") == rules
    assert legacy.ok(*ping)
    legacy.ok("rm", "-f", "box")
    assert legacy.settled() == before


def test_a_foreign_link_of_our_name_is_not_touched(host: Host) -> None:
    host.out("ip link add pyrun0 type bridge; ip addr add 10.1.1.1/24 dev pyrun0")
    before = host.out("ip -j addr show pyrun0")
    done = host.pyrun("run", "--rm", BUSYBOX, "true")
    assert (done.returncode, b"pyrun0" in done.stderr) == (125, True)
    assert host.out("ip -j addr show pyrun0") == before


@pytest.mark.parametrize("mode", ["dry-run", "explain"])
def test_explained_commands_make_the_same_network(private_host: None, mode: str) -> None:
    """What is printed is run by bash on one fresh host, pyrun works on another: the kernel shows the same."""
    from lab import fresh_host

    with fresh_host() as first, fresh_host() as second:
        if mode == "explain":
            first.shell("true")
            started = first.pyrun("run", "-d", "--explain", "--name", "same", BUSYBOX, "sleep", "300")
            lines = started.stderr.decode()
        else:
            lines = first.ok("run", "--dry-run", "--name", "same", BUSYBOX, "sleep", "300")
            first.ok("run", "-d", "--name", "same", BUSYBOX, "sleep", "300")
        script = _network_part(lines)
        assert len(script) > 20
        second.out("sysctl -qw net.ipv4.ip_forward=0 || :")
        text = (
            "set -e\nunshare --net sleep 300 >/dev/null 2>&1 & PID=$!\n"
            "until grep -q sleep /proc/$PID/comm; do sleep 0.02; done\n" + "\n".join(script) + "\necho $PID"
        )
        pid = second.out(text).split()[-1]
        assert _network(second, f"nsenter -t {pid} -n") == _network(first, "ip netns exec pyrun-same")


def _network_part(lines: str) -> list[str]:
    """Give the commands about links, addresses, routes, parameters and rules, each on its side."""
    found = []
    for line in lines.splitlines():
        side, _, rest = line.partition("$ ")
        command = rest.partition("  # ")[0]
        if command.startswith(("ip ", "sysctl ", "iptables ", "{ iptables ")):
            command = re.sub(r"netns (\d+|\"\$PID\")", "netns $PID", command)
            found.append(command if side == "host" else f"nsenter -t $PID -n {command}")
    return found


def _network(host: Host, enter: str) -> list[object]:
    """Describe both sides of a host's container network, without what is random."""
    result: list[object] = []
    for prefix in ("", f"{enter} "):
        addresses = json.loads(host.out(f"{prefix}ip -j addr"))
        for link in addresses:
            for key in ("ifindex", "link_index", "link_netnsid", "txqlen"):
                link.pop(key, None)
            for entry in link.get("addr_info", []):
                entry.pop("local" if entry["family"] == "inet6" and entry["scope"] == "link" else "", None)
                entry.pop("tentative", None)
            link["ifname"] = re.sub("^veth.*", "veth", link["ifname"])
            if prefix == "":
                link.pop("address", None)
        result.append([link for link in addresses if link["ifname"] not in ("sit0", "tunl0", "up0")])
        result.append(json.loads(host.out(f"{prefix}ip -j route")))
        names = "net.ipv4.ip_forward net.ipv4.ping_group_range net.ipv4.ip_unprivileged_port_start"
        result.append(host.out(f"{prefix}sysctl {names}"))
    result.append(host.out("iptables-save | sed 's/\\[.*//; /^#/d'"))
    result.append(host.out("sysctl net.ipv6.conf.pyrun0.accept_ra net.ipv4.conf.pyrun0.send_redirects"))
    return result


def test_ping_from_a_distribution(host: Host) -> None:
    """The main job on a real root file system."""
    if not DEBIAN:
        pytest.fail("PYRUN_TEST_DEBIAN is not set")
    done = host.pyrun(
        "run", "--rm", "--net", "bridge", DEBIAN, "/bin/bash", "-c", "ip -br addr show eth0 && ping -c 1 172.17.0.1"
    )
    assert done.returncode == 0, done
    assert b"172.17.0.2/16" in done.stdout


def test_the_idle_network_stands_for_whoever_comes_within_the_grace_period(host: Host) -> None:
    """A command in that time neither takes it down nor is kept from doing so once nobody waits."""
    assert (
        _driver(host, f"{_LEASED}\nwith turns.sweeping(): print(driver.reconcile(), flush=True); {_SEES}")
        == "[]\nyes\n"
    )
    assert _driver(host, f"driver.reconcile(); {_SEES}") == "no\n"


def test_forwarding_that_an_interrupted_sweep_stopped_comes_back(host: Host) -> None:
    _driver(host, _LEASED)
    host.out("iptables -F; iptables -X; iptables -t nat -F; sysctl -qw net.ipv4.ip_forward=0")
    _driver(host, _LEASED)
    assert host.out("cat /proc/sys/net/ipv4/ip_forward; iptables -S PYRUN-FORWARD | wc -l") == "1\n7\n"


def test_starts_and_sweeps_at_once_never_meet_half_a_network(host: Host) -> None:
    """Whoever comes while the last one removes the network's directory makes it anew, or waits."""
    host.out("sysctl -qw net.ipv4.ip_forward=0")
    before = host.snapshot()
    command = [sys.executable, "-I", "-S", "-c", _IMPORTS + _COMING_AND_GOING]
    crowd = [host.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(6)]
    assert [process.communicate(timeout=60)[0] for process in crowd] == [b""] * 6
    assert _driver(host, "driver.sweep()") == ""
    assert host.snapshot() == before


_IMPORTS = f"""
import os, sys
sys.path[:0] = {[str(TOP), *(p for p in sys.path if p.endswith("site-packages"))]!r}
from pyrun.journal import FileJournal, unwind_journal
from pyrun.network import driver, turns
from pyrun.spec import Attachment
os.makedirs("/run/pyrun", exist_ok=True)
mine = f"/run/{{os.getpid()}}"
"""
_LEASED = "driver.attach('a', 'a', Attachment('bridge'), set(), FileJournal(mine)); unwind_journal(mine)"
_SEES = 'os.system("ip link show pyrun0 >/dev/null 2>&1 && echo yes || echo no")'
_COMING_AND_GOING = f"""
for _ in range(15):
    {_LEASED}
    for failure in driver.sweep(): print(failure)
"""


def _driver(host: Host, statements: str) -> str:
    """Run statements about the driver on the host, which have to succeed; give what they print."""
    done = host.run([sys.executable, "-I", "-S", "-c", _IMPORTS + statements])
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout.decode()
