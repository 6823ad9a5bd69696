"""What the kernel answers in a container of either engine: every system call, and the firewall rules of their networks."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import listed
from lab import BUSYBOX, PYRUN, TOP, Done, Host

if TYPE_CHECKING:
    from conftest import Docker

_PROBER = Path(TOP, "pyrun/parity/probes/syscalls.py")
_PYTHON = ["-v", "/usr:/usr:ro", "-v", "/lib:/lib:ro", "-v", "/lib64:/lib64:ro", "-v", f"{_PROBER}:/prober.py:ro"]


def test_every_system_call_is_answered_the_same(docker: "Docker") -> None:
    """But those that docs/parity.md lists, by number."""
    line = ["run", "--rm", *_PYTHON]
    theirs = _answers(docker.docker(*line, "tree", "/usr/bin/python3", "/prober.py"))
    ours = _answers(docker.host.pyrun(*line, BUSYBOX, "/usr/bin/python3", "/prober.py"))
    assert len(theirs) == len(ours) == 470
    assert {number for number in ours if ours[number] != theirs[number]} == listed.system_calls()


def _answers(done: Done) -> dict[int, str]:
    assert done.returncode == 0, done
    rows = (row.split(" ", 1) for row in done.stdout.decode().splitlines())
    return {int(number): answer for number, answer in rows}


def test_rules_are_the_same_after_renaming(docker: "Docker") -> None:
    """The default bridge with a published port, a network, an internal one: each set without what the other added."""
    theirs = _rules(docker.host, [*docker.command], "tree")
    ours = _rules(docker.host, PYRUN, BUSYBOX)
    assert sorted(ours - theirs) == sorted(listed.rules("pyrun"))
    assert sorted(theirs - ours) == sorted(listed.rules("docker"))


def _rules(host: Host, engine: list[str], tree: str) -> set[str]:
    """Give an engine's rules in common words: BRIDGE, OWN, INTERNAL for bridges, DOCKER for chains."""

    def ok(*arguments: str) -> str:
        done = host.run([*engine, *arguments])
        assert done.returncode == 0, done
        return done.stdout.decode().strip()

    host.settled()  # no network stands idle from before
    before = _standing(host)
    for name, options in (("n1", ("--subnet", "10.77.0.0/24")), ("n2", ("--internal", "--subnet", "10.78.0.0/24"))):
        option = f"com.docker.network.bridge.name={'OWN' if name == 'n1' else 'INTERNAL'}"
        ok("network", "create", "-o", option, *options, name)
    ok("run", "-d", "--name", "c1", "-p", "198.51.100.2:8080:80", tree, "sleep", "300")
    try:
        text = {_common(rule) for rule in _standing(host) - (before if engine == PYRUN else set())}
        return {rule for rule in text if re.search("BRIDGE|OWN|INTERNAL|DOCKER", rule)}
    finally:
        ok("rm", "-f", "c1")
        ok("network", "rm", "n1")
        ok("network", "rm", "n2")
        host.settled()


def _standing(host: Host) -> set[str]:
    found, table = set(), ""
    for line in host.out("iptables-save").splitlines():
        table = line[1:] if line.startswith("*") else table
        if line.startswith("-A"):
            found.add(f"{table}: {line}")
    return found


def _common(rule: str) -> str:
    for pattern, word in (
        (r"\bpyrun0\b|\bdocker0\b(?! )", "BRIDGE"),
        (r"\bdocker0\b", "BRIDGE"),
        (r"-A PYRUN-FORWARD\b", "-A FORWARD"),
        ("PYRUN", "DOCKER"),
        (r"172\.\d+\.0\.0/16", "SUBNET"),
        (r"172\.\d+\.0\.\d+", "ADDRESS"),
        (r' -m comment --comment "pyrun:[0-9a-f]+"', ""),
    ):
        rule = re.sub(pattern, word, rule)
    return rule


def test_inspect_has_dockers_fields(docker: "Docker") -> None:
    """Every field of `docker inspect`, down to its leaves, but those that docs/parity.md lists."""
    line = ["run", "-d", "--name", "c1"]
    assert docker.docker(*line, "tree", "sleep", "300").returncode == 0
    theirs = _fields(json.loads(docker.docker("inspect", "c1").stdout)[0])
    docker.docker("rm", "-f", "c1")
    docker.host.ok(*line, BUSYBOX, "sleep", "300")
    ours = _fields(json.loads(docker.host.ok("inspect", "c1"))[0])
    docker.host.ok("rm", "-f", "c1")
    assert sorted(theirs - ours) == sorted(listed.fields("docker"))
    assert sorted(ours - theirs) == sorted(listed.fields("pyrun"))


def _fields(value: object, path: str = "") -> set[str]:
    if not isinstance(value, dict) or not value:
        return {path}
    inside = {key: inner for key, inner in value.items() if key != "Limits"}  # as the kernel has them, by version
    return {leaf for key, inner in inside.items() for leaf in _fields(inner, f"{path}.{key}".lstrip("."))}
