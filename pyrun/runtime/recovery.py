"""What a container left on this host, found without its journal: by its id, its names and what the kernel says.

Its journal is how a container is taken apart; this is for `rm`, when that is
damaged or gone. Nothing is changed here.
"""

import os

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.kernel import cgroups, files, reading
from pyrun.network import endpoints, standing
from pyrun.operation import Operation
from pyrun.plan import network
from pyrun.store import Container


def left_by(container: Container) -> list[Operation]:
    """List what removes all that a container, of which nothing may go on, has left; most often nothing."""
    names = _names(container)
    return [*_groups(container.id), *_sandboxes(names), *_plugs(container.id)]


def _names(container: Container) -> list[str]:
    """Give the names of the container, also where its record cannot tell."""
    if container.config:
        return [container.config.name]
    found = []
    for name in reading.listed(paths.NAMES):
        with suppress(OSError):
            found += [name] if os.readlink(f"{paths.NAMES}/{name}") == container.id else []
    return found


def _groups(identity: str) -> list[Operation]:
    """First of all end whoever is left in its control groups: with them go namespaces and what is in those."""
    paths_of = (hierarchy.group(identity) for hierarchy in cgroups.hierarchies())
    return [cgroups.RemoveGroup(path) for path in paths_of if os.path.isdir(path)]


def _sandboxes(names: list[str]) -> list[Operation]:
    found: list[Operation] = []
    for name in names:
        with suppress(OSError):
            path = f"{paths.NETNS}/pyrun-{name}"
            found.append(files.Unlink(path, os.readlink(path)))
    mark = f"{paths.RUN}/made-netns"
    return [*found, files.RemoveSharedDirectory(paths.NETNS, mark)] if found else []


def _plugs(identity: str) -> list[Operation]:
    """Find the plugs into networks by their records, and the addresses by who has leased them."""
    found: list[Operation] = []
    for name in standing.names():
        end = standing.endpoint(name, identity)
        made = [*network.endpoint(end, 0, ipv6=False), *network.published(end)] if end else []
        found += [inverse for each in reversed(made) if (inverse := each.inverse()) is not None]
        record = f"{standing.endpoints_of(name)}/{identity}"
        found += [endpoints.ForgetEndpoint(standing.endpoints_of(name), identity)] if os.path.lexists(record) else []
        leased = [address for address, owner in standing.owners(name).items() if owner == identity]
        found += [each for address in leased for each in endpoints.released(name, address, identity)]
    return found
