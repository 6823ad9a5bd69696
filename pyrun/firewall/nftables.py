"""The same truth for hosts that have nft and no iptables: one table of our own.

A verdict of ours cannot overrule another table's drop policy: where somebody
else drops forwarded packets, forwarding needs a rule in that table.
"""

import errno
import os

from pyrun.kernel import programs
from pyrun.typed import NamedTuple

TABLE = "pyrun"


def document(bridge: str, subnet: str) -> str:
    """Give the table of one bridge, as nft(8) reads it."""
    return "\n".join(
        [
            f"table ip {TABLE} {{",
            "  chain user {",
            "  }",
            "  chain forward {",
            "    type filter hook forward priority filter; policy accept;",
            '    jump user comment "your own rules first"',
            f'    oifname "{bridge}" ct state established,related accept comment "answers"',
            f'    iifname "{bridge}" oifname "{bridge}" accept comment "containers of one network"',
            f'    iifname "{bridge}" oifname {{ "docker0", "br-*" }} drop comment "a neighbour\'s network"',
            f'    iifname "{bridge}" accept comment "containers reach the outside"',
            f'    oifname "{bridge}" drop comment "the outside reaches no unpublished port"',
            "  }",
            "  chain postrouting {",
            "    type nat hook postrouting priority srcnat; policy accept;",
            f'    ip saddr {subnet} oifname != "{bridge}" masquerade comment "leave as the host"',
            "  }",
            "}",
            "",
        ]
    )


class InstallTable(NamedTuple):
    """All rules of one bridge, replacing what stood there, in one transaction."""

    bridge: str
    subnet: str

    def apply(self) -> None:
        _nft(f"add table ip {TABLE}\ndelete table ip {TABLE}\n{document(self.bridge, self.subnet)}")

    def inverse(self) -> "RemoveTable":
        return RemoveTable()

    def shell(self) -> str:
        return f"nft -f - <<'END'\n{document(self.bridge, self.subnet)}END\n:"

    def why(self) -> str:
        return "forward for the bridge, keep networks apart, leave under the host's address"


class RemoveTable(NamedTuple):
    """Take our table away, whether or not it stands."""

    def apply(self) -> None:
        _nft(f"add table ip {TABLE}\ndelete table ip {TABLE}\n")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"nft delete table ip {TABLE}"

    def why(self) -> str:
        return "the last container has left the network"


def stand(bridge: str, subnet: str) -> bool:
    """Claim that our table stands with its chains and its masquerade rule."""
    outcome = programs.run(programs.find("nft"), "list", "table", "ip", TABLE)
    wanted = (f'oifname "{bridge}" drop', f"ip saddr {subnet} oifname != ", "ct state established,related")
    return outcome.code == 0 and all(text in outcome.output for text in wanted)


def available() -> bool:
    """Claim that this host has nft."""
    return bool(programs.find("nft"))


def _nft(given: str) -> None:
    outcome = programs.run(programs.find("nft"), "-f", "-", given=given)
    if outcome.code:
        reason = outcome.complaint.strip().splitlines()
        raise OSError(errno.EIO, reason[0] if reason else os.strerror(errno.EIO))
