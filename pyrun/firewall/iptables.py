"""Docker's rule set under names of our own, for iptables: pure functions that give operations.

One transaction each, by iptables-restore. The FORWARD policy, other chains and
other people's rules are never touched. Works the same on the nft and the
legacy variant of iptables.
"""

import errno
import os

from pyrun.kernel import programs
from pyrun.typed import NamedTuple

USER = "PYRUN-USER"
FORWARD = "PYRUN-FORWARD"
STAGE_1 = "PYRUN-ISOLATION-STAGE-1"
STAGE_2 = "PYRUN-ISOLATION-STAGE-2"
CHAINS = (USER, FORWARD, STAGE_1, STAGE_2)

# Our accept rule stands above Docker's chains: without these it would open its networks to our containers.
_NEIGHBOURS = ("docker0", "br-+")


class Rule(NamedTuple):
    """One rule: where it stands, what it says, and why."""

    table: str
    chain: str
    text: str
    reason: str


def chain_rules(bridge: str) -> list[Rule]:
    """List the rules in our own chains, in order, for one bridge."""
    return [
        Rule("filter", FORWARD, f"-o {bridge} -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "answers"),
        Rule("filter", FORWARD, f"-j {STAGE_1}", "networks do not reach each other"),
        Rule("filter", FORWARD, f"-i {bridge} -o {bridge} -j ACCEPT", "containers of one network do"),
        Rule("filter", FORWARD, f"-i {bridge} ! -o {bridge} -j ACCEPT", "containers reach the outside"),
        Rule("filter", FORWARD, f"-o {bridge} -j DROP", "the outside reaches no unpublished port"),
        Rule("filter", STAGE_1, f"-i {bridge} ! -o {bridge} -j {STAGE_2}", "leaves its own network"),
        Rule("filter", STAGE_2, f"-o {bridge} -j DROP", "and would enter this one"),
        *(Rule("filter", STAGE_2, f"-o {name} -j DROP", "or a neighbour's") for name in _NEIGHBOURS),
    ]


def hooks(bridge: str, subnet: str) -> list[Rule]:
    """List the rules that stand in the kernel's own chains."""
    return [
        Rule("filter", "FORWARD", f"-j {USER}", "your own rules first"),
        Rule("filter", "FORWARD", f"-j {FORWARD}", "then pyrun's"),
        Rule("nat", "POSTROUTING", f"-s {subnet} ! -o {bridge} -j MASQUERADE", "leave as the host"),
    ]


class InstallRules(NamedTuple):
    """All rules of one bridge in one transaction, whatever of them stood there before."""

    bridge: str
    subnet: str

    def apply(self) -> None:
        _restore(self._document())

    def _document(self) -> str:
        present = _present()
        lines = [
            "*filter",
            *(f":{chain} - [0:0]" for chain in CHAINS if chain != USER or not _has_user(present)),
        ]
        for table, rule in (("filter", r) for r in hooks(self.bridge, self.subnet)[:2]):
            lines += [f"-D {rule.chain} {rule.text}"] * present.get((table, f"-A {rule.chain} {rule.text}"), 0)
        lines += [f"-A {rule.chain} {rule.text}" for rule in chain_rules(self.bridge)]
        lines += [f"-I FORWARD 1 -j {USER}", f"-I FORWARD 2 -j {FORWARD}", "COMMIT", "*nat"]
        masquerade = hooks(self.bridge, self.subnet)[2]
        lines += [f"-D {masquerade.chain} {masquerade.text}"] * present.get(
            ("nat", f"-A POSTROUTING {masquerade.text}"), 0
        )
        return "\n".join([*lines, f"-I POSTROUTING {masquerade.text}", "COMMIT", ""])

    def inverse(self) -> "RemoveRules":
        return RemoveRules(self.bridge, self.subnet)

    def shell(self) -> str:
        chains = [f"iptables -N {chain}" for chain in CHAINS]
        inside = [f"iptables -A {rule.chain} {rule.text}" for rule in chain_rules(self.bridge)]
        outside = [
            f"iptables -I FORWARD 1 -j {USER}",
            f"iptables -I FORWARD 2 -j {FORWARD}",
            f"iptables -t nat -I POSTROUTING {hooks(self.bridge, self.subnet)[2].text}",
        ]
        return " && ".join([*chains, *inside, *outside])

    def why(self) -> str:
        return "forward for the bridge, keep networks apart, leave under the host's address"


class RemoveRules(NamedTuple):
    """Take away exactly what `InstallRules` made, as far as it still stands; rules in PYRUN-USER are the user's."""

    bridge: str
    subnet: str

    def apply(self) -> None:
        present = _present()
        lines = ["*filter"]
        for rule in hooks(self.bridge, self.subnet)[:2]:
            lines += [f"-D {rule.chain} {rule.text}"] * present.get(("filter", f"-A {rule.chain} {rule.text}"), 0)
        theirs = {USER} if any(rule.startswith(f"-A {USER} ") for _, rule in present) else set[str]()
        standing = [chain for chain in CHAINS if ("filter", f"-N {chain}") in present and chain not in theirs]
        wanted = {chain for chain in standing if _is_wanted(chain, present)}
        lines += [f"-F {chain}" for chain in standing] + [f"-X {chain}" for chain in standing if chain not in wanted]
        lines += ["COMMIT", "*nat"]
        text = hooks(self.bridge, self.subnet)[2].text
        lines += [f"-D POSTROUTING {text}"] * present.get(("nat", f"-A POSTROUTING {text}"), 0)
        if len(lines) > 3:
            _restore("\n".join([*lines, "COMMIT", ""]))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        outside = [
            f"iptables -t nat -D POSTROUTING {hooks(self.bridge, self.subnet)[2].text}",
            f"iptables -D FORWARD -j {FORWARD}",
            f"iptables -D FORWARD -j {USER}",
        ]
        flush = [f"iptables -F {chain}" for chain in CHAINS]
        return " && ".join([*outside, *flush, *(f"iptables -X {chain}" for chain in CHAINS)])

    def why(self) -> str:
        return "the last container has left the network"


def stand(bridge: str, subnet: str) -> bool:
    """Claim that every rule of the bridge stands, once."""
    present = _present()
    rules = [*chain_rules(bridge), *hooks(bridge, subnet)]
    return all(present.get((rule.table, f"-A {rule.chain} {rule.text}")) == 1 for rule in rules)


def available() -> bool:
    """Claim that this host has iptables."""
    return bool(programs.find("iptables-restore") and programs.find("iptables-save"))


def _has_user(present: dict[tuple[str, str], int]) -> bool:
    return ("filter", f"-N {USER}") in present


def _is_wanted(chain: str, present: dict[tuple[str, str], int]) -> bool:
    """Claim that a rule of the user's leads into a chain of ours: then the chain has to stay, empty."""
    leads = [rule for _, rule in present if rule.endswith((f" -j {chain}", f" -g {chain}"))]
    return any(rule != f"-A FORWARD -j {chain}" and rule.split(" ")[1] not in CHAINS for rule in leads)


def _present() -> dict[tuple[str, str], int]:
    """Count the rules and chains that stand, by table and text as `iptables -S` writes them."""
    outcome = programs.run(programs.find("iptables-save"))
    if outcome.code:
        raise OSError(errno.EOPNOTSUPP, outcome.complaint.strip() or "iptables-save failed")
    table, counts = "", dict[tuple[str, str], int]()
    for line in outcome.output.splitlines():
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith(":"):
            counts[table, f"-N {line[1:].split(' ')[0]}"] = 1
        elif line.startswith("-A"):
            counts[table, line] = counts.get((table, line), 0) + 1
    return counts


def _restore(document: str) -> None:
    outcome = programs.run(programs.find("iptables-restore"), "--noflush", "-w", "10", given=document)
    if outcome.code:
        reason = outcome.complaint.strip().splitlines()
        raise OSError(errno.EIO, reason[0] if reason else os.strerror(errno.EIO))
