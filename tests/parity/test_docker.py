"""Docker and pyrun side by side on one host; what they do alike is compared by `pyrun parity`."""

from typing import TYPE_CHECKING

from lab import BUSYBOX, INTERNET_ADDRESS

if TYPE_CHECKING:
    from conftest import Docker

_RULES = "iptables-save | grep -v '^#' | sed 's/\\[.*//'"


def test_each_leaves_the_other_alone(docker: "Docker") -> None:
    """Docker set FORWARD to DROP; containers of both reach the outside, none reaches the other's, all is as before."""
    host = docker.host
    assert docker.docker("run", "-d", "--name", "theirs", "tree", "sleep", "300").returncode == 0
    before = host.settled(), host.out(_RULES)
    assert ":FORWARD DROP" in before[1]
    host.ok("run", "-d", "--name", "ours", BUSYBOX, "sleep", "300")
    ping, barred = ["ping", "-c", "1", "-W", "10"], ["ping", "-c", "1", "-W", "1"]
    address = docker.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "theirs").stdout.decode().strip()
    own = host.out("ip netns exec pyrun-ours ip -br -4 addr show eth0").split()[2].partition("/")[0]
    assert host.pyrun("exec", "ours", *ping, INTERNET_ADDRESS).returncode == 0
    assert docker.docker("exec", "theirs", *ping, INTERNET_ADDRESS).returncode == 0
    assert host.pyrun("exec", "ours", *barred, address).returncode == 1
    assert docker.docker("exec", "theirs", *barred, own).returncode == 1
    standing = host.out(_RULES).splitlines()
    assert [rule for rule in standing if "PYRUN" not in rule and "pyrun0" not in rule] == before[1].splitlines()
    host.ok("rm", "-f", "ours")
    after = host.settled(), host.out(_RULES)
    assert after == before
    assert docker.docker("exec", "theirs", *ping, INTERNET_ADDRESS).returncode == 0


def test_docker_starts_and_stops_while_pyrun_runs(docker: "Docker") -> None:
    """Docker's own rules come and go around ours."""
    host = docker.host
    host.ok("run", "-d", "--name", "ours", BUSYBOX, "sleep", "300")
    assert docker.docker("network", "create", "other").returncode == 0
    assert docker.docker("run", "--rm", "--network", "other", "tree", "true").returncode == 0
    assert docker.docker("network", "rm", "other").returncode == 0
    host.ok("ps")
    assert host.pyrun("exec", "ours", "ping", "-c", "1", "-W", "10", INTERNET_ADDRESS).returncode == 0
    host.ok("rm", "-f", "ours")
    assert "DOCKER-ISOLATION-STAGE-2" in host.out(_RULES)
