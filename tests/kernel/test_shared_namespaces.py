"""Containers that share a network, the host's or each other's."""

import pytest
from lab import BUSYBOX, Host


@pytest.mark.parametrize(
    "option", [["--dns", "1.1.1.1"], ["--add-host", "a:1.2.3.4"], ["-h", "other"], ["--mac-address", "02:42:0:0:0:1"]]
)
def test_what_a_shared_network_shares_cannot_be_set(shared_host: Host, option: list[str]) -> None:
    shared_host.ok("run", "-d", "--name", "shared", BUSYBOX, "sleep", "300")
    done = shared_host.pyrun("run", "--rm", "--net", "container:shared", *option, BUSYBOX, "true")
    alike = ["--dns-search", "a.b", "--dns-option", "ndots:2"]  # Docker takes these, though they change nothing
    taken = shared_host.pyrun("run", "--rm", "--net", "container:shared", *alike, BUSYBOX, "true")
    shared_host.ok("rm", "-f", "shared")
    assert (done.returncode, done.stderr.count(b"\n"), taken.returncode) == (125, 1, 0)


def test_no_container_shares_its_own_network(shared_host: Host) -> None:
    done = shared_host.pyrun("run", "--rm", "--name", "own", "--net", "container:own", BUSYBOX, "true")
    complaint = b"pyrun: network: container own: cannot join its own network\n"
    assert (done.returncode, done.stderr) == (125, complaint)


def test_shared_network_shares_names_as_well(shared_host: Host) -> None:
    shared_host.ok("run", "-d", "--name", "first", BUSYBOX, "sleep", "60")
    script = "cat /etc/hosts /etc/hostname; ip -o addr show eth0; hostname; readlink /proc/self/ns/net"
    own = shared_host.ok("exec", "first", "sh", "-c", script)
    assert shared_host.ok("run", "--rm", "--net", "container:first", BUSYBOX, "sh", "-c", script) == own
    shared_host.ok("rm", "-f", "first")


def test_host_and_no_network(shared_host: Host) -> None:
    names = "ls /sys/class/net"
    assert shared_host.ok("run", "--rm", "--net", "none", BUSYBOX, "sh", "-c", names).split() == ["lo"]
    shared_host.settled()  # the bridge of the container before stands for a moment
    own = shared_host.out("ip -o link | cut -d: -f2 | cut -d@ -f1").split()
    inside = shared_host.ok(
        "run", "--rm", "--net", "host", BUSYBOX, "sh", "-c", "ip -o link | cut -d: -f2 | cut -d@ -f1"
    ).split()
    assert sorted(inside) == sorted(own)
