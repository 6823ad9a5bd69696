"""SIGKILL at a chosen place: fault injection is a view of the list of operations, no switch that ships.

A place is an operation about to be performed (``before``), one that has been
noted in a journal (``noted``), or a file about to be renamed, linked or removed,
which is how things are committed (``files``).
"""

import sys
from pathlib import Path

from lab import TOP, Done, Host

MOMENTS = ("before", "noted", "files")
_SITE = [p for p in sys.path if p.endswith("site-packages")]
_KILLER = f"""
import sys
sys.path[:0] = {[str(TOP), *_SITE]!r}
counter, place, moments = sys.argv.pop(1), int(sys.argv.pop(1)), sys.argv.pop(1).split(",")
import os
from pyrun import journal, operation
from pyrun.runtime import ending

ending._GRACE = 0  # an idle network goes at once: half a second a place less
fd = -1  # the monitor opens it, which init cannot after the pivot; what is open before is closed

def reached():
    global fd
    if fd < 0:
        fd = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
    os.write(fd, b".")
    if os.fstat(fd).st_size == place:
        os.kill(os.getpid(), 9)

def observe(side, each):
    reached()

intend = journal.FileJournal.intend

def noted(self, inverse):
    entry = intend(self, inverse)
    reached()
    return entry

def counted(change):
    def changed(*arguments, **more):
        reached()
        return change(*arguments, **more)
    return changed

if "before" in moments:
    operation.observers.append(observe)
if "noted" in moments:
    journal.FileJournal.intend = noted
if "files" in moments:
    os.rename, os.link, os.unlink = map(counted, (os.rename, os.link, os.unlink))
from pyrun.__main__ import main
main()
"""


def run_killed(host: Host, counter: Path, place: int, moments: str, *arguments: str) -> tuple[Done, int]:
    """Run pyrun, killed at a place; give the outcome and how far the list came."""
    counter.unlink(missing_ok=True)
    killer = [sys.executable, "-I", "-S", "-c", _KILLER, str(counter), str(place), moments]
    done = host.run([*killer, *arguments], timeout=30)
    return done, counter.stat().st_size if counter.exists() else 0
