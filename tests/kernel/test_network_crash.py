"""SIGKILL at every place of the verbs about networks: one command later all of it has happened, or nothing.

That is compared on the host, inside the container, and in its record.
"""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from killing import MOMENTS, run_killed
from lab import BUSYBOX, Host

# What a bridge gets with its first port, who served once, and what cables that are gone might send (see firewall.guard).
_PASSING = ("fe80::", "multicast ff00", "services.log", '"veth')
_CREATE = "network create --subnet 10.5.0.0/24 --ipv6 --subnet fd00:5::/64 -o com.docker.network.bridge.name=br5 five"
_RUN = f"run -d -p 8080:80 -p 127.0.0.1:53:53/udp --name box {BUSYBOX} sleep 3600"
_INNER = "network create --internal --subnet 10.6.0.0/24 -o com.docker.network.bridge.name=br6 inner"
_RUN_INNER = _RUN.replace("run -d", "run -d --network inner")
_CONNECT = "network connect --gw-priority 1 --alias other five box"
_DISCONNECT = "network disconnect five box"


class Verb(NamedTuple):
    """A verb that is killed: what it needs to be there, and what takes it back."""

    line: str
    before: tuple[str, ...]
    back: tuple[str, ...]


VERBS = {
    "create": Verb(_CREATE, (), ("network rm five",)),
    "rm": Verb("network rm five", (_CREATE,), (_CREATE,)),
    "prune": Verb("network prune -f", (_CREATE,), (_CREATE,)),
    "connect": Verb(_CONNECT, (_CREATE, _RUN), (_DISCONNECT,)),
    "disconnect": Verb(_DISCONNECT, (_CREATE, _RUN, _CONNECT), (_CONNECT,)),
    "connect bridge": Verb(
        "network connect bridge box", (_RUN, "network disconnect bridge box"), ("network disconnect bridge box",)
    ),
    "disconnect bridge": Verb("network disconnect bridge box", (_RUN,), ("network connect bridge box",)),
    "connect outside": Verb(_CONNECT, (_CREATE, _INNER, _RUN_INNER), (_DISCONNECT,)),
    "disconnect outside": Verb(_DISCONNECT, (_CREATE, _INNER, _RUN_INNER, _CONNECT), (_CONNECT,)),
}


