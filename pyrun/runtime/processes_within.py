"""The processes of a container as the host's ps tells them: its options and columns, of these processes alone."""

from pyrun.errors import PyrunError
from pyrun.kernel import cgroups, programs
from pyrun.store import Container
from pyrun.typed import Iterator, Sequence

_USUAL = ("-ef",)
_NARROWEST, _GAP = 20, 3  # of a column, and between two, as in Docker


def listed(container: Container, options: "Sequence[str]") -> str:
    """Give ps's table of a running container. Errors: PyrunError (1), ps's own complaint in it."""
    if container.status().state not in ("running", "paused"):
        raise PyrunError(f"container {container.name} is not running", 1)
    pids = set(map(str, cgroups.processes(cgroups.hierarchies(), container.id)))
    words = [word for option in options or _USUAL for word in option.split()]
    headings, *rows = [line.split() for line in _table(words, sorted(pids, key=int)).splitlines() if line.split()]
    if "PID" not in headings:
        raise PyrunError("ps: no column PID in what it prints", 1, "add pid to its options")
    return _laid([headings, *(_cells(row, len(headings)) for row in _within(rows, headings.index("PID"), pids))])


def _within(rows: "list[list[str]]", at: int, pids: "set[str]") -> "Iterator[list[str]]":
    """Give the rows of processes that are meant, with their threads, which ps may list below without a number."""
    meant = False
    for row in rows:
        if len(row) > at:
            meant = row[at] in pids or (row[at] == "-" and meant)
            if meant:
                yield row


def _table(options: "list[str]", pids: "list[str]") -> str:
    """Ask ps, of these processes or, where its options forbid that, of all. Errors: PyrunError (1)."""
    path = programs.find("ps")
    if not path:
        raise PyrunError("ps: not found on this host", 1, "install procps")
    outcome = programs.run(path, *options, f"-q{','.join(pids)}") if pids else None
    if outcome is None or outcome.code:
        outcome = programs.run(path, *options)
    if outcome.code or not outcome.output.strip():
        reason = (outcome.complaint.strip() or "prints nothing").splitlines()[0]
        raise PyrunError(f"ps: {reason}", 1)
    return outcome.output


def _cells(row: "list[str]", count: int) -> "list[str]":
    """Join the words of the last column."""
    return [*row[: count - 1], " ".join(row[count - 1 :])]


def _laid(rows: "list[list[str]]") -> str:
    widths = [max(_NARROWEST, *(len(row[at]) + _GAP for row in rows)) for at in range(len(rows[0]) - 1)]
    lines = ("".join(map(str.ljust, row, widths)) + row[-1] for row in rows)
    return "".join(f"{line if line.isprintable() else _printable(line)}\n" for line in lines)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
