"""What docs/parity.md lists: each deviation from Docker with its reason. What is not in there fails."""

import re
from pathlib import Path

from lab import TOP

_ROWS: list[tuple[str, str]] = re.findall(
    r"^\| `([^`]+)` \| (.+) \|$", Path(TOP, "docs/parity.md").read_text(), re.MULTILINE
)


def scenarios() -> set[str]:
    """Give the scenarios whose outcomes differ."""
    return {name for name, _ in _ROWS if not name.startswith(("system calls ", "rule ", "field "))}


def system_calls() -> set[int]:
    """Give the numbers of the system calls that are answered in another way."""
    found: set[int] = set()
    for name, _ in _ROWS:
        if name.startswith("system calls "):
            for word in name.removeprefix("system calls ").split():
                first, _, last = word.partition("-")
                found |= set(range(int(first), int(last or first) + 1))
    return found


def rules(engine: str) -> set[str]:
    """Give the firewall rules that only one engine has: docker or pyrun."""
    return {name.removeprefix(f"rule of {engine}: ") for name, _ in _ROWS if name.startswith(f"rule of {engine}: ")}


def fields(engine: str) -> set[str]:
    """Give the fields of inspect that only one engine has."""
    start = f"field of {engine}: "
    return {word for name, _ in _ROWS if name.startswith(start) for word in name.removeprefix(start).split()}
