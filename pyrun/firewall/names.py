"""The rules inside a container's own network namespace that lead name queries to who answers them.

The container asks 127.0.0.11 at port 53; the answering sockets have a port of
their own there, so that its programs may use port 53 themselves. The rules die
with the namespace.
"""

import errno
import os

from pyrun.kernel import programs, sandboxes
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple

ADDRESS = "127.0.0.11"
_HOOKS = ("OUTPUT", "POSTROUTING")


class RedirectNames(NamedTuple):
    """Queries for names in the sandbox of *pid* go to *port*, and answers come from where the query went."""

    pid: int
    port: int
    backend: str  # iptables or nftables
    again: bool = False  # those of an earlier port stand there

    def apply(self) -> None:
        namespace = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            sandboxes.within(namespace, self._install)
        finally:
            os.close(namespace)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        pid = str(self.pid) if self.pid else "$PID"
        line = " ".join(map(quote, _command(self.backend)))
        return f"nsenter --net=/proc/{pid}/ns/net {line} <<'END'\n{self._document()}END\n:"

    def why(self) -> str:
        return f"what asks {ADDRESS} for a name gets its answer from us, and port 53 stays the container's own"

    def _document(self) -> str:
        return _nft_document(self.port) if self.backend == "nftables" else _iptables_document(self.port)

    def _install(self) -> None:
        """Install the rules. Errors: OSError."""
        tool, *arguments = _command(self.backend)
        if self.again and self.backend != "nftables":
            iptables = programs.find("iptables")
            for hook in _HOOKS:
                programs.run(iptables, "-w", "10", "-t", "nat", "-D", hook, *_jump(hook).split(" "))
        outcome = programs.run(programs.find(tool), *arguments, given=self._document())
        if outcome.code:
            reason = outcome.complaint.strip().splitlines()
            raise OSError(errno.EIO, reason[0] if reason else os.strerror(errno.EIO))


def _command(backend: str) -> tuple[str, ...]:
    return ("nft", "-f", "-") if backend == "nftables" else ("iptables-restore", "--noflush", "-w", "10")


def _jump(hook: str) -> str:
    return f"-d {ADDRESS}/32 -j PYRUN_{hook}"


def _iptables_document(port: int) -> str:
    lines = [f":PYRUN_{hook} - [0:0]" for hook in _HOOKS]
    lines += [f"-A {hook} {_jump(hook)}" for hook in _HOOKS]
    for kind in ("tcp", "udp"):
        lines.append(
            f"-A PYRUN_OUTPUT -d {ADDRESS}/32 -p {kind} -m {kind} --dport 53 -j DNAT --to-destination {ADDRESS}:{port}"
        )
    for kind in ("tcp", "udp"):
        lines.append(f"-A PYRUN_POSTROUTING -s {ADDRESS}/32 -p {kind} -m {kind} --sport {port} -j SNAT --to-source :53")
    return "\n".join(["*nat", *lines, "COMMIT", ""])


def _nft_document(port: int) -> str:
    table = "ip pyrun-names"
    lines = [
        f"add table {table}",
        f"delete table {table}",
        f"add table {table}",
        f"add chain {table} output {{ type nat hook output priority -100; policy accept; }}",
        f"add chain {table} postrouting {{ type nat hook postrouting priority srcnat; policy accept; }}",
    ]
    for kind in ("tcp", "udp"):
        lines.append(
            f'add rule {table} output ip daddr {ADDRESS} {kind} dport 53 dnat to {ADDRESS}:{port} comment "ask us"'
        )
        lines.append(
            f'add rule {table} postrouting ip saddr {ADDRESS} {kind} sport {port} snat to :53 comment "as asked"'
        )
    return "\n".join([*lines, ""])
