"""Tables for people: Docker's columns, on a terminal as wide as it is and in colour, plain where they are piped.

What is in the cells is said elsewhere: `listing` for containers, `ages` for times and sizes.
"""

from pyrun.cli import screen
from pyrun.typed import Callable, NamedTuple, Sequence

_USUAL = (10, 3)  # the narrowest column and the gap between two, as Docker's tabwriter has them
_TIGHT = (0, 2)  # where a terminal is too narrow


class Column(NamedTuple):
    """A heading, and how the cells below it give way."""

    heading: str
    least: int = 0  # places that are left of it on a terminal that is too narrow; 0: it is never shortened
    colour: "Callable[[str], str] | None" = None  # gives the name of a cell's colour, see `screen`
    end: bool = False  # what is shortened keeps its end, as of a path
    tight: int = 0  # places that are left of it where that of the others was not enough


def shown(columns: "Sequence[Column]", rows: "Sequence[Sequence[str]]", whole: bool = False) -> str:
    """Lay rows out under their headings, for where standard output leads; *whole* shortens nothing."""
    headings = [column.heading for column in columns]
    lines = [headings, *([screen.printable(cell) for cell in row] for row in rows)]
    laid = _laid(lines)
    width = 0 if whole else screen.width()
    if width and sum(map(screen.places, laid[0][:-1])) + max(screen.places(cells[-1]) for cells in laid) > width:
        _narrow(columns, lines, width)
        laid = _laid(lines, _TIGHT)
    if screen.is_coloured():
        laid[1:] = [_painted(columns, row, cells) for row, cells in zip(lines[1:], laid[1:], strict=True)]
    return "".join("".join(cells) + "\n" for cells in laid)


def columns(lines: "Sequence[Sequence[str]]") -> str:
    """Lay lines out in columns as Docker does: three blanks between, ten places at least, the last as it is."""
    return "".join("".join(cells) + "\n" for cells in _laid(lines))


def aligned(text: str) -> str:
    """Lay out text whose cells end with tabs, as Go's tabwriter does: neighbouring lines share a column's width."""
    lines = [line.split("\t") for line in text.split("\n")]
    _align(lines, 0, len(lines), 0)
    return "\n".join("".join(cells) for cells in lines)


def _laid(lines: "Sequence[Sequence[str]]", rule: "tuple[int, int]" = _USUAL) -> "list[list[str]]":
    widths = [_width([line[at] for line in lines], rule) for at in range(len(lines[0]) - 1)]
    return [[_padded(cell, width) for cell, width in zip(line, [*widths, 0], strict=True)] for line in lines]


def _align(lines: "list[list[str]]", start: int, end: int, at: int) -> None:
    """Pad the cells *at* of the lines in between; each run of lines that have one is a column of its own."""
    line = start
    while line < end:
        if len(lines[line]) - 1 <= at:
            line += 1
            continue
        last = line
        while last < end and len(lines[last]) - 1 > at:
            last += 1
        width = _width([cells[at] for cells in lines[line:last]])
        _align(lines, line, last, at + 1)
        for cells in lines[line:last]:
            cells[at] = _padded(cells[at], width)
        line = last


def _width(cells: "list[str]", rule: "tuple[int, int]" = _USUAL) -> int:
    narrowest, gap = rule
    return max(narrowest, *(screen.places(cell) + gap for cell in cells)) if cells else 0


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - screen.places(cell))


def _narrow(columns: "Sequence[Column]", lines: "list[list[str]]", width: int) -> None:
    """Shorten the widest of the columns that may be, then of all, until the lines fit or nothing is left."""
    widths = [max(screen.places(line[at]) for line in lines) for at in range(len(columns))]
    excess = sum(widths) + _TIGHT[1] * (len(columns) - 1) - width
    for least in ([column.least for column in columns], [column.tight for column in columns]):
        floors = [max(floor, len(column.heading)) for floor, column in zip(least, columns, strict=True)]
        while excess > 0:
            movable = [at for at, floor in enumerate(floors) if least[at] and widths[at] > floor]
            if not movable:
                break
            widths[max(movable, key=widths.__getitem__)] -= 1
            excess -= 1
    for line in lines[1:]:
        line[:] = [screen.shortened(cell, widths[at], columns[at].end) for at, cell in enumerate(line)]


def _painted(columns: "Sequence[Column]", row: "list[str]", cells: "list[str]") -> "list[str]":
    found = []
    for column, plain, padded in zip(columns, row, cells, strict=True):
        colour = column.colour(plain) if column.colour else ""
        found.append(screen.painted(plain, colour) + padded[len(plain) :])
    return found
