"""How far a learner has come, with how much help, and when: the record, and the points that follow from it."""

import time

from pyrun import documents
from pyrun.contexts import suppress
from pyrun.kernel import files, reading
from pyrun.lab import standing
from pyrun.typed import Any, NamedTuple

COST = (0, 1, 2, 5)  # points that so many hints cost; the third is the command
MOST = len(COST) - 1


class Progress(NamedTuple):
    """What is remembered of a task: a stage, or the fault of *broken*."""

    hints: int = 0  # that were asked for
    solved: bool = False  # pyrun did it
    done: float = 0.0  # when it was first seen to be done; 0 never


def read() -> dict[str, Progress]:
    """Read the record; what was never touched is not in it."""
    with suppress(FileNotFoundError, ValueError, TypeError):
        found: Any = documents.parse(reading.read_limited(standing.PROGRESS))
        return {name: Progress(*fields) for name, fields in found.items()}
    return {}


def note(name: str, hints: int = 0, solved: bool = False, done: bool = False) -> Progress:
    """Note that something happened to a task; give what is known of it now."""
    everything = read()
    old = everything.get(name, Progress())
    when = old.done or (time.time() if done else 0.0)
    new = Progress(max(old.hints, hints), old.solved or solved, when)
    if new != old:
        kept = {**everything, name: new}
        text = documents.written({key: list(value) for key, value in kept.items()})
        files.write_atomically(standing.PROGRESS, text.encode())
    return new


def points(of: int, done: bool, told: Progress) -> int:
    """Give the points for a task that is done or not: none for what pyrun did, less for what it told."""
    if not done or told.solved:
        return 0
    return max(0, of - COST[min(told.hints, MOST)])


def prompt(text: str) -> None:
    """Let the prompt of the lab's shells show how far it is."""
    files.write_atomically(standing.PROMPT, text.encode(), 0o644)