@pytest.fixture(params=["iptables", "nftables"])
def firewalled(request: pytest.FixtureRequest, host: Host, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Give a host that is spoken to with one of the two tools."""
    monkeypatch.setenv("PYRUN_FIREWALL", request.param)
    return host


def _state(host: Host) -> dict[str, str]:
    """Give all that is there, without what is random and without order, and without what a bridge remembers."""
    look = "ip -n pyrun-box addr; ip -n pyrun-box route; ip -n pyrun-box -6 route; cd /var/lib/pyrun/containers/*/ && "
    look += "cat hosts resolv.conf; grep -o '.attachments.*' config.json; grep -ho '.published.*' /run/pyrun/networks/*/endpoints/*"
    held = host.shell("ss -lntuH | awk '{ print $1, $5 }'").stdout.decode()
    found = {**host.snapshot(), "processes": "", "inside": host.shell(look).stdout.decode(), "ports": held}
    return {name: _plain(text) for name, text in found.items()}


def _plain(text: str) -> str:
    """Leave out names and numbers that differ each time, and what a bridge gets with its first port."""
    lines = [line for line in text.splitlines() if not any(each in line for each in _PASSING)]
    for pattern in (
        r"veth[0-9a-f]{7}|eth[0-9]|\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b|NO-CARRIER,| linkdown|valid_lft.*",
        r"^\d+: |@if\d+|link-netns(id)? \S+|[0-9a-f]{64}|[0-9a-f]{12}|tentative|expires \S+",
    ):
        lines = [re.sub(pattern, "", line) for line in lines]
    return "\n".join(sorted(line.strip() for line in lines))


def _prepare(host: Host, verb: Verb) -> None:
    for line in verb.before:
        host.ok(*shlex.split(line))


def _clean(host: Host, place: int) -> None:
    cleaned = host.pyrun("ps", "-aq")
    assert (cleaned.returncode, cleaned.stderr) == (0, b""), (place, cleaned)


def _check(state: dict[str, str], before: dict[str, str], after: dict[str, str], place: object) -> None:
    """Compare what is there with what may be there, and show only what is wrong."""

    def wrong(wanted: dict[str, str]) -> list[str]:
        found = (sorted(set(state[key].splitlines()) ^ set(wanted[key].splitlines())) for key in state)
        return [line for lines in found for line in lines]

    assert state in (before, after), (place, *min(map(wrong, (before, after)), key=len))


@pytest.mark.parametrize("name", VERBS)
def test_killed_anywhere_it_has_happened_or_not(firewalled: Host, tmp_path: Path, name: str) -> None:
    host, verb, place = firewalled, VERBS[name], 1
    _prepare(host, verb)
    before = _state(host)
    host.ok(*shlex.split(verb.line))
    after = _state(host)
    for line in verb.back:
        host.ok(*shlex.split(line))
    assert before != after
    _check(_state(host), before, before, 0)
    outcomes = set()
    while True:
        done, reached = run_killed(host, tmp_path / "counter", place, ",".join(MOMENTS), *shlex.split(verb.line))
        if reached < place:
            assert done.returncode == 0, done
            break
        _clean(host, place)
        state = _state(host)
        _check(state, before, after, place)
        outcomes.add(state == after)
        if state == after:
            for line in verb.back:
                host.ok(*shlex.split(line))
        place += 1
    assert outcomes == ({False} if name == "create" else {False, True})  # what commits is its last change
    assert place > 10


@pytest.mark.parametrize("name", ["create", "connect", "disconnect", "connect outside", "disconnect outside"])
def test_killed_again_while_cleaning(host: Host, tmp_path: Path, name: str) -> None:
    """The command that cleans is itself killed at every place, after a verb that was killed near its end."""
    verb, counter = VERBS[name], tmp_path / "counter"
    _prepare(host, verb)
    before = _state(host)
    _, whole = run_killed(host, counter, 0, ",".join(MOMENTS), *shlex.split(verb.line))
    after = _state(host)
    for line in verb.back:
        host.ok(*shlex.split(line))
    for first in (whole // 2, whole - 3):
        place = 1
        while True:
            run_killed(host, counter, first, ",".join(MOMENTS), *shlex.split(verb.line))
            _, reached = run_killed(host, counter, place, ",".join(MOMENTS), "ps")
            _clean(host, place)
            state = _state(host)
            _check(state, before, after, (first, place))
            for line in verb.back if state == after else ():
                host.ok(*shlex.split(line))
            if reached < place:
                break
            place += 1


def test_repair_killed_anywhere_goes_on(host: Host, tmp_path: Path) -> None:
    _prepare(host, VERBS["disconnect"])
    before, place = _state(host), 1
    while True:
        host.out(
            "iptables -F; iptables -t nat -F; ip link del br5; ip link del pyrun0; sysctl -qw net.ipv4.ip_forward=0"
        )
        _, reached = run_killed(host, tmp_path / "counter", place, ",".join(MOMENTS), "network", "repair")
        host.pyrun("ps")
        host.ok("network", "repair")
        assert _state(host) == before, place
        if reached < place:
            break
        place += 1
    assert place > 10


def test_a_container_that_ended_before_anybody_cleaned(host: Host, tmp_path: Path) -> None:
    """Its record says what it was plugged into for the next start: all of the plug that was in, or nothing."""
    host.ok(*shlex.split(_CREATE))
    host.ok(*shlex.split(_RUN))
    host.ok("stop", "-t", "0", "box")
    host.ok("rm", "box")
    host.settled()
    before, place = _state(host), 1
    while True:
        host.ok(*shlex.split(_RUN))
        _, reached = run_killed(host, tmp_path / "counter", place, ",".join(MOMENTS), *shlex.split(_CONNECT))
        host.kill_programs()
        host.ok("wait", "box")
        host.settled()
        _clean(host, place)
        names = host.out('grep -o \'"network": "[a-z]*", "aliases\' /var/lib/pyrun/containers/*/config.json')
        assert names.count("network") in (1, 2)
        assert "bridge" in names
        host.ok("rm", "box")
        _check(_state(host), before, before, place)
        if reached < place:
            break
        place += 1
