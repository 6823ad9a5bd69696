"""A container's plug into a network: designed, and written down for everybody who asks who is there.

The record is what names are resolved by, what rules are mended by, and what
`network inspect` shows. Its links and addresses are planned in `pyrun.plan.network`.
"""

import os

from pyrun.contexts import suppress
from pyrun.kernel import files
from pyrun.kernel.conntrack import ForgetHolder, OweForgetting
from pyrun.kernel.files import quote
from pyrun.network import addresses, ipam, standing
from pyrun.operation import Operation
from pyrun.spec import Attachment, Endpoint, Network
from pyrun.typed import NamedTuple

_GONE = "flows from and to it are forgotten before another has its address"


def design(net: Network, identity: str, name: str, wanted: Attachment, used: "set[str]") -> Endpoint:
    """Choose addresses and names for a container's plug; *used* are the links that it has already.

    Errors: PyrunError when no address is left, UsageError for one that cannot be had.
    """
    taken = set(standing.leases(net.name))
    given = (wanted.address, wanted.address6)
    chosen = ["", ""]
    for at, (pool, address) in enumerate(zip(net.pools, given, strict=False)):
        chosen[at] = ipam.checked(pool, address, taken) if address else ipam.lowest_free(pool, taken)
    return Endpoint(
        net,
        identity,
        name,
        wanted.link or _next_link(net.link_prefix, used),
        wanted.mac or addresses.container_mac(chosen[0]),
        f"veth{os.urandom(4).hex()[:7]}",
        f"02:{os.urandom(5).hex(':')}",
        chosen[0],
        chosen[1],
        wanted.aliases,
        wanted.priority,
    )


def leased(end: Endpoint) -> list[Operation]:
    """Take the addresses, so that nobody else gets them before flows from and to them are forgotten."""
    where, own = standing.leases_of(end.network.name), tuple(filter(None, (end.address, end.address6)))
    takes = [ipam.TakeLease(where, address, end.container) for address in own]
    return [*takes, OweForgetting(ForgetHolder(own), _GONE)]


def released(network: str, address: str, owner: str) -> list[Operation]:
    """Give an address back whose holder is gone, with whatever else it had."""
    return [ForgetHolder((address,)), ipam.ReleaseLease(standing.leases_of(network), address, owner)]


def registered(end: Endpoint) -> Operation:
    """Write the plug down."""
    return RegisterEndpoint(standing.endpoints_of(end.network.name), end.container, standing.encode(end))


class RegisterEndpoint(NamedTuple):
    """The record of a container's plug: from here on others know its names and addresses."""

    directory: str
    container: str
    content: str

    def apply(self) -> None:
        content = self.content.encode(errors="surrogateescape")
        above = os.path.dirname(self.directory)  # so that nobody takes what is unfinished for a container's
        files.write_atomically(f"{self.directory}/{self.container}", content, by=above)

    def inverse(self) -> "ForgetEndpoint":
        return ForgetEndpoint(self.directory, self.container)

    def shell(self) -> str:
        path = quote(f"{self.directory}/{self.container}")
        return f"mkdir -p {quote(self.directory)} && printf %s {quote(self.content)} > {path}"

    def why(self) -> str:
        return "others on the network find the container by its names"


class ForgetEndpoint(NamedTuple):
    """Remove the record of a container's plug."""

    directory: str
    container: str

    def apply(self) -> None:
        with suppress(FileNotFoundError):
            os.unlink(f"{self.directory}/{self.container}")

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rm -f {quote(f'{self.directory}/{self.container}')}"

    def why(self) -> str:
        return "the container has left the network"


def _next_link(prefix: str, used: "set[str]") -> str:
    """Give the prefix and the lowest number that is not used."""
    return next(name for number in range(len(used) + 1) if (name := f"{prefix}{number}") not in used)
