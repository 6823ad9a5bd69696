"""What a comparison is: data that says what a user does, what is compared, and what is known to differ.

Versions are Docker's, as far as they tell ("20.10", "28", "28.3"); a range holds from *since*, included, up to *until*,
excluded, and an empty end is open.
"""

from pyrun.typed import NamedTuple


class Deviation(NamedTuple):
    """A difference that is meant, beside the Dockers of which it is true; of others the outputs have to be equal."""

    reason: str
    since: str = ""
    until: str = ""
    lines: str = ""  # a regular expression, found in each differing line that this explains; empty: it explains all


class Scenario(NamedTuple):
    """One comparison: *script* is typed for either engine, and what it prints has to be equal once normalised.

    In a script, which bash runs in an empty directory, there are

    - `E`, the engine's command, and `$ENGINE`, its name: docker or pyrun, for what cannot be typed alike;
    - `TREE`, the image or root file system, by the same word for both;
    - `$HOST`, the host's address on the uplink, `$INTERNET`, an address behind it, and `FAR`, a command typed there;
    - `$NC`, a busybox of the host;
    - `quiet`, a command that has to succeed and whose output does not matter, and `no`, arguments of `E` of which only
      matters whether they are taken;
    - `soon`, a command that is repeated until it succeeds, for some seconds;
    - `pid NAME`, the number of a container's first process, and `IN NAME`, a command of the host typed in its network;
    - `RULES`, the firewall rules of the engine in common words (see probes/rules.py);
    - `$PROBES`, the directory of programs that are shipped for scripts, and `$PYTHON`, unquoted, the options of `run`
      that let a container have them as /probes, and the host's /usr/bin/python3 to run them.

    What it makes is removed afterwards: give networks and volumes names that are words of the script. Addresses of the
    host and the internet are printed as HOST and INTERNET.
    """

    area: str  # by which a table is grouped: addressing, links, routes, …
    name: str  # unique, short, in words
    does: str  # what the user does and what is compared, one line
    script: str
    normalise: tuple[tuple[str, str], ...] = ()  # regular expressions with what takes the place of their matches
    deviations: tuple[Deviation, ...] = ()
    needs: tuple[str, ...] = ()  # what a host may lack, then it is not compared: see pyrun.parity.needs


def holds(deviation: Deviation, version: str) -> bool:
    """Claim that a deviation is expected of this version of Docker."""
    found = numbers(version)
    return numbers(deviation.since) <= found and (not deviation.until or found < numbers(deviation.until))


def numbers(version: str) -> tuple[int, ...]:
    """Give the numbers of "28.3.2" or "20.10.24+dfsg1"; what follows them does not count."""
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if digits:
            numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)
