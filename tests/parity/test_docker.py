"""The same command line typed into Docker and into pyrun, and both side by side on one host."""

from typing import TYPE_CHECKING

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS

if TYPE_CHECKING:
    from conftest import Docker

_RULES = "iptables-save | grep -v '^#' | sed 's/\\[.*//'"

# Docker 20.10 does not mask yet what current ones do, and gives a view of systemd's own hierarchy; the tmpfs
# over its cgroups can be written.
_NEWER = "grep -vE 'cgroup/(systemd|unified)|/proc/interrupts|/sys/devices'"
# What a container sees of itself; what is random or a documented deviation is left out by the command itself.
_INSIDE = {
    "user": "id; umask; pwd; echo $HOME $PATH; ulimit -c",
    "capabilities": "grep -E '^(Cap|NoNewPrivs|Seccomp:|SigIgn|SigBlk)' /proc/self/status",
    "devices": "ls -l /dev | awk '{ print $1, $3, $4, $5, $6 == \"\" ? \"\" : $NF }' | grep -v '^total'",
    "descriptors": "ls /proc/1/fd | head -3",
    "mounts": f"awk '{{ print $5 }}' /proc/1/mountinfo | sort | {_NEWER}",
    "options": f'awk \'$5 != "/" && $5 !~ "^/etc" {{ print $5, $6 }}\' /proc/1/mountinfo | sort | {_NEWER} | grep -v "cgroup r"',
    "masks": "ls -A /proc/acpi /sys/firmware | wc -l; head -c1 /proc/kcore /proc/keys /proc/timer_list | wc -c",
    "links": "ip -o -4 addr | awk '{ print $2, $4, $5, $6 }' | sed 's/@[^ ]*//; s/172.1[78]/172.X/g'; cat /sys/class/net/eth0/mtu",
    "routes": "ip route | sed 's/172.1[78]/172.X/g'",
    "sysctl": "cat /proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ip_forward",
    "hosts": "sed 's/172.1[78][^\\t]*/ADDRESS/; s/[0-9a-f]\\{12\\}/ID/' /etc/hosts | sed 's/::0/::/'; cat /etc/resolv.conf",
    "hostname": "hostname | wc -c; [ $(hostname) = $HOSTNAME ] && cat /etc/hostname | wc -c",
    "processes": "ps -o pid,args | head -2 | grep -v PID | awk '{ print $1 }'",
    "files": "ls -ld /.dockerenv /etc /proc /sys /dev/shm | awk '{ print $1, $3, $4, $NF }'",
    "proc": "touch /proc/sys/kernel/x /proc/sysrq-trigger /sys/x /proc/irq/x 2>&1 | sed 's/.*: //'",
}

