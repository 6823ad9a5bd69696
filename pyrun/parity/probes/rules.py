"""Print the firewall rules of an engine in common words, sorted. Run on the host with the engine's name.

Chains are DOCKER's; BRIDGE, ADDRESS and SUBNET are of the default bridge. Bridges that a script made keep their names.
"""

import re
import subprocess
import sys

_WORDS = (
    (r"\b(pyrun0|docker0)\b", "BRIDGE"),
    (r"-A PYRUN-FORWARD\b", "-A FORWARD"),
    ("PYRUN", "DOCKER"),
    (r"172\.\d+\.0\.0/16", "SUBNET"),
    (r"172\.\d+\.0\.\d+", "ADDRESS"),
    (r' -m comment --comment "pyrun:[0-9a-f]+"', ""),
)


def standing() -> "list[str]":
    """Give all rules, with the table in front."""
    found, table = [], ""
    for line in subprocess.run(["iptables-save"], capture_output=True, check=True, text=True).stdout.splitlines():
        table = line[1:] if line.startswith("*") else table
        if line.startswith("-A"):
            found.append(f"{table}: {line}")
    return found


def common(rule: str) -> str:
    """Give a rule in common words."""
    for pattern, word in _WORDS:
        rule = re.sub(pattern, word, rule)
    return rule


def main(engine: str) -> None:
    """Print the engine's rules: what has the other's name is the other's."""
    foreign = "docker0|DOCKER" if engine == "pyrun" else "pyrun|PYRUN"
    rules = {common(rule) for rule in standing() if not re.search(foreign, rule)}
    print("\n".join(sorted(rules)))


if __name__ == "__main__":
    main(sys.argv[1])
