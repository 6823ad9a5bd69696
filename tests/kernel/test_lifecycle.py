"""How containers end: the options that say how, signals that nobody waits for, and what removal leaves alone."""

import signal
import subprocess
import time
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, Host, without

_DEAF = 'trap "echo asked" TERM; echo up; while :; do sleep 0.05; done'


def test_stop_sends_the_containers_own_signal(shared_host: Host) -> None:
    script = 'trap "exit 7" USR1; trap "exit 8" TERM; echo up; while :; do sleep 0.05; done'
    shared_host.ok("run", "-d", "--name", "asked", "--stop-signal", "USR1", BUSYBOX, "sh", "-c", script)
    _until_up(shared_host, "asked")
    shared_host.ok("stop", "asked")
    assert shared_host.ok("wait", "asked") == "7\n"
    shared_host.ok("rm", "asked")


def test_stop_waits_as_long_as_the_container_says(shared_host: Host) -> None:
    """No time at all: a program that would not end is killed at once, long before the usual ten seconds."""
    shared_host.ok("run", "-d", "--name", "deaf", "--stop-timeout", "0", BUSYBOX, "sh", "-c", _DEAF)
    _until_up(shared_host, "deaf")
    started = time.monotonic()
    shared_host.ok("stop", "deaf")
    assert time.monotonic() - started < 8
    assert shared_host.ok("wait", "deaf") == "137\n"
    shared_host.ok("rm", "deaf")


def test_stop_with_a_time_of_its_own_asks_first(shared_host: Host) -> None:
    """The container's own time, a year, does not count then."""
    shared_host.ok("run", "-d", "--name", "deaf", "--stop-timeout", "31536000", BUSYBOX, "sh", "-c", _DEAF)
    _until_up(shared_host, "deaf")
    shared_host.ok("stop", "-t", "1", "deaf")
    assert shared_host.ok("logs", "deaf") == "up\nasked\n"
    assert shared_host.ok("wait", "deaf") == "137\n"
    shared_host.ok("rm", "deaf")


@pytest.mark.parametrize(("options", "passed"), [([], True), (["--sig-proxy=false"], False)])
def test_signals_of_the_client_reach_the_program_unless_told(
    shared_host: Host, options: list[str], passed: bool
) -> None:
    script = 'trap "echo got; exit 9" TERM; echo up; while :; do sleep 0.05; done'
    words = ["run", "--name", "alone", *options, BUSYBOX, "sh", "-c", script]
    client = shared_host.start([*PYRUN, *words], stdout=subprocess.PIPE)
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    client.send_signal(signal.SIGTERM)
    code = client.wait(20)
    assert code == (9 if passed else -signal.SIGTERM)
    assert ("alone" in shared_host.ok("ps")) != passed
    shared_host.ok("rm", "-f", "alone")
    assert client.stdout.read() == (b"got\n" if passed else b"")


def test_signals_at_any_time_leave_nothing(shared_host: Host) -> None:
    """T-P15: ctrl-c twice, then a request to end, at moments all over a start."""
    before = shared_host.settled()
    clients = []
    for step in range(24):
        client = shared_host.start(
            [*PYRUN, "run", "--rm", BUSYBOX, "true"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(0.01 * step)
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            client.send_signal(number)
        clients.append(client)
    assert all(client.wait(20) in (0, 130, 143, -2, -15) for client in clients)
    assert shared_host.settled() == before
    assert shared_host.ok("ps", "-aq") == ""


def test_no_lock_outlives_the_command_that_took_it(shared_host: Host) -> None:
    """T-P14: the monitor, which the client forks, keeps its container's lock and no other; flock(1) gets the rest."""
    shared_host.ok("run", "-d", "--name", "kept", BUSYBOX, "sleep", "600")
    shared_host.ok("exec", "-d", "kept", "sleep", "600")
    looked = "find /run/pyrun -type f ! -path '*/containers/*' ! -name sweeper | while read f; do flock -n $f true || echo $f; done"
    held = shared_host.out(looked).split()
    assert [path.rpartition("/")[0] for path in held] == ["/run/pyrun/locks"]
    shared_host.ok("rm", "-f", "kept")
    shared_host.settled()
    assert shared_host.out(f"test ! -d /run/pyrun || {looked}") == ""


_UNCHECKED = without("from pyrun.kernel import trees; trees.refuse_mounts_below = lambda path: None")


@pytest.mark.parametrize(
    ("command", "named"), [pytest.param(PYRUN, True, id="defended"), pytest.param(_UNCHECKED, False, id="without")]
)
def test_removal_stops_before_what_is_mounted_below(
    shared_host: Host, tmp_path: Path, command: list[str], named: bool
) -> None:
    """T-P12: a crash may leave a mount in the container's files; what it shows is not ours, and the line names it."""
    (tmp_path / "canary").write_text("alive")
    identity = shared_host.ok("run", "-d", "--name", "mounted", BUSYBOX, "mkdir", "/here").strip()
    shared_host.ok("wait", "mounted")
    place = f"/var/lib/pyrun/containers/{identity}/upper/here"
    shared_host.out(f"mount --bind {tmp_path} {place}")
    done = shared_host.run([*command, "rm", "mounted"])
    assert done.returncode != 0
    assert (f"something is mounted at {place}" in done.stderr.decode()) == named, done
    assert (tmp_path / "canary").read_text() == "alive"
    renamed = place.replace(identity, f"{identity}.forgotten")  # as far as the removal came without the check
    shared_host.out(f"umount {place} 2>/dev/null || umount {renamed}")
    shared_host.pyrun("rm", "-f", identity)
    assert shared_host.ok("ps", "-aq") == ""


_WEAK = ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--ulimit", "nofile=2000000000"], "ulimit: nofile: cannot be set to 2000000000:2000000000"),
        (["--oom-score-adj", "-1000"], "oom-score-adj: -1000: permission denied"),
        (["--cap-add", "SYS_RESOURCE"], "SYS_RESOURCE"),
    ],
)
def test_power_that_we_lack_is_not_given(shared_host: Host, options: list[str], text: str) -> None:
    """T-C2: without CAP_SYS_RESOURCE ourselves a limit cannot be raised; the start is refused in one line."""
    before = shared_host.settled()
    done = shared_host.run([*_WEAK, *PYRUN, "run", "--rm", *options, BUSYBOX, "true"])
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (125, b"", 1), done
    assert text in done.stderr.decode()
    assert shared_host.settled() == before


def _until_up(host: Host, name: str) -> None:
    deadline = time.monotonic() + 20
    while host.ok("logs", name) != "up\n":
        assert time.monotonic() < deadline