_LINES = {
    "exit code": ["--rm", "TREE", "sh", "-c", "exit 7"],
    "signal": ["--rm", "TREE", "sh", "-c", "kill -9 $$"],
    "no such program": ["--rm", "TREE", "nothing-of-that-name"],
    "not executable": ["--rm", "TREE", "/etc"],
    "unknown user": ["--rm", "-u", "nobody-knows", "TREE", "true"],
    "user and group": ["--rm", "-u", "12:34", "TREE", "id"],
    "added groups": ["--rm", "--group-add", "77", "TREE", "id", "-G"],
    "working directory": ["--rm", "-w", "/made/here", "TREE", "pwd"],
    "environment": ["--rm", "-e", "A=1", "-e", "B=x y", "--hostname", "h", "TREE", "sh", "-c", "env | sort"],
    "entrypoint": ["--rm", "--entrypoint", "echo", "TREE", "a", "b"],
    "hostname": [
        "--rm",
        "--hostname",
        "name.domain",
        "TREE",
        "sh",
        "-c",
        "hostname; cat /etc/hostname; grep -o name.* /etc/hosts",
    ],
    "read-only": ["--rm", "--read-only", "TREE", "touch", "/x"],
    "memory": ["--rm", "-m", "64m", "TREE", "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes"],
    "memory and swap": [
        "--rm",
        "-m",
        "64m",
        "--memory-swap",
        "100m",
        "TREE",
        "cat",
        "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes",
    ],
    "cpus": ["--rm", "--cpus", "0.5", "TREE", "cat", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"],
    "cpuset": ["--rm", "--cpuset-cpus", "1", "TREE", "cat", "/sys/fs/cgroup/cpuset/cpuset.cpus"],
    "pids": ["--rm", "--pids-limit", "9", "TREE", "cat", "/sys/fs/cgroup/pids/pids.max"],
    "device list": ["--rm", "TREE", "sort", "/sys/fs/cgroup/devices/devices.list"],
    "ulimit": ["--rm", "--ulimit", "nofile=99:100", "TREE", "sh", "-c", "ulimit -Sn; ulimit -Hn"],
    "shm": ["--rm", "--shm-size", "1m", "TREE", "sh", "-c", "df -k /dev/shm | awk 'END { print $2 }'"],
    "no capability": ["--rm", "--cap-drop", "ALL", "TREE", "grep", "Cap", "/proc/self/status"],
    "all but one": ["--rm", "--cap-drop", "CHOWN", "--cap-add", "SYS_NICE", "TREE", "grep", "Cap", "/proc/self/status"],
    "privileges": ["--rm", "--security-opt", "no-new-privileges", "TREE", "grep", "NoNew", "/proc/self/status"],
    "unconfined": ["--rm", "--security-opt", "seccomp=unconfined", "TREE", "grep", "Seccomp:", "/proc/self/status"],
    "dns": [
        "--rm",
        "--dns",
        "9.9.9.9",
        "--dns-search",
        "a.b",
        "--dns-option",
        "ndots:2",
        "TREE",
        "sort",
        "/etc/resolv.conf",
    ],
    "hosts": [
        "--rm",
        "--hostname",
        "h",
        "--add-host",
        "x:1.2.3.4",
        "TREE",
        "sh",
        "-c",
        "tail -n 2 /etc/hosts | sed 's/172[.0-9]*/ADDRESS/'",
    ],
    "no network": ["--rm", "--network", "none", "TREE", "sh", "-c", "ip -o -4 addr; ip route; cat /etc/resolv.conf"],
    "tmpfs": ["--rm", "--tmpfs", "/t:size=1m", "TREE", "sh", "-c", "grep ' /t ' /proc/mounts | cut -d' ' -f1-4"],
    "standard input": ["--rm", "-i", "TREE", "cat"],
    "oom score": ["--rm", "--oom-score-adj", "77", "TREE", "cat", "/proc/self/oom_score_adj"],
    "unknown flag": ["--no-such-flag", "TREE", "true"],
    "bad memory": ["--rm", "-m", "1m", "TREE", "true"],
    "bad name": ["--rm", "--name", "-x", "TREE", "true"],
    "tmpfs with one flag": [
        "--rm",
        "--tmpfs",
        "/t:noexec,size=1m",
        "TREE",
        "grep",
        "-o",
        "/t tmpfs [a-z,]*",
        "/proc/mounts",
    ],
    "tmpfs without flags": ["--rm", "--tmpfs", "/t:exec,suid,dev", "TREE", "grep", "-o", "/t tmpfs .*", "/proc/mounts"],
    "tmpfs over etc": ["--rm", "--tmpfs", "/etc", "TREE", "ls", "/etc"],
    "read-only hosts": ["--rm", "--read-only", "TREE", "sh", "-c", "echo x >> /etc/hosts || echo refused"],
    "group alone": ["--rm", "-u", ":50", "TREE", "id"],
    "user and colon": ["--rm", "-u", "1000:", "TREE", "id"],
    "no limit": ["--rm", "-m", "0", "--cpus", "0", "--shm-size", "0", "TREE", "grep", "-o", "/shm .*", "/proc/mounts"],
    "truths": ["--rm=T", "-i=true", "-it=false", "--sig-proxy=0", "TREE", "cat"],
    "no truth": ["--rm=maybe", "TREE", "true"],
    "directory that is none": ["--rm", "-w", "/etc/group", "TREE", "true"],
    "dns of a shared network": ["--rm", "--net", "container:none", "--dns", "9.9.9.9", "TREE", "true"],
    "its own network": ["--rm", "--name", "own", "--net", "container:own", "TREE", "true"],
}


def _docker_line(arguments: list[str]) -> list[str]:
    return ["run", *("tree" if word == "TREE" else word for word in arguments)]


def _pyrun_line(arguments: list[str]) -> list[str]:
    return ["run", *(BUSYBOX if word == "TREE" else word for word in arguments)]


@pytest.mark.parametrize("name", _INSIDE)
def test_a_container_sees_the_same(docker: "Docker", name: str) -> None:
    arguments = ["--rm", "TREE", "sh", "-c", _INSIDE[name]]
    theirs = docker.docker(*_docker_line(arguments))
    ours = docker.host.pyrun(*_pyrun_line(arguments))
    assert ours.stdout.decode() == theirs.stdout.decode()
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)


@pytest.mark.parametrize("name", _LINES)
def test_a_command_line_does_the_same(docker: "Docker", name: str) -> None:
    """Standard output and the exit code; complaints are pyrun's own."""
    stdin = b"\x00binary\xff"
    theirs = docker.docker(*_docker_line(_LINES[name]), stdin=stdin)
    ours = docker.host.pyrun(*_pyrun_line(_LINES[name]), stdin=stdin)
    assert (ours.stdout, ours.returncode) == (theirs.stdout, theirs.returncode), (ours.stderr, theirs.stderr)


def test_each_leaves_the_other_alone(docker: "Docker") -> None:
    """Docker set FORWARD to DROP; containers of both reach the outside, none reaches the other's, all is as before."""
    host = docker.host
    assert docker.docker("run", "-d", "--name", "theirs", "tree", "sleep", "300").returncode == 0
    before = host.settled(), host.out(_RULES)
    assert ":FORWARD DROP" in before[1]
    host.ok("run", "-d", "--name", "ours", BUSYBOX, "sleep", "300")
    ping = ["ping", "-c", "1", "-W", "1"]
    address = docker.docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "theirs").stdout.decode().strip()
    own = host.out("ip netns exec pyrun-ours ip -br -4 addr show eth0").split()[2].partition("/")[0]
    assert host.pyrun("exec", "ours", *ping, INTERNET_ADDRESS).returncode == 0
    assert docker.docker("exec", "theirs", *ping, INTERNET_ADDRESS).returncode == 0
    assert host.pyrun("exec", "ours", *ping, address).returncode == 1
    assert docker.docker("exec", "theirs", *ping, own).returncode == 1
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
    assert host.pyrun("exec", "ours", "ping", "-c", "1", "-W", "1", INTERNET_ADDRESS).returncode == 0
    host.ok("rm", "-f", "ours")
    assert "DOCKER-ISOLATION-STAGE-2" in host.out(_RULES)
