"""Two who change one container at the same moment: whoever comes second finds out, and nobody waits for ever.

The moment is held open by a lock of a network or of the container's record, which the test takes; nothing is timed.
"""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, Host, wait_until, without


@pytest.fixture(scope="module")
def host(shared_host: Host) -> Iterator[Host]:
    shared_host.ok("network", "create", "meeting")
    yield shared_host
    shared_host.ok("network", "rm", "meeting")


@contextlib.contextmanager
def taken(host: Host, path: str) -> Iterator[int]:
    """Hold the lock *path* of a host for the length of a with statement; give a number that tells it from others."""
    fd = os.open(f"/proc/{host.pid}/root{path}", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield fd
    finally:
        os.close(fd)


def who_waits(lock: int) -> str:
    """Give the command line of who waits for a lock that we hold; nothing when nobody does."""
    status = os.fstat(lock)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with contextlib.suppress(OSError):
        for row in map(str.split, Path("/proc/locks").read_text().splitlines()):
            if row[1] == "->" and row[6] == place:
                return Path(f"/proc/{row[5]}/cmdline").read_text().replace("\0", " ")
    return ""


def waits_for(pid: int) -> str:
    """Tell which lock a process waits for."""
    with contextlib.suppress(OSError):
        waiting = [row.split() for row in Path("/proc/locks").read_text().splitlines() if " -> " in row]
        number = next((row[6].split(":")[2] for row in waiting if row[5] == str(pid)), "")
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if str(link.stat().st_ino) == number:
                return str(link.readlink())
    return ""


def is_at_rest(client: "subprocess.Popen[bytes]") -> bool:
    """Claim that a client has ended, or sleeps before it looks again."""
    with contextlib.suppress(OSError):
        return client.poll() is not None or "nanosleep" in Path(f"/proc/{client.pid}/wchan").read_text()
    return False


def state(host: Host, name: str) -> str:
    return host.pyrun("inspect", "-f", "{{.State.Status}}", name).stdout.decode().strip()


NETWORK = "/run/pyrun/networks/meeting/lock"


@pytest.mark.parametrize("verb", [["stop", "-t", "0"], ["rm", "-f"], ["kill"]])
def test_what_its_policy_starts_at_that_moment_ends_as_well(host: Host, tmp_path: Path, verb: list[str]) -> None:
    """Asked to end when its monitor has waited and is about to start it, but there is no process yet."""
    words = ("-d", "--name", "again", "--net", "meeting", "--restart", "always", "-v", f"{tmp_path}:/d")
    identity = host.ok("run", *words, BUSYBOX, "sh", "-c", "[ ! -e /d/go ] || exec sleep 600; exit 1").strip()
    with contextlib.ExitStack() as held:
        while True:
            lock = held.enter_context(taken(host, NETWORK))
            wait_until(lambda: who_waits(lock))  # noqa: B023
            if "again" in who_waits(lock):
                break
            held.close()  # it is taken apart, not started, just now
        for refused in (["pause", "again"], ["exec", "again", "true"]):
            assert b"is restarting, wait until it is running" in host.pyrun(*refused, timeout=20).stderr
        (tmp_path / "go").touch()
        client = host.start([*PYRUN, *verb, "again"], stdout=subprocess.DEVNULL)
        wait_until(lambda: is_at_rest(client) or waits_for(client.pid) == f"/run/pyrun/locks/{identity}")
    assert client.wait(20) == 0
    assert state(host, "again") == ("" if verb[0] == "rm" else "exited")
    host.pyrun("rm", "-f", "again")


def started_but_for_its_lease(host: Host, held: contextlib.ExitStack, name: str) -> "subprocess.Popen[bytes]":
    """Start a container, whose monitor waits for a lock that we hold, with no process made yet."""
    lock = held.enter_context(taken(host, NETWORK))
    client = host.start([*PYRUN, "start", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until(lambda: who_waits(lock))
    return client


@pytest.mark.parametrize("force", [True, False])
def test_what_is_being_started_is_removed_by_force_alone(host: Host, force: bool) -> None:
    """One that ran before, whose state is still that of its last end."""
    host.ok(
        "run", "--name", "second", "--net", "meeting", BUSYBOX, "sh", "-c", "[ ! -e /ran ] || exec sleep 600; > /ran"
    )
    host.settled()
    with contextlib.ExitStack() as held:
        starting = started_but_for_its_lease(host, held, "second")
        words = ["rm", "-f", "second"] if force else ["rm", "second"]
        removing = host.start([*PYRUN, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: is_at_rest(removing) or waits_for(removing.pid))
    assert removing.wait(20) == (0 if force else 1)
    assert starting.wait(20) == 0 or force
    assert state(host, "second") == ("" if force else "running")
    host.pyrun("rm", "-f", "second")


_STARTED_MEANWHILE = f"""
import subprocess; from pyrun import keeping; forget = keeping.forget
def late(container):
    client = subprocess.Popen({[*PYRUN, "start", "there"]!r})
    while client.poll() is None and "nanosleep" not in open(f"/proc/{{client.pid}}/wchan").read():
        pass
    return forget(container)
keeping.forget = late
"""


def test_what_is_being_removed_is_not_started(host: Host) -> None:
    """Its files would be gone below a program that runs, and nobody would know of it."""
    host.ok("run", "--name", "there", BUSYBOX, "sh", "-c", "[ ! -e /ran ] || exec sleep 600; > /ran")
    host.settled()
    done = host.run([*without(_STARTED_MEANWHILE), "rm", "there"])
    assert (done.returncode, state(host, "there")) == (0, "")
    left = host.settled()
    assert (left["processes"], left["cgroups"]) == ("", "")


def test_what_is_started_again_is_not_taken_for_running(host: Host) -> None:
    """Nobody saw its last end, as after a reboot: that is written down before anything of the next start is made."""
    host.ok("run", "-d", "--name", "lost", "--net", "meeting", BUSYBOX, "sleep", "600")
    host.kill_monitor("lost")
    host.kill_programs()
    with contextlib.ExitStack() as held:
        starting = started_but_for_its_lease(host, held, "lost")
        told = host.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}", "lost")
    assert told == "exited 255 0\n"
    assert starting.wait(20) == 0
    host.ok("rm", "-f", "lost")


_PAUSED_MEANWHILE = f"""
import subprocess; from pyrun.kernel import processes; wait_end = processes.wait_end
def late(pidfd, seconds=None):
    processes.wait_end = wait_end
    subprocess.run({[*PYRUN, "pause", "deaf"]!r}, check=True)
    return False
processes.wait_end = late
"""


def test_paused_while_somebody_waits_for_its_end_it_ends(host: Host) -> None:
    host.ok("run", "-d", "--name", "deaf", BUSYBOX, "sleep", "600")
    done = host.run([*without(_PAUSED_MEANWHILE), "stop", "deaf"])
    assert (done.returncode, state(host, "deaf")) == (0, "exited")
    host.ok("rm", "deaf")


@pytest.mark.parametrize("verb", [["rename", "early", "late"], ["update", "--pids-limit", "77", "early"]])
def test_what_is_changed_while_it_is_started_is_changed_in_the_kernel_as_well(host: Host, verb: list[str]) -> None:
    host.settled()  # else it may be the command itself that waits, for a bridge which somebody takes down just now
    host.ok("create", "--name", "early", "--net", "meeting", "--pids-limit", "55", BUSYBOX, "sleep", "600")
    with contextlib.ExitStack() as held:
        starting = started_but_for_its_lease(host, held, "early")
        changing = host.start([*PYRUN, *verb], stdout=subprocess.DEVNULL)
        wait_until(lambda: is_at_rest(changing) or waits_for(changing.pid))
    assert (starting.wait(20), changing.wait(20)) == (0, 0)
    name = "late" if verb[0] == "rename" else "early"
    assert host.out("ls /run/netns | grep ^pyrun-").split() == [f"pyrun-{name}"]
    identity = host.ok("inspect", "-f", "{{.Id}}", name).strip()
    most = host.out(f"cat $(find /sys/fs/cgroup -path '*/{identity}/pids.max')")
    assert most == ("77\n" if verb[0] == "update" else "55\n")
    host.ok("rm", "-f", name)


def test_who_comes_second_to_start_is_told_so(host: Host) -> None:
    """Attached to, it is the one who came first that has it."""
    host.settled()
    host.ok("create", "--name", "wanted", "--net", "meeting", BUSYBOX, "true")
    with contextlib.ExitStack() as held:
        first = started_but_for_its_lease(host, held, "wanted")
        second = host.start([*PYRUN, "start", "-a", "wanted"], stderr=subprocess.PIPE)
        wait_until(lambda: is_at_rest(second))
    _, said = second.communicate(timeout=30)
    assert b"file exists" not in said
    assert first.wait(20) == 0
    host.ok("wait", "wanted")
    host.ok("rm", "wanted")
