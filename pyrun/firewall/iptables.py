"""Rules as operations on iptables: added and removed as groups, one transaction per table, nothing foreign touched.

What the rules say is in `pyrun.firewall.rules`. Works the same on the nft and
the legacy variant; the FORWARD policy is left alone.
"""

import errno
import os

from pyrun.firewall import generation, rules
from pyrun.firewall.rules import CHAINS, USER, Rule
from pyrun.kernel import programs
from pyrun.typed import NamedTuple

_TOOLS = {4: "iptables", 6: "ip6tables"}
Counts = dict[tuple[str, str], int]  # how often a rule stands, by table and text; chains as -N


class AddRules(NamedTuple):
    """A group of rules, whatever of them stood there before; chains of ours are made when missing."""

    group: tuple[Rule, ...]
    reason: str

    def apply(self) -> None:
        with generation.changing(is_counted()) as turn:
            for family, group in _by_family(self.group):
                turn.transactions += _restore(family, _additions(group, _present(family)))

    def inverse(self) -> "RemoveRules":
        return RemoveRules(tuple(self.group), self.reason)

    def shell(self) -> str:
        lines: list[str] = []
        for family, group in _by_family(self.group):
            tool = _TOOLS[family]
            for table, chains in CHAINS.items():
                if any(rule.table == table for rule in group):
                    lines += [f"{{ {tool} -t {table} -N {chain} 2>/dev/null || :; }}" for chain in chains]
            lines += [_command(tool, rule) for rule in group]
        return " && ".join(lines)

    def why(self) -> str:
        return self.reason


class RemoveRules(NamedTuple):
    """Take a group of rules away, as far as it stands, and our chains with the last of them.

    Rules in PYRUN-USER are the user's; it stays as long as there are any.
    """

    group: tuple[Rule, ...]
    reason: str

    def apply(self) -> None:
        with generation.changing(is_counted()) as turn:
            for family, group in _by_family(self.group):
                turn.transactions += _restore(family, _removals(family, group, _present(family)))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        common = {(rule.family, rule.table, rule.text) for family in _TOOLS for rule in rules.shared(family)}
        own = [rule for rule in map(_rule, self.group) if (rule.family, rule.table, rule.text) not in common]
        commands = [f"{_TOOLS[r.family]} -t {r.table} -D {r.chain} {r.text}" for r in reversed(own)]
        return " && ".join(commands) or ":"

    def why(self) -> str:
        return f"no longer: {self.reason}"


def missing(group: "list[Rule]") -> "list[Rule]":
    """List those of *group* that do not stand, or stand more than once. Errors: OSError."""
    found: list[Rule] = []
    for family, wanted in _by_family(tuple(group)):
        present = _present(family)
        found += [rule for rule in wanted if present.get((rule.table, f"-A {rule.chain} {rule.text}")) != 1]
    return found


def listing(family: int) -> programs.Started:
    """Begin to list what stands, with counters, for `counters`. Errors: OSError."""
    return programs.start(programs.find(f"{_TOOLS[family]}-save"), "-c")


def counters(listed: programs.Started) -> dict[tuple[str, str], tuple[int, int]]:
    """Give packets and bytes of each rule that stands, by table and text. Errors: OSError."""
    table, found = "", {}
    for line in _lines(listed):
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("["):
            numbers, _, text = line.partition(" ")
            packets, _, size = numbers.strip("[]").partition(":")
            found[table, text] = int(packets), int(size)
    return found


def stale(family: int, wanted: "list[Rule]") -> "list[Rule]":
    """List the rules in our own chains, the user's left out, that belong to nothing that is *wanted*."""
    known = {(rule.table, f"-A {rule.chain} {rule.text}") for rule in (*wanted, *rules.shared(family))}
    ours = {(table, chain) for table, chains in CHAINS.items() for chain in chains if chain != USER}
    found = []
    for table, line in _present(family):
        chain, _, text = line.removeprefix("-A ").partition(" ")
        if line.startswith("-A ") and (table, chain) in ours and (table, line) not in known:
            found.append(Rule(family, table, chain, text, "belongs to nothing any more"))
    return found


def available() -> bool:
    """Claim that this host has iptables."""
    return bool(programs.find("iptables-restore") and programs.find("iptables-save"))


def is_counted() -> bool:
    """Claim that the rules are nf_tables', whose generation tells of changes; legacy iptables' are not."""
    return os.path.realpath(programs.find("iptables-save")).endswith("xtables-nft-multi")


def _additions(group: "list[Rule]", present: Counts) -> dict[str, list[str]]:
    """Give, by table, the lines that make the group stand once and in its order."""
    tables: dict[str, list[str]] = {}
    for rule in group:
        lines = tables.setdefault(rule.table, [])
        for chain in CHAINS[rule.table]:
            if (rule.table, f"-N {chain}") not in present and f":{chain} - [0:0]" not in lines:
                lines.insert(0, f":{chain} - [0:0]")
        count = present.get((rule.table, f"-A {rule.chain} {rule.text}"), 0)
        if count == 1 and _is_shared(rule):
            continue
        lines += [f"-D {rule.chain} {rule.text}"] * count
        lines.append(f"-I {rule.chain} {rule.place} {rule.text}" if rule.place else f"-A {rule.chain} {rule.text}")
    return tables


