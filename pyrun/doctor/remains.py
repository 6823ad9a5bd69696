"""Records that cannot be read, and what was left over: of containers whose keeper died, and of those that nobody knows.

What the next command of pyrun cleans up by itself is told with `pyrun ps` as its fix.
"""

import os

from pyrun import leftovers, paths, store
from pyrun.contexts import suppress
from pyrun.doctor import Finding, lasting, ok, unseen, warn
from pyrun.errors import Corrupt, PyrunError
from pyrun.kernel import cgroups, reading, rtnetlink
from pyrun.network import definitions, standing
from pyrun.typed import Iterator

_LOG = f"{paths.STATE}/problems.log"


def _records() -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield unseen("records")
        return
    found = store.containers()
    damaged = [container for container in found if container.status().state == "corrupt"]
    for container in damaged:
        cause = container.problem or "a record of its start or end cannot be read"
        text = f"container {container.id[:12]} is damaged; all others keep working"
        yield warn("records", text, cause, f"pyrun rm -f {container.id[:12]}")
    if not damaged:
        yield ok("records", f"{len(found)} container{'' if len(found) == 1 else 's'}, all readable")
    for name in standing.names():
        with suppress(FileNotFoundError):
            yield from _unreadable(name)
    for problem in definitions.networks()[1]:
        yield warn("records", problem.message, problem.hint or "written by another version, or damaged", _move(problem))


def _unreadable(name: str) -> Iterator[Finding]:
    try:
        standing.read(name)
    except Corrupt as problem:
        yield warn("records", problem.message, "damaged", f"pyrun network repair {name}")


def _move(problem: PyrunError) -> str:
    path = next((word.rstrip(":") for word in problem.message.split() if word.startswith("/")), paths.DEFINITIONS)
    return f"mv {path} /root/"


def _dead() -> Iterator[Finding]:
    """Find what the next command cleans up."""
    if os.geteuid() != 0:
        yield unseen("left-overs")
        return
    found = [
        (leftovers.abandoned(), "whose keeper died", "its monitor was killed"),
        (leftovers.interrupted(), "of an interrupted start", "a reboot or a kill in the middle of it"),
        (leftovers.forgotten(), "of an interrupted removal", "a kill in the middle of it"),
        (leftovers.unserved(), "whose ports and names nobody serves", "its process was killed"),
    ]
    clean = True
    for identities, what, cause in found:
        if identities:
            clean = False
            shown = ", ".join(identity[:12] for identity in identities[:5])
            yield warn("left-overs", f"{len(identities)} {what}: {shown}", cause, "pyrun ps")
    for name, _ in leftovers.nameless():
        clean = False
        cause = "a container's directory was removed by hand"
        yield warn("left-overs", f"{name}: a name of nobody", cause, f"rm {paths.NAMES}/{name}")
    unsettled = [name for name in standing.names() if standing.is_changing(name) or standing.has_strangers(name)]
    if unsettled:
        cause = "a command was killed while it changed them"
        yield warn("left-overs", f"unfinished networks: {', '.join(unsettled)}", cause, "pyrun ps")
    if clean and not unsettled:
        yield ok("left-overs", "none of containers or networks")


def _strays() -> Iterator[Finding]:
    """Find what carries pyrun's names and belongs to no container that is known."""
    if os.geteuid() != 0:
        return
    known = _known()
    found = [*_groups(known), *_sandboxes(), *_cables(), *_mounts(known), *_directories(known)]
    yield from found
    if not found:
        yield ok("strays", "no control group, network namespace, link, mount or directory without its container")


def _known() -> "set[str]":
    names = {*reading.listed(paths.LOCKS), *reading.listed(paths.CONTAINERS)}
    return {name.removesuffix(leftovers.FORGOTTEN) for name in names}


def _groups(known: "set[str]") -> Iterator[Finding]:
    found: dict[str, list[str]] = {}
    alive: dict[str, set[int]] = {}
    for hierarchy in cgroups.hierarchies():
        for name in reading.listed(f"{hierarchy.path}/{cgroups.PARENT}"):
            if name not in known and os.path.isdir(path := hierarchy.group(name)):
                found.setdefault(name, []).append(path)
                alive.setdefault(name, set()).update(cgroups.processes((hierarchy,), name))
    for name, group_paths in found.items():
        pids = " ".join(map(str, sorted(alive[name])))
        text = f"control group {name[:12]} in {len(group_paths)} hierarchies" + (
            f", with processes {pids}" if pids else ""
        )
        cause = "its container is not known here: its records were removed, or lie in another mount namespace"
        top = os.path.commonpath(group_paths).partition(f"/{cgroups.PARENT}")[0]
        fix = f"find {top} -depth -type d -path '*/{cgroups.PARENT}/{name}*' -exec rmdir {{}} +"
        yield warn("strays", text, cause, f"ps {pids}; kill {pids}; {fix}" if pids else fix)


def _sandboxes() -> Iterator[Finding]:
    for name in reading.listed(paths.NETNS):
        if not name.startswith("pyrun-"):
            continue
        with suppress(OSError):
            if not os.path.lexists(f"{paths.NAMES}/{name.removeprefix('pyrun-')}"):
                cause = "no container has that name"
                yield warn("strays", f"network namespace {paths.NETNS}/{name}", cause, f"rm {paths.NETNS}/{name}")


def _cables() -> Iterator[Finding]:
    """Find bridges and cables that no network stands for; a cable has its container's name as alias."""
    standing_names = standing.networks()
    bridges = {net.bridge for net in standing_names}
    ours = {end.host_link for net in standing_names for end in standing.endpoints(net.name)}
    for _, _, told in rtnetlink.links():
        name = told.get(rtnetlink.IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace")
        alias = told.get(rtnetlink.IFLA_IFALIAS, b"").rstrip(b"\0").decode(errors="replace")
        bridge = name == "pyrun0" and name not in bridges
        cable = alias.startswith("pyrun") and name not in ours
        if bridge or cable:
            cause = "no network of pyrun has it: its records were removed by hand, or it was made by somebody else"
            yield warn("strays", f"link {name}{f' ({alias})' if alias else ''}", cause, f"ip link delete {name}")


def _mounts(known: "set[str]") -> Iterator[Finding]:
    with open("/proc/self/mountinfo") as file:
        points = [row.split(" ")[4] for row in file]
    for point in points:
        for top in (paths.RUNTIMES, paths.CONTAINERS):
            identity = point.removeprefix(f"{top}/").partition("/")[0]
            if point.startswith(f"{top}/") and identity not in known:
                yield warn("strays", f"mount {point}", "its container is not known", f"umount -l {point}")


def _directories(known: "set[str]") -> Iterator[Finding]:
    for name in reading.listed(paths.RUNTIMES):
        path = paths.runtime(name)
        if name not in known:
            yield warn("strays", f"directory {path}", "its container is not known", f"rm -r --one-file-system {path}")


def _problems() -> Iterator[Finding]:
    if os.geteuid() != 0:
        return
    try:
        with open(_LOG, errors="replace") as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return
    if lines:
        text = f"{len(lines)} noted, the last one: {lines[-1]}"
        yield warn(
            "problems", text, "something could not be cleaned up when a container ended", f"cat {_LOG}; rm {_LOG}"
        )


CHECKS = (
    ("records", _records),
    ("left-overs", lasting(_dead)),
    ("strays", lasting(_strays)),
    ("problems", _problems),
)
