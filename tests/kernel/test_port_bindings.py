"""Who gets a published port: one that is free, chosen as Docker does, refused where somebody has it, and given back."""

import json
import subprocess
import sys

import pytest
from lab import BUSYBOX, PYRUN, Host, wait_until
from served import SLEEP


def test_nothing_is_left_and_the_port_is_free_again(host: Host) -> None:
    host.ok("run", "--rm", BUSYBOX, "true")
    before = host.settled()
    ports = ["-p", "8080:80", "-p", "8080:80/udp", "-p", "127.0.0.1:81:81", "-P", "--expose", "99"]
    host.ok("run", "-d", "--name", "web", *ports, *SLEEP)
    assert len(host.out("ss -lntuH").splitlines()) == 7
    host.ok("rm", "-f", "web")
    assert host.out("ss -lntuH") == ""
    assert host.settled() == before


def test_a_port_that_a_process_has_is_refused_naming_it(host: Host) -> None:
    """T-E10, and nothing is touched."""
    server = host.start(["busybox", "nc", "-l", "-p", "7777"])
    wait_until(lambda: host.out("ss -lntH"))
    before = host.snapshot()
    done = host.pyrun("run", "--rm", "-p", "7777:80", BUSYBOX, "true")
    assert done.returncode == 125
    assert b"port is already allocated" in done.stderr
    assert f"process {server.pid} has it: busybox nc -l -p 7777" in done.stderr.decode()
    assert host.settled() == before
    server.kill()
    server.wait()


