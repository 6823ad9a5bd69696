"""Address arithmetic for IPv4 and IPv6: subnets as numbers, and the addresses that follow from them. No I/O.

Which pool and which address is taken is decided in `pyrun.network.ipam`.
"""

import _socket  # socket itself imports enum and selectors; ipaddress imports re

from pyrun.spec import Pool
from pyrun.typed import NamedTuple

_FAMILIES = {32: _socket.AF_INET, 128: _socket.AF_INET6}


class Subnet(NamedTuple):
    """A network: its first address as a number, the prefix length, and how many bits an address has."""

    network: int
    prefix: int
    bits: int = 32  # 128 for IPv6

    def __str__(self) -> str:
        return f"{written(self.network, self.bits)}/{self.prefix}"

    @property
    def last(self) -> int:
        """Give the last address; IPv4's broadcast."""
        return self.network | ((1 << (self.bits - self.prefix)) - 1)

    def overlaps(self, other: "Subnet") -> bool:
        """Claim that some address belongs to both."""
        return self.bits == other.bits and self.network <= other.last and other.network <= self.last

    def holds(self, other: "Subnet") -> bool:
        """Claim that every address of *other* belongs to this one."""
        return self.bits == other.bits and self.network <= other.network and other.last <= self.last

    def contains(self, address: str) -> bool:
        """Claim that *address* belongs to it."""
        return bits_of(address) == self.bits and self.network <= number(address) <= self.last


def written(value: int, bits: int = 32) -> str:
    """Write an address as people do."""
    return _socket.inet_ntop(_FAMILIES[bits], value.to_bytes(bits // 8, "big"))


def number(text: str) -> int:
    """Read an address, strictly. Errors: ValueError for anything else."""
    try:
        return int.from_bytes(_socket.inet_pton(_FAMILIES[bits_of(text)], text), "big")
    except OSError as cause:
        raise ValueError(text) from cause


def bits_of(text: str) -> int:
    """Tell IPv6 (128) from IPv4 (32) by the writing."""
    return 128 if ":" in text else 32


def before_port(text: str) -> str:
    """Write an address as it stands before a port: RFC 3986 has IPv6's in brackets."""
    return f"[{text}]" if ":" in text else text


def subnet(text: str) -> Subnet:
    """Read ADDRESS/PREFIX, whatever stands behind the prefix left out. Errors: ValueError."""
    first, slash, prefix = text.partition("/")
    bits = bits_of(first)
    if not slash or not prefix.isascii() or not prefix.isdigit() or int(prefix) > bits:
        raise ValueError(text)
    mask = ((1 << bits) - 1) ^ ((1 << (bits - int(prefix))) - 1)
    return Subnet(number(first) & mask, int(prefix), bits)


def broadcast(text: str) -> str:
    """Give the broadcast address of a subnet; empty where it has none: IPv6, and point-to-point (RFC 3021)."""
    pool = subnet(text)
    return written(pool.last) if pool.bits == 32 and pool.prefix < 31 else ""


def container_mac(address: str) -> str:
    """Give Docker's link-layer address for an IPv4 address: 02:42 and its four bytes."""
    return "02:42:" + number(address).to_bytes(4, "big").hex(":")


def ends(pool: Subnet) -> "set[int]":
    """Give the addresses that nobody gets: the network's own and the broadcast, except in /31 and /32."""
    if pool.bits - pool.prefix < 2:
        return set()
    return {pool.network, pool.last} if pool.bits == 32 else {pool.network}


def free(pool: Pool, taken: "set[str]") -> list[str]:
    """List the addresses that a container could get, as FIRST or FIRST-LAST; quick for subnets of any size."""
    whole, within = subnet(pool.subnet), subnet(pool.ip_range or pool.subnet)
    own = {pool.gateway, *(entry.partition("=")[2] for entry in pool.reserved), *taken}
    used = ends(whole) | {number(address) for address in own if bits_of(address) == whole.bits}
    found, start = [], within.network
    for stop in [*sorted(each for each in used if within.network <= each <= within.last), within.last + 1]:
        if start < stop:
            first, last = written(start, whole.bits), written(stop - 1, whole.bits)
            found.append(first if first == last else f"{first}-{last}")
        start = stop + 1
    return found
