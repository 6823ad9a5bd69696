"""Operations that only a lab makes: namespaces with names, cables between two of them, and what a learner would type.

All others are pyrun's own, in `pyrun.kernel`.
"""

import os
import shlex

from pyrun import paths
from pyrun.contexts import suppress
from pyrun.firewall import present
from pyrun.kernel import programs, survey, syscalls
from pyrun.kernel import rtnetlink as rt
from pyrun.kernel.netlink import attribute, encode, u32
from pyrun.operation import Operation
from pyrun.typed import Any, NamedTuple

_MS_BIND = 0x1000  # linux/mount.h
_IFLA_NET_NS_FD = 28  # linux/if_link.h


class AddNamespace(NamedTuple):
    """A network namespace with a name, which keeps it although nobody is in it; see ip-netns(8)."""

    name: str

    def apply(self) -> None:
        path = f"{paths.NETNS}/{self.name}"
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY | os.O_CLOEXEC, 0o444))
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            syscalls.unshare(syscalls.CLONE_NEWNET)
            syscalls.mount("/proc/self/ns/net", path, flags=_MS_BIND)
        finally:
            syscalls.setns(own, syscalls.CLONE_NEWNET)
            os.close(own)

    def inverse(self) -> "Typed":
        return Typed(f"ip netns delete {self.name}", "", "its links and routes go with it")

    def shell(self) -> str:
        return f"ip netns add {self.name}"

    def why(self) -> str:
        return "a network of its own: links, addresses, routes and rules that nobody else sees"


class LayCable(NamedTuple):
    """A veth pair: the end *outer* stays here, *inner* is born in the namespace *space*."""

    outer: str
    inner: str
    space: str
    outer_mac: str = ""  # the kernel chooses where it is empty
    inner_mac: str = ""

    def apply(self) -> None:
        fd = opened(self.space)
        try:
            inside = [*_named(self.inner, self.inner_mac), (_IFLA_NET_NS_FD, u32(fd))]
            pair = attribute(rt.VETH_INFO_PEER, rt.link(inside))
            kind = encode([(rt.IFLA_INFO_KIND, b"veth"), (rt.IFLA_INFO_DATA, pair)])
            body = rt.link([*_named(self.outer, self.outer_mac), (rt.IFLA_LINKINFO, kind)])
            rt.request(rt.RTM_NEWLINK, body, rt.NLM_F_CREATE | rt.NLM_F_EXCL)
        finally:
            os.close(fd)

    def inverse(self) -> "Typed":
        return Typed(f"ip link delete {self.outer}", "", "its other end goes with it")

    def shell(self) -> str:
        macs = [f" address {mac}" if mac else "" for mac in (self.outer_mac, self.inner_mac)]
        ends = f"{self.outer}{macs[0]} type veth peer name {self.inner}{macs[1]}"
        return f"ip link add {ends} netns {self.space}"

    def why(self) -> str:
        return "a cable: what goes in at one end comes out at the other"


class Inside(NamedTuple):
    """An operation made in the namespace *space*."""

    space: str
    operation: Any

    def apply(self) -> None:
        fd = opened(self.space)
        try:
            with survey.inside(fd):
                self.operation.apply()
        finally:
            os.close(fd)

    def inverse(self) -> "Operation | None":
        found = self.operation.inverse()
        return None if found is None else Inside(self.space, found)

    def shell(self) -> str:
        command: str = self.operation.shell()
        if command.startswith("ip "):
            return f"ip -n {self.space} {command.removeprefix('ip ')}"
        return f"ip netns exec {self.space} {command}"

    def why(self) -> str:
        reason: str = self.operation.why()
        return reason


class Because(NamedTuple):
    """An operation with the reason that it has in a lab."""

    operation: Any
    reason: str

    def apply(self) -> None:
        self.operation.apply()

    def inverse(self) -> "Operation | None":
        found: Operation | None = self.operation.inverse()
        return found

    def shell(self) -> str:
        command: str = self.operation.shell()
        return command

    def why(self) -> str:
        return self.reason


