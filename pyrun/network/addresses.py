"""IPv4 arithmetic and address management: pools, the lowest free address, and leases that are files.

What is plugged in with an address is decided elsewhere.
"""

import os
from contextlib import suppress

from pyrun.errors import PyrunError
from pyrun.kernel.files import quote
from pyrun.typed import NamedTuple


class Subnet(NamedTuple):
    """An IPv4 network: the first address as a number, and the prefix length."""

    network: int
    prefix: int

    def __str__(self) -> str:
        return f"{dotted(self.network)}/{self.prefix}"

    @property
    def last(self) -> int:
        """Give the broadcast address."""
        return self.network | (0xFFFFFFFF >> self.prefix)

    def overlaps(self, other: "Subnet") -> bool:
        """Claim that some address belongs to both."""
        return self.network <= other.last and other.network <= self.last


# Docker's default pools in its order: libnetwork/ipamutils. 31 networks.
POOLS = (
    *(Subnet((172 << 24) | (second << 16), 16) for second in range(17, 32)),
    *(Subnet((192 << 24) | (168 << 16) | (third << 12), 20) for third in range(16)),
)


def dotted(number: int) -> str:
    """Write an address."""
    return ".".join(str(byte) for byte in number.to_bytes(4, "big"))


def number(text: str) -> int:
    """Read a dotted address. Errors: ValueError for anything else."""
    parts = text.split(".")
    if len(parts) != 4 or not all(p.isascii() and p.isdigit() and len(p) <= 3 for p in parts):
        raise ValueError(text)
    return int.from_bytes(bytes(int(part) for part in parts), "big")


def subnet(text: str) -> Subnet:
    """Read ADDRESS/PREFIX. Errors: ValueError."""
    first, _, prefix = text.partition("/")
    length = int(prefix)
    mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    return Subnet(number(first) & mask, length)


def choose_pool(routes: list[Subnet], nameservers: list[Subnet]) -> Subnet:
    """Give the first pool that overlaps no on-link route and no nameserver.

    Errors: PyrunError naming what excluded each pool.
    """
    reasons = []
    for pool in POOLS:
        taken = [f"route {route}" for route in routes if route.prefix and pool.overlaps(route)]
        taken += [f"nameserver {dotted(server.network)}" for server in nameservers if pool.overlaps(server)]
        if not taken:
            return pool
        reasons.append(f"{pool} by {taken[0]}")
    raise PyrunError(f"network: all address pools are taken: {', '.join(reasons)}")


def container_mac(address: str) -> str:
    """Give Docker's link-layer address for an IPv4 address: 02:42 and its four bytes."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def lowest_free(pool: Subnet, taken: "set[str]") -> str:
    """Give the lowest address after the gateway that is not *taken*. Errors: PyrunError when none is."""
    for candidate in range(pool.network + 2, pool.last):
        address = dotted(candidate)
        if address not in taken:
            return address
    total = pool.last - pool.network - 2
    raise PyrunError(f"network: no available IPv4 addresses in {pool} ({total} of {total} used)")


class TakeLease(NamedTuple):
    """An address that belongs to one container until undone: a file only one can make."""

    directory: str
    address: str
    owner: str  # the container's id

    def apply(self) -> None:
        fd = os.open(self.directory, os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, self.owner.encode())  # first the owner, then the name: never a lease without one
            os.link(f"/proc/self/fd/{fd}", f"{self.directory}/{self.address}", src_dir_fd=fd)
        finally:
            os.close(fd)

    def inverse(self) -> "ReleaseLease":
        return ReleaseLease(self.directory, self.address, self.owner)

    def shell(self) -> str:
        path = quote(f"{self.directory}/{self.address}")
        return f"( set -C; printf %s {self.owner} > {path} )"

    def why(self) -> str:
        return "no other container gets this address"


class ReleaseLease(NamedTuple):
    """Give an address back, if it still is ours."""

    directory: str
    address: str
    owner: str

    def apply(self) -> None:
        path = f"{self.directory}/{self.address}"
        with suppress(FileNotFoundError), open(path) as file:
            if file.read() == self.owner:
                os.unlink(path)

    def inverse(self) -> None:
        return None

    def shell(self) -> str:
        return f"rm -f {quote(f'{self.directory}/{self.address}')}"

    def why(self) -> str:
        return "the next container may have this address"
