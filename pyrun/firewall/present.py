"""The rules that stand now in this network namespace, of every tool, with their counters, ready to be walked."""

import os

from pyrun.firewall import listed, saved
from pyrun.firewall.trace import Table
from pyrun.kernel import programs
from pyrun.typed import NamedTuple

_FAMILIES = {4: ("ip", "iptables", "/proc/net/ip_tables_names"), 6: ("ip6", "ip6tables", "/proc/net/ip6_tables_names")}


class Standing(NamedTuple):
    """Tables of all tools, and what of the rules is not followed, in words."""

    tables: list[Table]
    blind: list[str]


def read() -> Standing:
    """Ask iptables, ip6tables and nft, as far as the host has them. Errors: OSError."""
    tables: list[Table] = []
    shown: set[tuple[str, str]] = set()
    for family, (name, tool, _) in _FAMILIES.items():
        for program in variants(family):
            found = saved.read(programs.run(program, "-c").output, family, _called(tool, program))
            tables += found
            if _is_modern(program):
                shown |= {(name, table.name) for table in found}
    nft = programs.find("nft")
    if not nft:
        return Standing(tables, [] if tables else ["neither iptables nor nft is there to read the rules"])
    document, text = programs.run(nft, "-j", "list", "ruleset"), programs.run(nft, "-a", "list", "ruleset")
    if document.code:
        return Standing(tables, ["nft cannot list its rules as JSON: its own tables are not read"])
    rules = listed.read(document.output, text.output, frozenset(shown))
    return Standing(tables + rules.tables, _not_followed(rules.others))


def _not_followed(others: dict[str, int]) -> list[str]:
    """Say which tables may decide as well; one without rules decides nothing."""
    told = {name: "1 rule" if count == 1 else f"{count} rules" for name, count in others.items() if count}
    return [f"table {name} is not followed, and has {count}" for name, count in told.items()]


def variants(family: int) -> list[str]:
    """List the programs that show rules: the legacy one only where such rules stand, for asking would load modules."""
    _, tool, names = _FAMILIES[family]
    modern = programs.find(f"{tool}-nft-save", f"{tool}-save")
    legacy = programs.find(f"{tool}-legacy-save") if _content(names) else ""
    found = {os.path.realpath(program): program for program in (modern, legacy) if program}  # one may be both
    return list(found.values())


def _called(tool: str, program: str) -> str:
    """Name the command that shows the same rules as *program*: the plain one, unless that is of the other variant."""
    plain = programs.find(tool)
    if plain and _is_modern(plain) == _is_modern(program):
        return tool
    return f"{tool}-nft" if _is_modern(program) else f"{tool}-legacy"


def _is_modern(program: str) -> bool:
    """Claim that an iptables program is of the nft variant."""
    return os.path.realpath(program).endswith("xtables-nft-multi")


def _content(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""
