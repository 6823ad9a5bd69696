"""Address management: which pool a network gets, the lowest free address, and leases that are files.

What is plugged in with an address is decided in `pyrun.network.driver`.
"""

import os

from pyrun.contexts import suppress
from pyrun.errors import PyrunError, UsageError
from pyrun.kernel import files
from pyrun.kernel.files import quote
from pyrun.network.addresses import Subnet, ends, number, subnet, written
from pyrun.spec import Pool
from pyrun.typed import Callable, NamedTuple

# Docker's default pools in its order: libnetwork/ipamutils. 31 networks.
POOLS = (
    *(Subnet((172 << 24) | (second << 16), 16) for second in range(17, 32)),
    *(Subnet((192 << 24) | (168 << 16) | (third << 12), 20) for third in range(16)),
)
_IPV6_POOLS = 1 << 16  # /64 networks in a /48


class Taken(NamedTuple):
    """A part of the address space that is in use, and by what: ``route``, ``nameserver`` or ``network NAME``."""

    subnet: Subnet
    by: str

    def __str__(self) -> str:
        whole = written(self.subnet.network, self.subnet.bits)
        return f"{self.by} {whole}" if self.subnet.prefix == self.subnet.bits else f"{self.by} {self.subnet}"


def choose_pool(taken: "list[Taken]") -> Subnet:
    """Give Docker's first IPv4 pool that overlaps nothing *taken*.

    A default route is no use of an address. Errors: PyrunError naming what excluded each pool.
    """
    excluded: list[tuple[Taken, list[Subnet]]] = []  # by what, and which pools in a row
    for pool in POOLS:
        reason = next((use for use in taken if use.subnet.prefix and pool.overlaps(use.subnet)), None)
        if reason is None:
            return pool
        if not excluded or excluded[-1][0] != reason:
            excluded.append((reason, []))
        excluded[-1][1].append(pool)
    told = ", ".join(_exclusion(reason, pools) for reason, pools in excluded)
    raise PyrunError(f"network: all address pools are taken: {told}", hint="give one with --subnet")


def _exclusion(reason: Taken, pools: list[Subnet]) -> str:
    first = f"{pools[0]} to {pools[-1]}" if len(pools) > 1 else str(pools[0])
    return f"{first} by {reason.by if pools == [reason.subnet] else reason}"


def choose_pool6(machine: str, taken: "list[Taken]") -> Subnet:
    """Give the first free /64 of this machine's unique local /48 (RFC 4193), made from its id as Docker does."""
    import hashlib

    digest = int.from_bytes(hashlib.sha256(machine.encode()).digest()[:5], "big")
    base = (0xFD << 120) | (digest << 80)
    for part in range(_IPV6_POOLS):
        pool = Subnet(base | (part << 64), 64, 128)
        if not any(use.subnet.prefix and pool.overlaps(use.subnet) for use in taken):
            return pool
    raise PyrunError(f"network: all of {written(base, 128)}/48 is taken", hint="give one with --subnet")


def gateway(pool: Subnet, ip_range: "Subnet | None" = None) -> str:
    """Give the address of the bridge: the first one of the range, else of the subnet, as Docker asks for it.

    Errors: PyrunError when the subnet has no address for it.
    """
    return _lowest(pool, ip_range or pool, set(), lambda total: f"network: {pool}: no address left for the gateway")


def lowest_free(pool: Pool, taken: "set[str]") -> str:
    """Give the lowest address that is neither *taken*, nor the gateway's, nor reserved.

    Errors: PyrunError when none is left.
    """
    within = subnet(pool.ip_range or pool.subnet)
    own = {pool.gateway, *(entry.partition("=")[2] for entry in pool.reserved)}
    family = "IPv6" if pool.is_ipv6 else "IPv4"

    def full(total: int) -> str:
        return f"network: no available {family} addresses in {within} ({total} of {total} used)"

    return _lowest(subnet(pool.subnet), within, taken | own, full)


def checked(pool: Pool, address: str, taken: "set[str]") -> str:
    """Give an address that a person asked for. Errors: UsageError when it is not there to be had."""
    whole = subnet(pool.subnet)
    if not whole.contains(address):
        raise UsageError(f"ip: {address}: not in the subnet {pool.subnet} of the network")
    plain = written(number(address), whole.bits)
    own = {pool.gateway, *(entry.partition("=")[2] for entry in pool.reserved)}
    if plain in taken | own or number(address) in ends(whole):
        raise UsageError(f"ip: {plain}: the address is already in use")
    return plain


def _lowest(pool: Subnet, within: Subnet, taken: "set[str]", complaint: Callable[[int], str]) -> str:
    never = ends(pool)
    for candidate in range(within.network, within.last + 1):
        if candidate not in never and (address := written(candidate, pool.bits)) not in taken:
            return address
    first_last = sum(1 for end in never if within.network <= end <= within.last)
    gateway_too = 1 if within == pool else 0
    raise PyrunError(complaint(within.last - within.network + 1 - first_last - gateway_too))


class TakeLease(NamedTuple):
    """An address that belongs to one container until undone: a file only one can make."""

    directory: str
    address: str
    owner: str  # the container's id

    def apply(self) -> None:
        files.write_new(f"{self.directory}/{self.address}", self.owner.encode())  # never a lease without an owner

    def inverse(self) -> "ReleaseLease":
        return ReleaseLease(self.directory, self.address, self.owner)

    def shell(self) -> str:
        path = quote(f"{self.directory}/{self.address}")
        return f"mkdir -p {quote(self.directory)} && ( set -C; printf %s {self.owner} > {path} )"

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
