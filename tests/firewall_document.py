"""docs/firewall.md, made of the functions that give the rules: `python tests/firewall_document.py > docs/firewall.md`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pyrun.firewall import guard, nftables, rules
from pyrun.firewall.rules import Rule
from pyrun.network.design import Request
from pyrun.spec import Endpoint, Network, Pool, Published
from pyrun.typed import NamedTuple

FILE = Path(__file__).resolve().parent.parent / "docs" / "firewall.md"
CONTAINER = "0123456789ab" + 52 * "0"


class Scenario(NamedTuple):
    """What stands, and what its rules are to show."""

    title: str
    words: str
    networks: tuple[Network, ...]
    ends: tuple[Endpoint, ...] = ()


def _network(name: str, number: int, ipv6: bool = False, **more: bool) -> Network:
    pools = [Pool(f"10.{number}.0.0/16", f"10.{number}.0.1")]
    pools += [Pool(f"fd00:{number}::/64", f"fd00:{number}::1")] if ipv6 else []
    return Network("0" * 64, name, f"{name}0", "02:42:00:00:00:01", tuple(pools), **more)  # type: ignore[arg-type]


def _end(net: Network, *published: Published) -> Endpoint:
    mac, host_mac = "02:42:0a:01:00:02", "02:00:00:00:00:01"
    address6 = "fd00:1::2" if net.ipv6 else ""
    end = Endpoint(net, CONTAINER, "web", "eth0", mac, "veth0123456", host_mac, "10.1.0.2", address6)
    return end._replace(published=published)


_RED, _SIX = _network("red", 1), _network("red", 1, ipv6=True)
SCENARIOS = (
    Scenario("A new network", "`pyrun network create --subnet 10.1.0.0/16 red`, its bridge called red0.", (_RED,)),
    Scenario(
        "A published port",
        "The same, and a container 10.1.0.2 with `-p 8080:80`.",
        (_RED,),
        (_end(_RED, Published("tcp", "0.0.0.0", 8080, 80)),),
    ),
    Scenario(
        "A port on loopback",
        "With `-p 127.0.0.1:8080:80` there is no rule more than without: the proxy alone serves it, so that no"
        " packet from outside can be led there.",
        (_RED,),
        (_end(_RED, Published("tcp", "127.0.0.1", 8080, 80)),),
    ),
    Scenario(
        "An internal network",
        "`--internal`: by the links, where Docker 20.10 goes by the subnet, so that its members may speak by multicast.",
        (_network("red", 1, internal=True),),
    ),
    Scenario(
        "Without icc",
        "`-o com.docker.network.bridge.enable_icc=false`: the bridge's ports are isolated, which no rule shows; the"
        " rule stops the same packets where br_netfilter shows them to iptables.",
        (_network("red", 1, icc=False),),
    ),
    Scenario("Two networks", "Each keeps its packets from the other.", (_RED, _network("blue", 2))),
    Scenario(
        "IPv6",
        "`--ipv6 --subnet fd00:1::/64`, and `-p 8080:80`, which means both families.",
        (_SIX,),
        (_end(_SIX, Published("tcp", "0.0.0.0", 8080, 80), Published("tcp", "::", 8080, 80)),),
    ),
    Scenario(
        "No masquerade",
        "`-o com.docker.network.bridge.enable_ip_masquerade=false`: whoever routes to the subnet sees its addresses.",
        (_network("red", 1, masquerade=False),),
    ),
)


def request(net: Network) -> Request:
    """Give what `network create` would be asked for."""
    switches = (("enable_icc", net.icc), ("enable_ip_masquerade", net.masquerade))
    options = [f"com.docker.network.bridge.name={net.bridge}"]
    options += [f"com.docker.network.bridge.{key}=false" for key, value in switches if not value]
    subnets = tuple(pool.subnet for pool in net.pools)
    return Request(net.name, subnets, internal=net.internal, ipv6=net.ipv6 is not None, options=tuple(options))


def _iptables(scenario: Scenario) -> list[str]:
    """Write what iptables-save shows, chain by chain, with a word of why."""
    chains: dict[tuple[int, str, str], list[Rule]] = {}
    groups = [*map(rules.network, scenario.networks), *map(rules.published, scenario.ends)]
    for rule in (rule for group in groups for rule in group):
        chain = chains.setdefault((rule.family, rule.table, rule.chain), [])
        if rule not in chain:
            chain.insert(rule.place - 1 if rule.place else len(chain), rule)
    lines, section = [], (0, "")
    for (family, table, name), chain in sorted(chains.items(), key=lambda item: item[0][:2]):
        if section != (family, table):
            section = (family, table)
            lines += [f"# {'ip6tables' if family == 6 else 'iptables'} -t {table}"]
        lines += [f"{f'-A {name} {rule.text}':<100}  # {rule.reason}" for rule in chain]
    return lines


def _nftables(scenario: Scenario) -> list[str]:
    """Write what `nft list table inet pyrun` shows of rules and elements; each rule says why by itself."""
    parts = [nftables.network(net, "") for net in scenario.networks]
    parts += [nftables.published(end, "") for end in scenario.ends]
    chains: dict[str, list[str]] = {}
    elements: dict[str, list[str]] = {}
    for part in parts:
        chains |= nftables.rules_of(part)
        for where, key in nftables.elements_of(part):
            elements.setdefault(where, []).append(key)
    lines = [f"{where} = {{ {', '.join(keys)} }}" for where, keys in elements.items()]
    for chain, texts in chains.items():
        lines += [f"chain {chain} {{", *(f"    {text}" for text in texts), "}"]
    return lines


def _guard() -> list[str]:
    end = _end(_SIX)
    lines = [f"chain prerouting {{  # {guard.HOOK}", *(f"    {text}" for text in guard.RULES), "}", ""]
    return [*lines, *(" . ".join([f"{where}:", *key]) for where, *key in guard.watched(end).elements)]


def text() -> str:
    """Write the whole document."""
    parts = [_HEAD]
    for at, scenario in enumerate(SCENARIOS, 1):
        parts.append(f"## {at}. {scenario.title}\n\n{scenario.words}\n")
        for tool, lines in (("iptables", _iptables(scenario)), ("nftables", _nftables(scenario))):
            body = "\n".join(f"    {line}".rstrip() for line in lines)
            parts.append(f"### {tool}\n\n{body}\n")
    parts.append(_GUARD + "\n".join(f"    {line}".rstrip() for line in _guard()) + "\n")
    return "\n".join(parts)


def shown(number: int, tool: str) -> list[str]:
    """Give the lines that the document has for a scenario, counted from 1, and a tool."""
    section = FILE.read_text().partition(f"\n## {number}. ")[2].partition("\n## ")[0]
    block = section.partition(f"### {tool}\n\n")[2].partition("\n###")[0]
    return [line.removeprefix("    ") for line in block.splitlines() if line.startswith("    ")]


_HEAD = """# The rules, one by one

What pyrun writes into the firewall, for eight situations and with each of its two tools. This page is made by
`tests/firewall_document.py` of the functions that give the rules; a test compares it with them and with what the kernel has after doing it.

Common to all: `PYRUN-USER` (with nft the chain `user`) is yours, it is asked first and outlives pyrun's networks. What is led
on by a rule of ours is accepted only if it was asked for; policies are never touched. `docker0` and `br-*` are closed to
our containers, because our ACCEPT stands before Docker's rules.
"""
_GUARD = """## Whose addresses

Whatever the tool above is: where `nft` is there, one table of the bridge family looks at what comes out of containers
before the bridge learns from it. `-o antispoofing=false` leaves a network out. The elements are those of one container.

"""

if __name__ == "__main__":
    sys.stdout.write(text())
