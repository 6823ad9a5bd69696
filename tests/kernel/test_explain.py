"""`--dry-run` typed line by line into two shells makes the container that pyrun makes."""

import re
import subprocess

from lab import DEBIAN, Host, wait_until

# What is true of a container, as other programs see it from outside; $P is its first process.
_WITNESSES = {
    "mounts": "cut -d' ' -f4- /proc/$P/mountinfo | sed -E 's/ (shared|master):[0-9]+//g' | sort -k2",
    "status": "grep -E '^(Umask|Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/$P/status",
    "limits": "cat /proc/$P/limits",
    "cgroups": "sort -t: -k2 /proc/$P/cgroup",
    "memory": "cat /sys/fs/cgroup/{memory/,}above/pyrun/$ID/memory.{limit_in_bytes,soft_limit_in_bytes,max,low} 2>/dev/null",
    "devices": "cat /sys/fs/cgroup/devices/above/pyrun/$ID/devices.list 2>/dev/null | sort",
    "environment": "tr '\\0' '\\n' < /proc/$P/environ | sort",
    "command": "tr '\\0' ' ' < /proc/$P/cmdline",
    "directory": "readlink /proc/$P/cwd; cat /proc/$P/oom_score_adj",
    "hostname": "nsenter -t $P -u hostname",
    "files": "cd /proc/$P/root && cat etc/hosts etc/hostname etc/resolv.conf && stat -c '%n %F %a %u %g %t:%T' . etc dev dev/* proc sys",
    "volumes": "cd /proc/$P/root/etc/skel && find . -printf '%p %y %m %U:%G %s\\n' | sort; stat -c '%F %a %t:%T' /proc/$P/root/dev/x/y",
    "parameters": "nsenter -t $P -n -u cat /proc/sys/{net/ipv4/ip_default_ttl,kernel/domainname}",
    "links": "nsenter -t $P -n ip -br addr | sed 's/@if[0-9]*//'; nsenter -t $P -n ip route",
}


class Shell:
    """A bash on a host, into which somebody types one line after the other."""

    def __init__(self, host: Host) -> None:
        pipe = subprocess.PIPE
        self.process = host.start(["bash"], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT)

    def type(self, line: str) -> None:
        """Type a line and wait until it is done; it has to succeed and say nothing."""
        assert self.process.stdout
        self.enter(line)
        self.enter("echo code=$?")
        assert self.process.stdout.readline() == b"code=0\n", line

    def enter(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()


def test_typed_commands_make_the_same_container(host: Host) -> None:
    """What can be seen of it is the same, but the seccomp filter, which no command loads."""
    options = "--hostname typed -u nobody --ulimit nofile=64:128 -m 64m -v /opt:/vol:ro --tmpfs /scratch -w /tmp/here"
    options += (
        " -v data:/etc/skel -v other:/opt:nocopy,ro --device /dev/zero:/dev/x/y:r --sysctl net.ipv4.ip_default_ttl=33"
    )
    options += " --domainname example.org --memory-reservation 32m --cpu-quota 25000 --cgroup-parent above/pyrun"
    more = ["--oom-score-adj", "5", "--device-cgroup-rule", "c 189:* r"]
    arguments = ["--name", "typed", *options.split(), *more, DEBIAN, "sleep", "300"]
    typed = _typed(host, host.ok("run", "--dry-run", *arguments).splitlines())
    wait_until(lambda: not host.shell("ip -o link show master pyrun0").stdout)  # the cable goes with its sandbox
    host.out(
        "ip link del pyrun0; rm -rf /run/netns/* /var/lib/pyrun/* /run/pyrun; iptables -F; iptables -X; iptables -t nat -F"
    )
    identity = host.ok("run", "-d", *arguments).strip()
    pid = host.out("ip netns pids pyrun-typed").strip()
    assert _seen(host, pid, identity) == typed


def _typed(host: Host, lines: list[str]) -> dict[str, str]:
    """Type the lines, see what came of them, and end it."""
    outside, inside = Shell(host), Shell(host)
    identity = lines[0].partition("ID=")[2].partition(" ")[0]
    outside.type("mkdir -p /var/lib/pyrun/{containers,names,volumes} /run/pyrun/containers/" + identity)
    *rest, last = lines
    for line in rest:
        side, _, command = line.rpartition("  # ")[0].partition("$ ")
        shell = inside if side == "container" or "unshare --pid" in command else outside
        if command.startswith("export"):
            inside.type(command)
        shell.type(command)
        if "unshare --pid" in command:
            pid = host.out(f"cat /proc/{inside.process.pid}/task/*/children").strip()
            outside.type(f"PID={pid}")
    inside.enter(last.rpartition("  # ")[0].partition("$ ")[2])
    wait_until(lambda: b"sleep" in host.shell(f"cat /proc/{pid}/cmdline").stdout)
    seen = _seen(host, pid, identity)
    host.kill(pid)
    for each in (outside, inside):
        each.process.communicate()
    host.forget_groups(identity)
    host.shell("find /sys/fs/cgroup -depth -path '*/above*' -type d -exec rmdir {} +")
    return seen


def _seen(host: Host, pid: str, identity: str) -> dict[str, str]:
    seen = {name: host.shell(f"P={pid}; ID={identity}; {look}").stdout.decode() for name, look in _WITNESSES.items()}
    return {name: re.sub(identity[:12] + "[0-9a-f]*", "ID", text) for name, text in seen.items()}
