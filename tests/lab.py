"""A host of its own for each test: network and mount namespaces, an uplink, and an internet behind it."""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pyrun.testing import Lab

TOP = Path(__file__).resolve().parent.parent
_SITE = [p for p in sys.path if p.endswith("site-packages")]
_START = f"import sys; sys.path[:0] = {[str(TOP), *_SITE]!r}"
_MAIN = "from pyrun.__main__ import main; main()"
PYRUN = [sys.executable, "-I", "-S", "-c", f"{_START}; {_MAIN}"]
TYPED = shlex.join(PYRUN)  # for a shell
BUSYBOX = os.environ.get("PYRUN_TEST_BUSYBOX", "")
DEBIAN = os.environ.get("PYRUN_TEST_DEBIAN", "")
HOST_ADDRESS, INTERNET_ADDRESS = Lab.address, Lab.internet_address
Done = subprocess.CompletedProcess[bytes]

# The processes of pyrun that belong to this host: its clients and monitors live in its network namespace.
_PROCESSES = """
for p in $(grep -lszE 'pyrun[.](__main__|runtime)' /proc/[0-9]*/cmdline); do
    p=${p%/cmdline}
    [ $p/ns/net -ef /proc/$$/ns/net ] && tr '\\0\\n' ' ' < $p/cmdline && echo
done
"""

# Waits until processes are dead: gone, or known to nobody but who has not asked for their exit code.
_DEAD = "for p in {}; do while [ -d /proc/$p ] && ! grep -q '^State:.[ZX]' /proc/$p/status; do sleep 0.01; done; done"


def without(defence: str) -> list[str]:
    """Give pyrun with a defence taken away by *defence*, a line of Python; no such switch ships."""
    return [sys.executable, "-I", "-S", "-c", f"{_START}\n{defence}\n{_MAIN}"]


