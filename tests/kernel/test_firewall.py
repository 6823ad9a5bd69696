"""The rules in the kernel are those of docs/firewall.md, and whatever somebody takes away of them comes back."""

import re
import sys

import firewall_document
import pytest
import walls
from lab import BUSYBOX, TOP, Host, wait_until

_SITE = [path for path in sys.path if path.endswith("site-packages")]
_DRIVER = f"""
import os, sys
sys.path[:0] = {[str(TOP), str(TOP / "tests"), *_SITE]!r}
import firewall_document
from pyrun import keeping
from pyrun.firewall import choice, generation
from pyrun.network import driver, endpoints, standing
from pyrun.operation import perform
from pyrun.spec import Published
"""
_MADE = """
os.makedirs("/run/pyrun", exist_ok=True)
scenario = firewall_document.SCENARIOS[NUMBER - 1]
nets = [driver.create(firewall_document.request(net)) for net in scenario.networks]
for end in scenario.ends:
    perform(choice.published(end._replace(network=standing.read(end.network.name))))
"""
_PUBLISH = """
for end in standing.endpoints("red"):
    ports = (Published("tcp", "0.0.0.0", 8080, 80), Published("udp", "198.51.100.2", 53, 53))
    ports += (Published("tcp", "::", 8080, 80),) if end.address6 else ()
    end = end._replace(published=ports)
    endpoints.registered(end).apply()
    perform(choice.published(end), "host", keeping.endpoint_journal(end.container, "red"))
"""


def _drive(host: Host, program: str) -> str:
    done = host.run([sys.executable, "-I", "-S", "-c", _DRIVER + program])
    assert (done.returncode, done.stderr) == (0, b""), done
    return done.stdout.decode()


