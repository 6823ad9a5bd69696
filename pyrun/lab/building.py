"""A lab's host furnished, built, emptied and built again: operations performed, servers started."""

import os

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.errors import PyrunError
from pyrun.kernel import links, reading, syscalls
from pyrun.kernel import rtnetlink as rt
from pyrun.kernel.links import SetUp
from pyrun.lab import faults, network, servers
from pyrun.lab.operations import DropLink, FlushRules, Inside, Typed, opened
from pyrun.lab.standing import Standing
from pyrun.operation import Operation, perform
from pyrun.testing import warden

FAR = "/run/lab/internet"  # the number of the process that the internet stands by
_MS_BIND = 0x1000  # linux/mount.h


def furnish() -> None:
    """Give the internet its addresses and the host its settings; start what every lab serves. Errors: PyrunError."""
    far = [f"ip -n {network.SPACE} address replace {each}/32 dev lo" for each in (network.PAGES, network.NAMES)]
    perform([Typed(command, "", "a server on the internet") for command in far])
    perform([*network.host(), Inside(network.SPACE, SetUp(network.UPLINK))])
    _serve(network.served_everywhere())


def build(lab: Standing) -> None:
    """Make what the lab begins with: for *broken* the network, then its fault. Errors: PyrunError."""
    if lab.kind == "broken":
        perform(network.broken())
        _serve(network.served_in_broken())
        perform(faults.find(lab.fault).breaks)


def rebuild(lab: Standing) -> None:
    """Take everything away that was made in the lab, and make it as at its beginning. Errors: PyrunError."""
    servers.end()
    _reconnect()
    perform(emptying())
    for name in named_files():
        _remove(f"/etc/netns/{name}")
    furnish()
    build(lab)


def _reconnect() -> None:
    """Lay the cable to the internet again, and give that its name, where the learner has taken them away."""
    far = int(reading.read_limited(FAR))
    path, own = f"{paths.NETNS}/{network.SPACE}", f"/proc/{far}/ns/net"
    if not os.path.exists(own):
        raise PyrunError("lab: the internet was killed", 1, hint="pyrun lab stop, and start again")
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY | os.O_CLOEXEC, 0o444))
    if os.stat(path).st_ino != os.stat(own).st_ino:
        syscalls.mount(own, path, flags=_MS_BIND)
    if not links.exists(network.UPLINK):
        warden.connect(far, ipv6=False)


def emptying() -> list[Operation]:
    """Give the operations that take links, namespaces and rules of this host away."""
    plan: list[Operation] = [DropLink(name) for name in made_links()]
    plan += [Typed(f"ip netns delete {name}", "", "with all that is in it") for name in spaces()]
    plan += [FlushRules(), Typed("ip route flush table main", "", "routes that were made here")]
    return [*plan, Typed(f"ip -n {network.SPACE} route flush cache", "", "packet sizes that it has learned")]


def spaces() -> list[str]:
    """List the namespaces with a name, but for the internet."""
    with suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(paths.NETNS) if name != network.SPACE)
    return []


def made_links() -> list[str]:
    """List the links of this host that were made here."""
    return sorted(set(rt.names_and_peers()) - {"lo", network.UPLINK})


def named_files() -> list[str]:
    """List the namespaces for which there are files in /etc/netns."""
    with suppress(FileNotFoundError):
        return sorted(os.listdir("/etc/netns"))
    return []


def _remove(directory: str) -> None:
    for name in os.listdir(directory):
        os.unlink(f"{directory}/{name}")
    os.rmdir(directory)


def _serve(places: "list[tuple[str, tuple[servers.Server, ...]]]") -> None:
    for name, offered in places:
        fd = opened(name) if name else -1
        try:
            servers.begin(fd, offered)
        finally:
            if fd >= 0:
                os.close(fd)
