"""Hosts with names, whom they ask, and dig, which asks them."""

import re
import subprocess
import sys
from pathlib import Path

from lab import Host

SECOND_ADDRESS = "198.51.100.3"  # of the internet as well


SERVICES = "pgrep -f --ns $$ --nslist net 'pyrun[.]runtime[.]services'"


class NameServer:
    """A server, its log, and what it was asked."""

    def __init__(self, namespace: int, log: Path, address: str) -> None:
        self._log = log
        script = str(Path(__file__).with_name("nameserver.py"))
        command = ["nsenter", "-t", str(namespace), "-n", sys.executable, script, str(log), address]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout
        assert self._process.stdout.readline() == b"ready\n"

    def asked(self, name: str = "") -> list[str]:
        """List the questions, as PROTOCOL PEER NAME TYPE."""
        lines = self._log.read_text().splitlines() if self._log.exists() else []
        return [line for line in lines if not name or line.split()[2] == name]

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


def use(host: Host, *servers: str, options: str = "") -> None:
    """Make these the host's name servers."""
    text = "".join(f"nameserver {server}\\n" for server in servers) + options
    host.out(
        f"printf '{text}' > /run/resolv; mountpoint -q /etc/resolv.conf || mount --bind /run/resolv /etc/resolv.conf"
    )


def dig(host: Host, container: str, *words: str) -> str:
    """Give all that dig says in a container's network."""
    return host.shell(
        f"ip netns exec pyrun-{container} dig +tries=1 +time=15 @127.0.0.11 {' '.join(words)}"
    ).stdout.decode()


def short(host: Host, container: str, *words: str) -> list[str]:
    """Give the answers alone, in order."""
    return sorted(dig(host, container, "+short", *words).splitlines())


def status(text: str) -> tuple[str, str]:
    """Give code and flags of what dig says."""
    return re.findall(r"status: (\w+)", text)[-1], re.findall(r"flags: ([a-z ]*);", text)[0]


def address(host: Host, container: str) -> str:
    """Ask iproute2 for a container's address."""
    return host.out(f"ip -n pyrun-{container} -br -4 addr show eth0").split()[2].partition("/")[0]