@pytest.mark.parametrize("number", range(1, len(firewall_document.SCENARIOS) + 1))
@pytest.mark.parametrize("backend", walls.BACKENDS)
def test_the_kernel_has_what_the_document_shows(
    host: Host, backend: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    walls.use(host, backend, monkeypatch)
    _drive(host, _MADE.replace("NUMBER", str(number)))
    if backend == "nftables":
        assert _of(host, "inet pyrun") == _written(firewall_document.shown(number, "nftables"))
        return
    lines = [line.partition("  # ")[0].rstrip() for line in firewall_document.shown(number, "iptables")]
    assert _by_chain(_saved(host)) == _by_chain(_sections(lines))


def _sections(lines: list[str]) -> list[str]:
    """Turn the document's headings into what iptables-save begins a table with."""
    return [f"*{line.split()[1][:-6]} {line.split()[-1]}" if line.startswith("#") else line for line in lines]


def _saved(host: Host) -> list[str]:
    found = []
    for tool in ("ip", "ip6"):
        lines = host.out(f"{tool}tables-save").splitlines()
        found += [f"*{tool} {line[1:]}" if line.startswith("*") else line for line in lines if line[0] in "*-"]
    return found


def _by_chain(lines: list[str]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    table = ""
    for line in lines:
        if line.startswith("*"):
            table = line
        else:
            found.setdefault((table, line.split()[1]), []).append(line)
    return found


def _of(host: Host, table: str) -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    """Give the elements by set, and the rules by chain, that nft lists."""
    listed = host.out(f"nft -s list table {table}")
    elements = {
        match[1]: {part.strip() for part in match[2].split(",")}
        for match in re.finditer(r"(?:set|map) (\S+) \{[^{}]*elements = \{([^}]*)\}", listed)
    }
    chains = {
        match[1]: [line.strip() for line in match[2].splitlines() if line.strip() and " hook " not in line]
        for match in re.finditer(r"chain (\S+) \{\n(.*?)^\t\}", listed, re.S | re.M)
    }
    return elements, {name: rules for name, rules in chains.items() if rules}


def _written(lines: list[str]) -> tuple[dict[str, set[str]], dict[str, list[str]]]:
    """Read the same out of the document."""
    elements, chains, chain = {}, dict[str, list[str]](), ""
    for line in lines:
        match = re.fullmatch(r"(\S+) = \{ (.*) \}", line)
        if match:
            elements[match[1]] = set(match[2].split(", "))
        elif line.startswith("chain "):
            chain = line.split()[1]
        elif line.startswith("    "):
            chains.setdefault(chain, []).append(line.strip())
    return elements, chains


@pytest.fixture
def house(host: Host) -> Host:
    """A host with a container that has ports published, on a network with both families; and a second network."""
    host.ok("network", "create", "--ipv6", "-o", "com.docker.network.bridge.name=red0", "red")
    host.ok("network", "create", "-o", "com.docker.network.bridge.name=blue0", "blue")
    host.ok("run", "-d", "--name", "web", "--net", "red", BUSYBOX, "sleep", "900")
    _drive(host, _PUBLISH)
    return host


@pytest.mark.parametrize("backend", ["iptables", "legacy"])
def test_any_single_rule_that_is_deleted_comes_back(
    host: Host, backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its place; the same goes for a rule that stands twice, and for each chain."""
    walls.use(host, backend, monkeypatch)
    request.getfixturevalue("house")
    host.out("iptables -A PYRUN-USER -s 203.0.113.9 -j DROP; ip6tables -A PYRUN-USER -s 2001:db8::9 -j DROP")
    host.ok("ps")
    before = _by_chain(_saved(host))
    for (section, chain), rules in before.items():
        tool, table = section[1:].split()
        for at, rule in enumerate(rules, 1):
            if chain == "PYRUN-USER":
                continue
            host.out(f"{tool}tables -t {table} -D {chain} {at}")
            host.ok("ps")
            assert _normal(_saved(host)) == _normal_of(before), (table, rule)
            host.out(f"{tool}tables -t {table} {rule}")
            host.ok("ps")
            assert _normal(_saved(host)) == _normal_of(before), (table, f"twice {rule}")


def _normal(lines: list[str]) -> dict[tuple[str, str], list[str]]:
    return _normal_of(_by_chain(lines))


def _normal_of(chains: dict[tuple[str, str], list[str]]) -> dict[tuple[str, str], list[str]]:
    """Bring rules of several networks into one order, keeping the order within each: between them it says nothing.

    Nor does it between neighbours; but answers are let in before any of them is asked.
    """
    known = {"red0": "fd00", "blue0": "blue0", "docker0": "docker0", "br-+": "br-+"}

    def owner(line: str) -> tuple[bool, str]:
        name = next((name for name, other in known.items() if name in line or other in line), "")
        return "ctstate RELATED,ESTABLISHED -j RETURN" not in line, name

    kept = {
        where: [line for line in lines if "-j RETURN" in line and "ctstate" in line] for where, lines in chains.items()
    }
    assert all(chains[where][: len(first)] == first for where, first in kept.items())
    return {where: sorted(lines, key=owner) for where, lines in chains.items()}


@pytest.mark.parametrize(
    "chain", ["PYRUN-USER", "PYRUN-FORWARD", "PYRUN", "PYRUN-ISOLATION-STAGE-1", "PYRUN-ISOLATION-STAGE-2"]
)
@pytest.mark.parametrize("backend", ["iptables", "legacy"])
def test_any_chain_that_is_deleted_comes_back(
    host: Host, backend: str, chain: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    walls.use(host, backend, monkeypatch)
    request.getfixturevalue("house")
    before = _normal(_saved(host))
    for tool in ("iptables", "ip6tables"):
        lead = f"{tool} -S | grep -- '-j {chain}$' | sed 's/^-A/-D/' | xargs -r -L 1 {tool}"
        host.out(f"{lead}; {tool} -F {chain}; {tool} -X {chain}")
    host.ok("ps")
    assert _normal(_saved(host)) == before


def test_any_rule_element_or_chain_of_nft_that_is_deleted_comes_back(
    host: Host, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    walls.use(host, "nftables", monkeypatch)
    request.getfixturevalue("house")
    host.out("nft add rule inet pyrun user ip saddr 203.0.113.9 drop")
    host.ok("ps")
    tables = ("inet pyrun", "bridge pyrun")
    before = [_of(host, table) for table in tables]
    deletions = [deletion for table in tables for deletion in _deletions(host, table)]
    assert len(deletions) > 40
    for deletion in deletions:
        host.out(f"nft {deletion}")
        assert [_of(host, table) for table in tables] != before, deletion
        host.ok("ps")
        assert [_of(host, table) for table in tables] == before, deletion
    host.out("nft flush ruleset")
    host.ok("ps")
    host.out("nft add rule inet pyrun user ip saddr 203.0.113.9 drop")
    assert [_of(host, table) for table in tables] == before


def _deletions(host: Host, table: str) -> list[str]:
    """List the commands that each take one thing out of a table."""
    elements, chains = _of(host, table)
    found = [
        f"'delete element {table} {where} {{ {key.partition(' : ')[0]} }}'"
        for where, keys in elements.items()
        for key in keys
    ]
    for chain, rules in chains.items():
        if chain != "user":  # of which no number is told: it is new each time
            found += [
                f"delete rule {table} {chain} handle $(nft -a list chain {table} {chain} | grep handle | sed -n {at}p"
                " | sed 's/.*handle //')"
                for at in range(2, len(rules) + 2)
            ]
    for chain in (name for name in chains if name.startswith("leaving_")):
        bridge = chain.removeprefix("leaving_")
        found.append(
            f"'delete element {table} leaving {{ \"{bridge}\" }}; flush chain {table} {chain}; delete chain {table} {chain}'"
        )
    return found


@pytest.mark.parametrize("backend", walls.BACKENDS)
def test_fifty_times_is_as_once(
    host: Host, backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R13: the number of rules stays what it is, however often they are made and looked at."""
    walls.use(host, backend, monkeypatch)
    request.getfixturevalue("house")
    look = (
        "iptables-save | grep -v '^[:#]'; ip6tables-save | grep -v '^[:#]'; nft -s list ruleset | grep -v elements -A 9"
    )
    before = sorted(host.out(look).splitlines())
    _drive(host, "net = standing.read('red')\nfor _ in range(50): perform([choice.network(net)]); driver.mend_rules()")
    assert sorted(host.out(look).splitlines()) == before


@pytest.mark.parametrize("backend", walls.BACKENDS)
def test_rules_of_the_dead_are_taken_away(
    host: Host, backend: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who restores an old set of rules brings back a port that led to a container which is gone."""
    walls.use(host, backend, monkeypatch)
    house: Host = request.getfixturevalue("house")
    save = {
        "nftables": "nft list ruleset > /run/saved",
        "iptables": "iptables-save > /run/saved; ip6tables-save > /run/saved6",
    }
    restore = {
        "nftables": "nft flush ruleset; nft -f /run/saved",
        "iptables": "iptables-restore < /run/saved; ip6tables-restore < /run/saved6",
    }
    tool = backend.replace("legacy", "iptables")
    house.out(save[tool])
    house.ok("rm", "-f", "web")
    wait_until(lambda: "elements" not in house.out("nft list set bridge pyrun cables"))
    house.ok("ps")
    before = (_normal(_saved(house)), [_of(house, table) for table in _TABLES[tool]])
    house.out(restore[tool])
    zombies = {"nftables": "nft list table inet pyrun", "iptables": "iptables-save -t nat"}[tool]
    assert "8080" in house.out(zombies)
    house.ok("ps")
    assert "8080" not in house.out(zombies)
    assert _normal(_saved(house)) == before[0]
    assert [_of(house, table) for table in _TABLES[tool]] == before[1]


_TABLES = {"iptables": ("bridge pyrun",), "nftables": ("inet pyrun", "bridge pyrun")}


def test_a_foreign_change_is_seen_whenever_it_comes(house: Host) -> None:
    """Between two commands, and while we change rules ourselves; our own changes are none."""
    noted = "print(generation.is_noted())"
    house.ok("ps")
    house.ok("ps")
    assert _drive(house, noted) == "True\n"
    house.ok("run", "-d", "--name", "more", "--net", "blue", BUSYBOX, "sleep", "900")
    assert _drive(house, noted) == "True\n"
    house.out("iptables -A INPUT -j ACCEPT; iptables -D INPUT -j ACCEPT")
    assert _drive(house, noted) == "False\n"
    house.ok("ps")
    assert _drive(house, noted) == "True\n"
    together = "with generation.changing(True): os.system('iptables -A INPUT -j ACCEPT')\n"
    assert _drive(house, together + noted) == "False\n"