class Typed(NamedTuple):
    """A command of the host's, as a learner types it, without a shell; *undo* is the one that takes it back."""

    command: str
    undo: str
    reason: str

    def apply(self) -> None:
        name, *words = shlex.split(self.command)
        program = programs.find(name)
        if not program:
            raise OSError(2, f"{name} is not installed")
        outcome = programs.run(program, *words)
        if outcome.code:
            said = (outcome.complaint or outcome.output).strip().splitlines()
            raise OSError(5, said[0] if said else f"exit code {outcome.code}")

    def inverse(self) -> "Typed | None":
        return Typed(self.undo, self.command, "as it was before") if self.undo else None

    def shell(self) -> str:
        return self.command

    def why(self) -> str:
        return self.reason


class DropLink(NamedTuple):
    """Take a link away, whoever made it; one that is gone is no error."""

    name: str

    def apply(self) -> None:
        found = rt.find_link(self.name)
        if found is not None:
            rt.request(rt.RTM_DELLINK, rt.link([], index=found[0]))

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"ip link delete {self.name}"

    def why(self) -> str:
        return "made in this lab"


class FlushRules(NamedTuple):
    """Take all firewall rules of this host away, of iptables and of nft, and set policies to accept."""

    reason: str = "no rule stands"

    def apply(self) -> None:
        for save in present.variants(4):
            document = _accepting(programs.run(save).output)
            outcome = programs.run(save.replace("-save", "-restore"), "-w", given=document) if document else None
            if outcome and outcome.code:
                raise OSError(5, outcome.complaint.strip() or "iptables-restore failed")
        nft = programs.find("nft")
        if nft and programs.run(nft, "flush", "ruleset").code:
            raise OSError(5, "nft flush ruleset failed")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        flush = "iptables -P FORWARD ACCEPT && iptables -F && iptables -X && iptables -t nat -F && iptables -t nat -X"
        return "nft flush ruleset" if programs.find("nft") else flush

    def why(self) -> str:
        return self.reason


class PutFile(NamedTuple):
    """A file of the lab with this content, its directory made if need be; *former* is what it had before."""

    path: str
    content: str
    reason: str
    former: "str | None" = None

    def apply(self) -> None:
        os.makedirs(self.path.rpartition("/")[0], 0o755, exist_ok=True)
        with suppress(FileNotFoundError):
            os.chmod(self.path, 0o644)
        with open(self.path, "w", opener=_opener) as file:  # the same file: it may be mounted in a namespace
            file.write(self.content)

    def inverse(self) -> "PutFile | None":
        return None if self.former is None else PutFile(self.path, self.former, "as it was before", self.content)

    def shell(self) -> str:
        directory = self.path.rpartition("/")[0]
        made = "" if directory == "/etc" else f"mkdir -p {directory}; "
        text = self.content.replace("\n", "\\n")
        return f"{made}printf '{text}' > {self.path}"

    def why(self) -> str:
        return self.reason


def _accepting(listed: str) -> str:
    """Make of what iptables-save prints a document that empties the same tables."""
    kept = []
    for line in listed.splitlines():
        name, _, policy = line.partition(" ")
        if line.startswith(":") and not policy.startswith("-"):
            kept.append(f"{name} ACCEPT")
        elif line.startswith("*") or line == "COMMIT":
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def opened(space: str) -> int:
    """Open the namespace *space* of those that have a name. Errors: OSError."""
    return os.open(f"{paths.NETNS}/{space}", os.O_RDONLY | os.O_CLOEXEC)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def _named(name: str, mac: str) -> "list[tuple[int, bytes]]":
    return [(rt.IFLA_IFNAME, rt.text(name)), *([(rt.IFLA_ADDRESS, rt.mac(mac))] if mac else [])]
