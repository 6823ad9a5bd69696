"""Networks, ports and names typed into both engines: equal, or a deviation that docs/parity.md lists with its reason."""

import re
import shlex
from typing import TYPE_CHECKING

import listed
import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, PYRUN
from option_scenarios import OPTION_SCENARIOS
from scenarios import SCENARIOS

if TYPE_CHECKING:
    from conftest import Docker

_PREAMBLE = """
exec 2>&1
E() {{ {engine} "$@"; }}
FAR() {{ nsenter -t {internet} -n "$@"; }}
quiet() {{ "$@" >/dev/null; }}
no() {{ E "$@" >/dev/null 2>&1 && echo taken || echo refused; }}
INTERNET={address} NC={tree}/bin/busybox
"""
_ALL = {**SCENARIOS, **OPTION_SCENARIOS}
_CLEAN = """
E rm -f c1 c2 c3 >/dev/null 2>&1
for n in n1 n2 aa zz; do E network rm $n >/dev/null 2>&1; done
:
"""
_CLEAN_MORE = """
for c in $(E ps -aq); do E rm -f $c; done
for v in $(E volume ls -q); do E volume rm $v; done
"""


def _outcome(docker: "Docker", engine: list[str], tree: str, script: str) -> str:
    fill = {
        "engine": shlex.join(engine),
        "internet": docker.host.internet_pid,
        "address": INTERNET_ADDRESS,
        "tree": BUSYBOX,
    }
    words = re.sub(r"\bTREE\b", tree, script)
    done = docker.host.shell(_PREAMBLE.format(**fill) + words, timeout=60)
    volumes = _CLEAN_MORE if "v1" in script or "-v" in script or "create " in script else ""
    docker.host.shell(f"{_PREAMBLE.format(**fill)} {_CLEAN}{volumes}")
    return _normalised(done.stdout.decode())


def _normalised(text: str) -> str:
    """Leave out what is random, and what each engine calls in its own way."""
    text = re.sub(r"172\.(1[7-9]|2\d|3[01])\.", "172.X.", text)
    text = re.sub(r"\b02:42:ac:1[0-9a-f]", "02:42:ac:XX", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "ID", text)
    text = re.sub(r"^(docker|pyrun|Error response from daemon): .*$", "COMPLAINT", text, flags=re.MULTILINE)
    text = re.sub(r"^See 'docker .*$\n?", "", text, flags=re.MULTILINE)
    return re.sub(r"^(Error: .*|no matching subnet for .*)$", "COMPLAINT", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", _ALL)
def test_a_script_does_the_same(docker: "Docker", name: str) -> None:
    theirs = _outcome(docker, docker.command, "tree", _ALL[name])
    ours = _outcome(docker, PYRUN, BUSYBOX, _ALL[name])
    if name in listed.scenarios():
        assert ours != theirs, f"docs/parity.md lists a deviation that is none any more: {name}"
    else:
        assert ours == theirs


def test_only_known_scenarios_are_listed() -> None:
    assert listed.scenarios() <= set(_ALL)
