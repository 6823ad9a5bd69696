"""Processes: who they are beyond their number, and signals that reach no other.

A number is reused, so a process is named by number, start time and boot. Creating
namespaces for one is in `pyrun.runtime`.
"""

import _signal as signal  # type: ignore[import-not-found]  # signal itself imports enum
import errno
import os
import select
import time

from pyrun.typed import NamedTuple


class Process(NamedTuple):
    """A process for ever: *started* in clock ticks after the boot that *boot* names."""

    pid: int
    started: int
    boot: str


def boot_id() -> str:
    """Give the kernel's name for this boot; see random(4)."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


def identify(pid: int) -> Process:
    """Name the living process *pid*. Errors: ProcessLookupError when there is none, or a zombie."""
    started = _start_time(pid)
    if started is None:
        raise ProcessLookupError(errno.ESRCH, "no such process")
    return Process(pid, started, boot_id())


def is_alive(process: Process, boot: str) -> bool:
    """Claim that *process* still runs in the boot *boot* (give `boot_id()`); a zombie does not."""
    return process.boot == boot and process.pid > 0 and _start_time(process.pid) == process.started


def lived(process: Process) -> float:
    """Give the seconds since *process* was started in this boot, by a clock that nobody sets."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - process.started / os.sysconf("SC_CLK_TCK")


def signature() -> str:
    """Give what tells this process from every other of this boot: for the names of what it has not finished."""
    pid = os.getpid()
    return f"{pid}-{_start_time(pid)}"


def is_signed_by_living(signed: str) -> bool:
    """Claim that the process whose signature this is still runs; a number alone may be another's by now."""
    pid, _, started = signed.partition("-")
    return pid.isdigit() and started == str(_start_time(int(pid)))


def open_process(process: Process) -> int:
    """Give a pidfd of exactly this process. Errors: ProcessLookupError when it has ended."""
    fd = os.pidfd_open(process.pid)
    if not is_alive(process, boot_id()):
        os.close(fd)
        raise ProcessLookupError(errno.ESRCH, "no such process")
    return fd


def send_signal(pidfd: int, signum: int) -> None:
    """Send a signal to the process of *pidfd*; that it has ended is no error."""
    try:
        signal.pidfd_send_signal(pidfd, signum)
    except ProcessLookupError:
        return


def wait_end(pidfd: int, seconds: "float | None" = None) -> bool:
    """Wait until the process of *pidfd* has ended, at most *seconds*; tell whether it has."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(None if seconds is None else max(0, int(seconds * 1000))))


def children(pid: int) -> list[int]:
    """List the children of a process, of all of its threads; none when it is gone. See proc(5)."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    except (FileNotFoundError, ProcessLookupError):
        return found
    return found


def _start_time(pid: int) -> "int | None":
    """Read field 22 of /proc/PID/stat; the name before may contain anything, so count from its end."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = content[content.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
