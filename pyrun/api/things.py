"""What containers, networks, volumes and root file systems have in common as Python objects."""

from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self

from pyrun.api.places import Place
from pyrun.errors import NotFound


class Thing(ABC):
    """Something of a host, by what identifies it there. As a context manager it is removed at the end."""

    def __init__(self, identity: str, place: Place) -> None:
        """Not for callers: the functions of `pyrun` make and find it."""
        self._id = identity
        self._place = place

    @abstractmethod
    def remove(self) -> None:
        """Remove it."""

    def _leave(self) -> None:
        """Remove it at the end of a with statement."""
        self.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: "type[BaseException] | None", problem: "BaseException | None", trace: "TracebackType | None"
    ) -> None:
        with suppress(NotFound):
            self._leave()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id[:12]}>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Thing) and other._id == self._id

    def __hash__(self) -> int:
        return hash(self._id)