def test_a_process_that_has_a_port_and_does_not_listen_is_named(host: Host) -> None:
    """The kernel tells of such sockets since 6.8, and not in /proc/net."""
    program = "import socket; s = socket.socket(); s.bind(('', 7777)); print(flush=True); input()"
    holder = host.start([sys.executable, "-I", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout and holder.stdout.readline()
    done = host.pyrun("run", "--rm", "-p", "7777:80", BUSYBOX, "true")
    assert (done.returncode, f"process {holder.pid} has it: {sys.executable}" in done.stderr.decode()) == (125, True), (
        done
    )
    holder.communicate(b"\n")


def test_a_port_that_a_container_has_is_refused_naming_it(host: Host) -> None:
    host.ok("run", "-d", "--name", "first", "-p", "127.0.0.1:8080:80", *SLEEP)
    for wanted in ("127.0.0.1:8080:80", "8080:80", "0.0.0.0:8080:81"):
        done = host.pyrun("run", "--rm", "-p", wanted, BUSYBOX, "true")
        assert (done.returncode, b"(container first has it)" in done.stderr) == (125, True), done
    host.ok("run", "--rm", "-p", "127.0.0.2:8080:80", BUSYBOX, "true")
    done = host.pyrun("run", "--rm", "-p", "85:80", "-p", "85:81", BUSYBOX, "true")
    assert (done.returncode, b"(it is asked for twice)" in done.stderr) == (125, True)


def test_of_two_that_race_for_a_port_one_wins(host: Host) -> None:
    """T-E10: both start at once, again and again."""
    for _ in range(5):
        command = [*PYRUN, "run", "-d", "-p", "8080:80", *SLEEP]
        crowd = [host.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
        outcomes = [(process.communicate(timeout=60), process.returncode) for process in crowd]
        assert sorted(code for _, code in outcomes) == [0, 125, 125], outcomes
        winner = next(out.decode().strip() for (out, _), code in outcomes if code == 0)
        assert host.ok("port", winner, "80") == "0.0.0.0:8080\n[::]:8080\n"
        host.ok("rm", "-f", winner)


def test_ports_are_chosen_as_docker_does(host: Host) -> None:
    """Ephemeral ones in sequence, none twice in a row, none that is kept back; of a range the first that is free."""
    host.out("sysctl -qw net.ipv4.ip_local_port_range='40000 40009' net.ipv4.ip_local_reserved_ports=40001-40002,40005")
    host.ok("run", "-d", "--name", "stays", *SLEEP)  # with the last container it is forgotten which port was the last
    host.ok("run", "-d", "--name", "one", "-p", "80", "-P", "--expose", "90-91", "-p", "7000-7002:70", *SLEEP)
    told = host.ok("port", "one")
    assert [line.rpartition(":")[2] for line in told.splitlines()] == [*"7000 7000 40000 40000".split(), *_TWICE]
    host.ok("run", "-d", "--name", "two", "-p", "80", "-p", "7000-7002:70", *SLEEP)
    assert host.ok("port", "two", "80").splitlines()[0] == "0.0.0.0:40006"
    assert host.ok("port", "two", "70").splitlines()[0] == "0.0.0.0:7001"
    host.ok("rm", "-f", "one", "two")
    host.ok("run", "-d", "--name", "three", "-p", "80", "-p", "80", *SLEEP)
    assert host.ok("port", "three", "80").splitlines()[::2] == ["0.0.0.0:40007", "0.0.0.0:40008"]
    host.ok("run", "-d", "--name", "four", "-p", "80-81", *SLEEP)
    assert host.ok("port", "four").splitlines()[::2] == ["80/tcp -> 0.0.0.0:40009", "81/tcp -> 0.0.0.0:40000"]
    full = host.pyrun("run", "--rm", *["-p", "80"] * 4, BUSYBOX, "true")
    assert (full.returncode, b"all ports are allocated" in full.stderr) == (125, True)


_TWICE = "40003 40003 40004 40004".split()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-p", "1.2.3.4:80:80"], "publish: 1.2.3.4:80/tcp: cannot assign requested address"),
        (["-p", "80/sctp"], "protocol not supported (the running kernel lacks CONFIG_IP_SCTP)"),
        (["--net", "ns:/run/netns/own", "-p", "80:80"], "conflicting options: port publishing"),
    ],
)
def test_what_cannot_be_published_leaves_nothing(host: Host, arguments: list[str], complaint: str) -> None:
    if "sctp" in "".join(arguments) and b"SCTP" in host.shell("cat /proc/net/protocols").stdout:
        pytest.skip("this kernel has SCTP")
    host.out("ip netns add own")
    before = host.snapshot()
    done = host.pyrun("run", "--rm", *arguments, BUSYBOX, "true")
    assert (done.returncode, complaint in done.stderr.decode()) == (125, True), done
    assert host.settled() == before


def test_ports_without_a_way_out_are_not_bound(host: Host) -> None:
    """As in Docker: none is bound for --net none and internal networks, and host mode says so."""
    host.ok("network", "create", "--internal", "inside")
    for network in ("none", "inside"):
        host.ok("run", "-d", "--name", "shut", "--net", network, "-p", "8080:80", *SLEEP)
        assert (host.out("ss -lntH"), host.ok("port", "shut")) == ("", "")
        assert json.loads(host.ok("inspect", "shut"))[0]["NetworkSettings"]["Ports"] == {}
        host.ok("rm", "-f", "shut")
    done = host.pyrun("run", "--rm", "--net", "host", "-p", "8080:80", BUSYBOX, "true")
    assert done.stderr == b"WARNING: Published ports are discarded when using host network mode\n"
    assert done.returncode == 0
    host.ok("network", "rm", "inside")


def test_the_network_says_where_ports_are_bound(host: Host) -> None:
    option = "com.docker.network.bridge.host_binding_ipv4=127.0.0.9"
    host.ok("network", "create", "-o", option, "nine")
    host.ok("run", "-d", "--name", "web", "--net", "nine", "-p", "8080:80", *SLEEP)
    assert host.ok("port", "web") == "80/tcp -> 127.0.0.9:8080\n"
    host.ok("rm", "-f", "web")
    host.ok("network", "rm", "nine")


def test_the_gateway_of_a_network_that_is_not_made_yet_can_be_bound(host: Host) -> None:
    host.ok("run", "-d", "--name", "web", "-p", "172.17.0.1:8080:80", *SLEEP)
    assert host.ok("port", "web") == "80/tcp -> 172.17.0.1:8080\n"


def test_other_firewalls_are_warned_of(host: Host) -> None:
    """Docker's users find out later (moby#4737)."""
    host.out("nft add table inet firewalld")
    host.out("nft 'add chain inet firewalld filter_FORWARD { type filter hook forward priority filter + 10; }'")
    done = host.pyrun("run", "--rm", "-p", "8080:80", BUSYBOX, "true")
    warned = b"Published ports are reachable past the rules of firewalld"
    assert (done.returncode, done.stderr.count(warned)) == (0, 1)
    assert warned not in host.pyrun("run", "--rm", "-p", "127.0.0.1:8080:80", BUSYBOX, "true").stderr
    host.out("nft delete table inet firewalld")
    host.ok("run", "--rm", "-p", "8080:80", BUSYBOX, "true")
