"""Who is on the networks of a container, read again only after somebody has come or gone.

Looking whether anything has changed costs one stat(2) for each network. What
the names are is decided in `pyrun.network.names`.
"""

import os
import time

from pyrun import paths
from pyrun.network import names, standing
from pyrun.network.definitions import DEFAULT
from pyrun.spec import Endpoint

_TICK = 20_000_000  # nanoseconds; below Linux 6.13 two changes within a tick of the clock look like one


class Directory:
    """The names that a container sees."""

    __slots__ = ("_identity", "_records", "_seen", "_settled", "_watched", "names")

    def __init__(self, identity: str) -> None:
        self.names = names.gathered([], {})
        self._identity = identity
        self._watched: list[str] = []
        self._seen: list[tuple[int, int] | None] = []
        self._settled = False
        self._records: dict[tuple[str, str], tuple[int, Endpoint]] = {}

    def refresh(self) -> bool:
        """Read again what may have changed; tell whether any name has. Errors: OSError."""
        if self._settled and [_signature(path) for path in self._watched] == self._seen:
            return False
        own = paths.runtime(self._identity)
        now = time.time_ns()
        before = _signature(own)
        networks = [entry.removeprefix(paths.PLUG) for entry in _listed(own) if entry.startswith(paths.PLUG)]
        networks = sorted(name for name in networks if name != DEFAULT)
        self._watched = [own, *map(standing.endpoints_of, networks)]
        self._seen = [before, *map(_signature, self._watched[1:])]
        self._settled = all(seen is None or seen[1] < now - _TICK for seen in self._seen)
        former, self.names = self.names, self._read(networks)
        return former != self.names

    def _read(self, networks: list[str]) -> names.Names:
        records: dict[tuple[str, str], tuple[int, Endpoint]] = {}
        for name in networks:
            records |= self._plugs(name)
        self._records = records
        others: dict[str, list[Endpoint]] = {name: [] for name in networks}
        for (name, _), (_, end) in sorted(records.items()):
            others[name].append(end)
        own = [end for (_, identity), (_, end) in records.items() if identity == self._identity]
        return names.gathered(own, others)

    def _plugs(self, name: str) -> "dict[tuple[str, str], tuple[int, Endpoint]]":
        """Give the plugs into a network, reading only the records that are new: each is written once, as a new file."""
        net, found = None, {}
        try:
            entries = list(os.scandir(standing.endpoints_of(name)))
        except FileNotFoundError:
            return {}
        for entry in entries:
            key, number = (name, entry.name), entry.inode()
            if key in self._records and self._records[key][0] == number:
                found[key] = self._records[key]
                continue
            net = net or standing.read(name)
            # A name with a dot is a record being written.
            end = standing.endpoint(name, entry.name, net) if net and "." not in entry.name else None
            if end:
                found[key] = (number, end)
        return found


def _signature(path: str) -> "tuple[int, int] | None":
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except FileNotFoundError:
        return []
