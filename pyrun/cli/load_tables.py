"""What `stats` prints: Docker's columns of a container's load, as a table, JSON, or after a template."""

import os

from pyrun import documents
from pyrun.cli import ages, tables
from pyrun.cli.tables import Column
from pyrun.runtime.load import Load
from pyrun.typed import Sequence

HEADINGS = {
    "Container": "CONTAINER",
    "Name": "NAME",
    "ID": "CONTAINER ID",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "MemPerc": "MEM %",
    "PIDs": "PIDS",
}
_COLUMNS = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
_HOME, _CLEAR, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[2J", "\x1b[K", "\x1b[J"
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB")


def written(form: str, loads: "Sequence[Load]", full: bool, typed: "dict[str, str]") -> str:
    """Write the loads after *form*: table, json, table TEMPLATE or a template. Errors: PyrunError.

    *typed* has the words by which containers were asked for, by their ids.
    """
    told = [cells(load, full, typed.get(load.container.id, "")) for load in loads]
    if form == "json":
        return "".join(documents.line(each, escaped=True) + "\n" for each in told)
    if form == "table":
        columns = [Column(HEADINGS[name], 12 if name == "Name" else 0) for name in _COLUMNS]
        return tables.shown(columns, [[each[name] for name in _COLUMNS] for each in told], full)
    from pyrun.cli import formats

    return formats.rows(form, "container.statsContext", HEADINGS, told, formats.constant)


def cells(load: Load, full: bool, typed: str) -> "dict[str, str]":
    """Give a container's load in Docker's words; *full* does not shorten its id."""
    used, identity = load.usage, load.container.id if full else load.container.id[:12]
    return {
        "BlockIO": f"{ages.size(used.read, 3)} / {ages.size(used.written, 3)}",
        "CPUPerc": f"{load.cpu:.2f}%",
        "Container": typed or identity,
        "ID": identity,
        "MemPerc": f"{load.memory:.2f}%",
        "MemUsage": f"{binary(used.memory)} / {binary(used.limit)}",
        "Name": load.container.name,
        "NetIO": f"{ages.size(used.received, 3)} / {ages.size(used.sent, 3)}",
        "PIDs": str(used.processes),
    }


def binary(count: float) -> str:
    """Say a size in binary units, as go-units' BytesSize does: 23.54GiB."""
    at = 0
    while count >= 1024 and at < len(_SIZES) - 1:
        count, at = count / 1024, at + 1
    return f"{count:.4g}{_SIZES[at]}"


def frame(text: str, first: bool) -> str:
    """Give what puts *text* on the terminal in place of the frame before; as it is where it does not lead to one."""
    if not os.isatty(1):
        return text
    lines = text.splitlines()
    try:
        height = os.get_terminal_size(1).lines
    except OSError:
        height = 0
    if 1 < height <= len(lines):
        hidden = len(lines) - height + 2
        lines[height - 2 :] = [f"… and {hidden} more: the terminal is too low"]
    shown = "".join(f"{line}{_REST_OF_LINE}\n" for line in lines)
    return f"{_CLEAR if first else ''}{_HOME}{shown}{_REST}"