def _removals(family: int, group: "list[Rule]", present: Counts) -> dict[str, list[str]]:
    own = [rule for rule in group if not _is_shared(rule)]
    left = dict(present)
    tables: dict[str, list[str]] = {"filter": [], "nat": []}
    for rule in own:
        count = left.pop((rule.table, f"-A {rule.chain} {rule.text}"), 0)
        tables[rule.table] += [f"-D {rule.chain} {rule.text}"] * count
    if not _is_in_use(family, left):
        for rule in rules.shared(family):
            count = left.pop((rule.table, f"-A {rule.chain} {rule.text}"), 0)
            tables[rule.table] += [f"-D {rule.chain} {rule.text}"] * count
        for table, chains in CHAINS.items():
            tables[table] += _chain_removals(table, chains, left)
    return tables


def _chain_removals(table: str, chains: tuple[str, ...], left: Counts) -> list[str]:
    standing = [chain for chain in chains if (table, f"-N {chain}") in left]
    theirs = {USER} if any(text.startswith(f"-A {USER} ") for _, text in left) else set[str]()
    wanted = theirs | {chain for chain in standing if _is_led_into(table, chain, left)}
    flush = [f"-F {chain}" for chain in standing if chain not in theirs]
    return flush + [f"-X {chain}" for chain in standing if chain not in wanted]


def _is_in_use(family: int, left: Counts) -> bool:
    """Claim that some network's rules stand in our chains."""
    common = {(rule.table, f"-A {rule.chain} {rule.text}") for rule in rules.shared(family)}
    chains = {(table, chain) for table, names in CHAINS.items() for chain in names if chain != USER}
    return any(
        text.startswith("-A ") and (table, text.split(" ")[1]) in chains and (table, text) not in common
        for table, text in left
    )


def _is_led_into(table: str, chain: str, left: Counts) -> bool:
    """Claim that a rule of the user's leads into a chain of ours: then the chain has to stay, empty."""
    leads = [text for where, text in left if where == table and text.endswith((f" -j {chain}", f" -g {chain}"))]
    return any(text.split(" ")[1] not in CHAINS[table] for text in leads)


def _is_shared(rule: Rule) -> bool:
    return any((rule.table, rule.chain, rule.text) == (s.table, s.chain, s.text) for s in rules.shared(rule.family))


def _rule(fields: "tuple[object, ...]") -> Rule:
    """Make a rule of what a journal gives back."""
    make: type = Rule
    rule: Rule = make(*fields)
    return rule


def _by_family(group: "tuple[Rule, ...]") -> "list[tuple[int, list[Rule]]]":
    whole = [_rule(fields) for fields in group]
    parts = [(family, [rule for rule in whole if rule.family == family]) for family in _TOOLS]
    return [(family, part) for family, part in parts if part]


def _command(tool: str, rule: Rule) -> str:
    if rule.place and _is_shared(rule):
        check = f"{tool} -t {rule.table} -C {rule.chain} {rule.text} 2>/dev/null"
        return f"{{ {check} || {tool} -t {rule.table} -I {rule.chain} {rule.place} {rule.text}; }}"
    if rule.place:
        return f"{tool} -t {rule.table} -I {rule.chain} {rule.place} {rule.text}"
    if _is_shared(rule):
        check = f"{tool} -t {rule.table} -C {rule.chain} {rule.text} 2>/dev/null"
        return f"{{ {check} || {tool} -t {rule.table} -A {rule.chain} {rule.text}; }}"
    return f"{tool} -t {rule.table} -A {rule.chain} {rule.text}"


def _present(family: int) -> Counts:
    """Count the rules and chains that stand, by table and text as `iptables -S` writes them."""
    table, counts = "", Counts()
    for line in _lines(programs.start(programs.find(f"{_TOOLS[family]}-save"))):
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            counts[table, f"-N {line[1:].split(' ')[0]}"] = 1
        elif line.startswith("-A"):
            counts[table, line] = counts.get((table, line), 0) + 1
    return counts


def _lines(listed: programs.Started) -> list[str]:
    outcome = programs.outcome(listed)
    if outcome.code:
        raise OSError(errno.EOPNOTSUPP, outcome.complaint.strip() or f"{listed.path} failed")
    return outcome.output.splitlines()


def _restore(family: int, tables: dict[str, list[str]]) -> int:
    """Perform the lines of each table; give the number of transactions. Errors: OSError."""
    parts = [(table, lines) for table, lines in tables.items() if lines]
    if not parts:
        return 0
    document = "".join("\n".join([f"*{table}", *lines, "COMMIT", ""]) for table, lines in parts)
    tool = programs.find(f"{_TOOLS[family]}-restore")
    outcome = programs.run(tool, "--noflush", "-w", "10", given=document)
    if outcome.code:
        reason = outcome.complaint.strip().splitlines()
        raise OSError(errno.EIO, reason[0] if reason else os.strerror(errno.EIO))
    return len(parts)
