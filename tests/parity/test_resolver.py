"""The same names asked for on a network of Docker's and on one of pyrun's: codes, flags and records are the same."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import BUSYBOX, DEBIAN, INTERNET_ADDRESS

if TYPE_CHECKING:
    from conftest import Docker

_SERVER = str(Path(__file__).parent.parent / "kernel" / "nameserver.py")
_QUESTIONS = (
    "one ONE one.net1 web WEB web.net1 first.host first.host.net1 ID ID.net1 nobody single x.test x.unknown "
    "fail.test refused.test big.test . -x=ADDRESS -x=192.0.2.9"
).split()
_KINDS = ("A", "AAAA", "MX", "A +tcp", "A +noedns", "A +norecurse", "A +ignore")


class Side:
    """One engine's containers: one and two on net1, both called web, one with a hostname of its own."""

    def __init__(self, docker: "Docker", is_docker: bool) -> None:
        self.host, self.docker = docker.host, docker
        self.is_docker = is_docker
        self.verb("network", "create", "net1")
        arguments = ["--network", "net1", "--network-alias", "web"]
        tree, debian = ("tree", "debian") if is_docker else (BUSYBOX, DEBIAN)
        self.verb("run", "-d", "--name", "one", "--hostname", "first.host", *arguments, tree, "sleep", "600")
        self.verb("run", "-d", "--name", "two", *arguments, debian, "sleep", "600")
        self.verb("run", "-d", "--name", "three", "--network", "net1", tree, "sleep", "600")
        self.pid = {name: self._pid(name) for name in ("one", "three")}
        self.address = self._address("one")
        self.identity = re.findall(r'"Id": "([0-9a-f]{12})', self.verb("inspect", "one"))[0]

    def verb(self, *words: str) -> str:
        """Run a command of the engine, which has to succeed."""
        done = self.docker.docker(*words) if self.is_docker else self.host.pyrun(*words)
        assert done.returncode == 0, done
        return done.stdout.decode()

    def tried(self, *words: str) -> tuple[int, str]:
        """Run a command of the engine; give its code and what it says, with names for what differs."""
        done = self.docker.docker(*words) if self.is_docker else self.host.pyrun(*words)
        return done.returncode, self._plain(done.stdout.decode())

    def dig(self, question: str) -> list[str]:
        """Give code, flags and records, in order of their text; what pyrun keeps of others' has less to live."""
        question = question.replace("ADDRESS", self.address).replace("ID", self.identity).replace("=", " ")
        said = self._plain(self._inside("three", f"dig +tries=1 +time=10 +nocookie @127.0.0.11 {question}"))
        said = re.sub(r"\b([0-9]|[1-5][0-9]|60)\t+IN", "LEFT IN", said)
        rows = [line for line in said.splitlines() if line and not line.startswith(";")]
        return [*re.findall(r"status: \w+|flags: [a-z ]*;", said), *sorted(re.sub(r"\s+", " ", row) for row in rows)]

    def rules(self) -> list[str]:
        """Give the rules in a container's namespace, under pyrun's names."""
        text = self._inside("three", "iptables-save -t nat").replace("DOCKER_", "PYRUN_")
        text = re.sub(r"(127\.0\.0\.11:|--sport )\d+", r"\1PORT", text)
        return [line for line in text.splitlines() if line.startswith(("-A", ":"))]

    def _pid(self, name: str) -> str:
        return re.findall(r'"Pid": (\d+)', self.verb("inspect", name))[0]

    def _inside(self, name: str, command: str) -> str:
        return self.host.out(f"nsenter -t {self.pid[name]} -n {command}")

    def _address(self, name: str) -> str:
        return self._inside(name, "ip -br -4 addr show eth0").split()[2].partition("/")[0]

    def _plain(self, said: str) -> str:
        network = self.address.rpartition(".")[0]
        backwards = ".".join(reversed(network.split(".")))
        return said.replace(network, "NET").replace(backwards, "TEN").replace(self.identity, "ID")


@pytest.fixture(scope="module")
def sides(docker: "Docker", tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """Docker's side and pyrun's, with a server in the internet."""
    host, log = docker.host, tmp_path_factory.mktemp("server") / "log"
    text = f"nameserver {INTERNET_ADDRESS}\\nsearch corp.test\\n"
    host.out(f"printf '{text}' > /run/resolv; mount --bind /run/resolv /etc/resolv.conf")
    command = [sys.executable, _SERVER, str(log), INTERNET_ADDRESS]
    server = subprocess.Popen(
        ["nsenter", "-t", str(host.internet_pid), "-n", *command], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    assert server.stdout
    assert server.stdout.readline() == b"ready\n"
    tree = subprocess.run(["tar", "-C", DEBIAN, "-c", "."], capture_output=True, check=True).stdout
    assert docker.docker("import", "-", "debian", stdin=tree).returncode == 0
    yield Side(docker, True), Side(docker, False)
    host.pyrun("rm", "-f", "one", "two", "three")
    host.pyrun("network", "rm", "net1")
    server.kill()
    server.communicate()


@pytest.mark.parametrize("kind", _KINDS)
def test_dig_says_the_same(sides: tuple[Side, Side], kind: str) -> None:
    theirs, ours = ({name: side.dig(f"{name} {kind}") for name in _QUESTIONS} for side in sides)
    assert ours == theirs


@pytest.mark.parametrize("name", "one one.net1 web web.net1 first.host x.test x.test.corp.test nobody.unknown".split())
def test_getent_and_nslookup_say_the_same(sides: tuple[Side, Side], name: str) -> None:
    for words in (("two", "getent", "ahosts", name), ("two", "getent", "hosts", name), ("three", "nslookup", name)):
        theirs, ours = (side.tried("exec", *words) for side in sides)
        assert (ours[0], sorted(ours[1].split())) == (theirs[0], sorted(theirs[1].split())), words


def test_addresses_lead_back_to_the_same_names(sides: tuple[Side, Side]) -> None:
    theirs, ours = (side.tried("exec", "two", "getent", "hosts", side.address) for side in sides)
    assert ours == theirs


def test_the_rules_in_the_sandbox_are_the_same(sides: tuple[Side, Side]) -> None:
    theirs, ours = (side.rules() for side in sides)
    assert ours == theirs


_OPTIONS = (
    [],
    ["--dns", "9.9.9.9"],
    ["--dns-search", "a.b"],
    ["--dns-search", "."],
    ["--dns-option", "timeout:1"],
    ["--dns-option", "ndots:3", "--dns-option", "rotate"],
    ["--dns", "9.9.9.9", "--dns-search", "a.b", "--dns-search", "c", "--dns-option", "ndots:2"],
)


@pytest.mark.parametrize("options", _OPTIONS, ids=" ".join)
def test_resolv_conf_is_the_same_byte_for_byte(sides: tuple[Side, Side], options: list[str]) -> None:
    line = ["run", "--rm", "--network", "net1", *options]
    theirs, ours = (
        side.verb(*line, "tree" if side.is_docker else BUSYBOX, "cat", "/etc/resolv.conf") for side in sides
    )
    assert ours == theirs
