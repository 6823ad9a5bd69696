"""What a container has taken of the machine, by its control groups and its network: counters, of v1, v2 or both.

Limits as typed control files are in `pyrun.kernel.controllers`; here every number is read again each second.
"""

import os

from pyrun.kernel.cgroups import Hierarchy, where
from pyrun.typed import NamedTuple


class Usage(NamedTuple):
    """Counters of one moment; bytes where nothing else is said."""

    cpu: int = 0  # nanoseconds
    memory: int = 0  # without what the kernel would take back at once: inactive file pages
    limit: int = 0  # the machine's memory where none was set
    read: int = 0  # from block devices
    written: int = 0
    received: int = 0  # through all interfaces but lo
    sent: int = 0
    processes: int = 0


def measure(groups: tuple[Hierarchy, ...], identity: str, pid: int, machine: int) -> Usage:
    """Read a running container's counters; *pid* is in its network, 0 to leave that out; *machine* is all memory.

    What cannot be read, as of one that ends just now, counts as nothing.
    """
    cpu = _cpu(groups, identity)  # first: its moment matters
    memory, limit = _memory(groups, identity)
    read, written = _blocks(groups, identity)
    received, sent = network(pid) if pid else (0, 0)
    processes = _number(_read(where(groups, "pids"), identity, "pids.current"))
    limit = min(limit, machine) if limit else machine
    return Usage(cpu, memory, limit, read, written, received, sent, processes)


def _cpu(groups: tuple[Hierarchy, ...], identity: str) -> int:
    v1 = where(groups, "cpuacct")
    if v1:
        return _number(_read(v1, identity, "cpuacct.usage"))
    v2 = where(groups, "cpu") or next((group for group in groups if group.version == 2), None)
    return _fields(_read(v2, identity, "cpu.stat")).get("usage_usec", 0) * 1000


def _memory(groups: tuple[Hierarchy, ...], identity: str) -> tuple[int, int]:
    """Give what is in use, and the limit, 0 for none."""
    group = where(groups, "memory")
    v2 = group is not None and group.version == 2
    names = ("memory.current", "memory.max") if v2 else ("memory.usage_in_bytes", "memory.limit_in_bytes")
    usage, limit = (_number(_read(group, identity, name)) for name in names)
    inactive = _fields(_read(group, identity, "memory.stat")).get("inactive_file" if v2 else "total_inactive_file", 0)
    return usage - inactive if inactive < usage else usage, limit


def _blocks(groups: tuple[Hierarchy, ...], identity: str) -> tuple[int, int]:
    """Add up what went from and to block devices."""
    v1 = where(groups, "blkio")
    counts = {"read": 0, "write": 0, "rbytes": 0, "wbytes": 0}
    if v1:
        for name in ("blkio.bfq.io_service_bytes_recursive", "blkio.throttle.io_service_bytes_recursive"):
            rows = [row.split() for row in _read(v1, identity, name).splitlines()]
            for _, kind, number in (row for row in rows if len(row) == 3):
                counts[kind.lower()] = counts.get(kind.lower(), 0) + _number(number)
            if counts["read"] or counts["write"]:
                break
    for row in _read(where(groups, "io"), identity, "io.stat").splitlines():
        for key, _, number in (word.partition("=") for word in row.split()[1:]):
            counts[key] = counts.get(key, 0) + _number(number)
    return counts["read"] + counts["rbytes"], counts["write"] + counts["wbytes"]


def network(pid: int) -> tuple[int, int]:
    """Add up what came and went through the interfaces that a process sees, but for lo; see proc_pid_net(5)."""
    received = sent = 0
    for row in _content(f"/proc/{pid}/net/dev").splitlines()[2:]:
        name, _, rest = row.partition(":")
        numbers = rest.split()
        if name.strip() != "lo" and len(numbers) > 8:
            received, sent = received + int(numbers[0]), sent + int(numbers[8])
    return received, sent


def machine_memory() -> int:
    """Give the bytes of memory that this machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _read(hierarchy: "Hierarchy | None", identity: str, name: str) -> str:
    return _content(f"{hierarchy.group(identity)}/{name}") if hierarchy else ""


def _content(path: str) -> str:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def _number(text: str) -> int:
    """Read a number; what is none, as ``max``, is 0."""
    text = text.strip()
    return int(text) if text.isdecimal() else 0


def _fields(text: str) -> dict[str, int]:
    """Read lines of a key and a number."""
    pairs = (row.partition(" ") for row in text.splitlines())
    return {key: _number(number) for key, _, number in pairs}