class Host:
    """The machine that a test sees."""

    groups = "find /sys/fs/cgroup -type d -path '*/pyrun*' | sort"  # lists what containers leave among control groups

    def __init__(self) -> None:
        self._lab = Lab(ipv6=False)
        self.pid, self.internet_pid = self._lab.pid, self._lab.internet_pid

    def close(self) -> None:
        """End the containers that a test left, then the host."""
        try:
            left = self.pyrun("ps", "-aq", "--no-trunc").stdout.decode().split()
            if left:
                self.pyrun("rm", "-f", *left)
            left_over = self.settled("processes", "cgroups")
        finally:
            self._lab.close()  # and whom a container that pyrun lost left
        assert (left_over["processes"], left_over["cgroups"]) == ("", ""), left_over

    def shell(self, command: str, stdin: bytes = b"", timeout: float = 60) -> Done:
        """Run a command line on the host."""
        return self.run(["bash", "-c", command], stdin, timeout)

    def run(self, command: list[str], stdin: bytes = b"", timeout: float = 60) -> Done:
        """Run a program on the host."""
        return subprocess.run(self._enter(command), input=stdin, capture_output=True, timeout=timeout, check=False)

    def out(self, command: str) -> str:
        """Run a command line that has to succeed; give what it prints."""
        done = self.shell(command)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def internet(self, command: str) -> Done:
        """Run a command line on the far side of the uplink."""
        full = ["nsenter", "-t", str(self.internet_pid), "-n", "bash", "-c", command]
        return subprocess.run(full, capture_output=True, timeout=60, check=False)

    def start(self, command: list[str], **options: object) -> "subprocess.Popen[bytes]":
        """Start a program on the host."""
        return subprocess.Popen(self._enter(command), **options)  # type: ignore[call-overload,no-any-return]

    def pyrun(self, *arguments: str, stdin: bytes = b"", timeout: float = 60) -> Done:
        """Run pyrun on the host."""
        return self.run([*PYRUN, *arguments], stdin, timeout)

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run pyrun, which has to succeed in silence; give what it prints."""
        done = self.pyrun(*arguments, stdin=stdin)
        assert (done.returncode, done.stderr) == (0, b""), done
        return done.stdout.decode()

    def snapshot(self, *parts: str) -> dict[str, str]:
        """Describe everything that a container could leave behind, or *parts* of it."""
        look = {
            "links": "ip -o link | sed 's/ state .*//' | sort",
            "addresses": "ip -o addr | sed 's/valid_lft.*//'",
            "routes": "ip route show table all | sort",
            "iptables": "iptables-save | sed 's/\\[.*//; /^#/d' | grep -vE '^:|^\\*|^COMMIT' || :",
            "nft": "nft -s list ruleset 2>/dev/null | grep -vE '^table|^\\}|^$|chain|type .* hook|^\t\\}' || :",
            "sysctl": "grep -s '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv[46]/conf/{all,default}/*",
            "mounts": "awk '{ print $5, $9 }' /proc/self/mountinfo | sort",
            "cgroups": self.groups,
            # That nobody watches who serves a container means nothing, but that each command asks for itself.
            "files": "find /run /var/lib/pyrun"
            " | grep -vE 'xtables.lock|pyrun/(events.log|seccomp|names$|containers$|networks$|unwatched)' | sort",
            "processes": _PROCESSES,
        }
        script = "\n".join(f"echo '== {name}'\n{look[name]}" for name in parts or look)
        told = self.shell(script).stdout.decode().split("== ")[1:]
        return {part.partition("\n")[0]: part.partition("\n")[2] for part in told}

    def settled(self, *parts: str) -> dict[str, str]:
        """Give a snapshot after the network's grace period: when nothing of pyrun runs any more."""
        deadline = time.monotonic() + 20
        while self.shell(_PROCESSES).stdout and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.snapshot(*parts)

    def kill_monitor(self, name: str) -> None:
        """Kill the monitor of a container with -9, and nobody who serves or checks it, nor another's on this machine."""
        self.kill(self.monitor(name))

    def monitor(self, name: str) -> str:
        """Give the processes, by their numbers, of a container's monitor."""
        identity = self.out(f"readlink /var/lib/pyrun/names/{name}").strip()
        # Its command line has the name at first, and the identity once it is the relay alone.
        found = f"$(pgrep -f --ns $$ --nslist net '[p]yrun.*({name}|{identity})')"
        other = "grep -qE 'pyrun.runtime.(services|check)' /proc/$p/cmdline"
        return self.out(f"for p in {found}; do {other} || echo $p; done").replace("\n", " ").strip()

    def kill_programs(self, identity: str = "*") -> None:
        """Kill all processes of a container, or of all of them, with -9."""
        groups = f"$(find /sys/fs/cgroup -path '*/pyrun/{identity}/cgroup.procs')"
        self.kill(f"$(cat {groups} | sort -u)")

    def kill(self, processes: object) -> None:
        """Kill processes, by their numbers, with -9; when this returns they have died."""
        self.out(f"n=$(echo {processes}); kill -9 $n; {_DEAD.format('$n')}")

    def forget_groups(self, *identities: str) -> None:
        """Remove control groups without processes, as a reboot does."""
        for identity in identities:
            self.out(f"find /sys/fs/cgroup -depth -type d -name {identity} -exec rmdir {{}} +")
        self.shell("rmdir /sys/fs/cgroup/pyrun /sys/fs/cgroup/*/pyrun")

    def _enter(self, command: list[str]) -> list[str]:
        return ["nsenter", "-t", str(self.pid), "-n", "-m", f"--wd={TOP}", *command]


@contextlib.contextmanager
def fresh_host() -> Iterator[Host]:
    """Give a host for the length of a with statement."""
    host = Host()
    try:
        yield host
    finally:
        host.close()


def wait_until(claim: "object", seconds: float = 20) -> None:
    """Wait until *claim*, a function, holds; fail when it does not come to hold at all."""
    deadline = time.monotonic() + seconds
    while not claim():  # type: ignore[operator]
        assert time.monotonic() < deadline, claim
        time.sleep(0.02)
