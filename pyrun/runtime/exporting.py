"""`export`: the root file system of a container, running or not, as a tar archive; without volumes, as Docker's."""

import os

from pyrun.archive import walk, write
from pyrun.runtime import inside
from pyrun.runtime.inside import Place
from pyrun.store import Container
from pyrun.typed import Callable


def export(container: Container, fd: int, waiting: "Callable[[int], None] | None" = None) -> list[str]:
    """Write the archive to the descriptor *fd*; give what was left out.

    *waiting* is called with the pidfd of the child that writes, and need not wait. Errors: PyrunError,
    BrokenPipeError when nobody reads any more.
    """

    def send(place: Place) -> None:
        reading = walk.Reading(place.descriptors, place.note, devices=True)
        write.write(walk.members(os.dup(place.root), b"", reading), fd)

    return inside.perform_inside(container, inside.Visit(send, waiting or _nothing, fd, volumes=False))


def _nothing(_: int) -> None:
    """Do nothing meanwhile."""
