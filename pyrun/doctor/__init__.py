"""Whether this host is fit for containers: findings, each with its cause and what helps. Nothing is changed.

What is looked at is in a module for each part of the host; how findings are shown is in `pyrun.cli.examination`.
A part that cannot be looked at is told as such, and keeps no other from being looked at.
"""

import time
from importlib import import_module

from pyrun.errors import PyrunError
from pyrun.network import standing, turns
from pyrun.typed import Callable, Iterator, NamedTuple

_MOMENT = 0.15  # seconds: as long as commands hold what they change
_GRACE = 3.0  # seconds: a network goes half a second after its last container
OK, WARN, FAIL, UNSEEN = "ok", "warn", "fail", "unseen"
_PARTS = (
    ("machine", "This machine"),
    ("features", "Kernel"),
    ("groups", "Control groups"),
    ("walls", "Firewall"),
    ("ground", "Addresses and names"),
    ("remains", "Records and left-overs"),
)


class Finding(NamedTuple):
    """One line: what was looked at, and what is so; for what is not well why, and a command that helps."""

    verdict: str
    about: str
    text: str
    cause: str = ""
    fix: str = ""


Check = Callable[[], "Iterator[Finding]"]


def examine() -> "Iterator[tuple[str, list[Finding]]]":
    """Look at everything, part by part."""
    for name, heading in _PARTS:
        checks: tuple[tuple[str, Check], ...] = import_module(f"{__name__}.{name}").CHECKS
        yield heading, [finding for about, check in checks for finding in _looked(about, check)]


def _looked(about: str, check: Check) -> list[Finding]:
    """Give what a check finds; that it cannot look is a finding too."""
    found: list[Finding] = []
    try:
        for finding in check():
            found.append(finding)
    except PermissionError as problem:
        found.append(unseen(about, f"{problem.filename or 'this'}: only root can look"))
    except (PyrunError, OSError, ValueError, LookupError) as problem:
        found.append(Finding(WARN, about, f"could not be looked at: {problem}", "unexpected", "PYRUN_DEBUG=1 pyrun ps"))
    return found


def lasting(check: Check) -> Check:
    """Make a check find only what it finds twice: other commands may be at work just now, or a network about to go."""

    def look() -> "Iterator[Finding]":
        begun, found = time.monotonic(), list(check())
        if any(finding.verdict in (WARN, FAIL) for finding in found):
            time.sleep(_MOMENT)
            while time.monotonic() < _GRACE + begun and any(map(turns.is_about_to_be_swept, standing.names())):
                time.sleep(_MOMENT)
            found = [finding for finding in check() if finding in found or finding.verdict not in (WARN, FAIL)]
        yield from found

    return look


def ok(about: str, text: str) -> Finding:
    """Find that all is well, or nothing that matters."""
    return Finding(OK, about, text)


def warn(about: str, text: str, cause: str, fix: str) -> Finding:
    """Find what may surprise, or what takes away something."""
    return Finding(WARN, about, text, cause, fix)


def fail(about: str, text: str, cause: str, fix: str) -> Finding:
    """Find what keeps containers from running or from being reached."""
    return Finding(FAIL, about, text, cause, fix)


def unseen(about: str, text: str = "only root can look") -> Finding:
    """Find that it cannot be seen."""
    return Finding(UNSEEN, about, text, "", "sudo pyrun doctor")


def code(findings: "list[Finding]") -> int:
    """Give the exit code: 0 all is well, 1 there are warnings or things unseen, 2 something fails."""
    verdicts = {finding.verdict for finding in findings}
    return 2 if FAIL in verdicts else 1 if verdicts & {WARN, UNSEEN} else 0
