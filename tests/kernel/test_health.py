"""Health checks of real containers: what is asked decides a file on the host, so that no test waits for a time."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, Host, wait_until

from pyrun import health
from pyrun.health import Health, Result
from pyrun.runtime.checkup import span
from pyrun.spec import HealthCheck

OFTEN = ("--health-interval", "50ms", "--net", "none")
GOOD, BAD = Result("", "", 0, ""), Result("", "", 1, "")


@pytest.fixture
def host(shared_host: Host) -> Iterator[Host]:
    yield shared_host
    left = shared_host.ok("ps", "-aq").split()
    if left:
        shared_host.ok("rm", "-f", *left)


def started(host: Host, *options: str) -> str:
    return host.ok("run", "-d", "--name", "it", *OFTEN, *options, BUSYBOX, "sleep", "600").strip()


def told(host: Host) -> dict:  # type: ignore[type-arg]
    found: dict = json.loads(host.ok("inspect", "it"))[0]["State"].get("Health")  # type: ignore[type-arg]
    return found


def becomes(host: Host, status: str) -> None:
    wait_until(lambda: told(host)["Status"] == status)


def shown(host: Host) -> str:
    return host.ok("ps", "-a", "--format", "{{.Status}}").strip().partition(" (")[2].rstrip(")")


def checker(host: Host, identity: str) -> str:
    return host.out(f"cut -d' ' -f1 /run/pyrun/checks/{identity}").strip()


@contextlib.contextmanager
def stopped(host: Host, process: str) -> Iterator[None]:
    """Stop the checker for the length of a with statement, between two checks."""
    host.out(f"kill -STOP {process}")
    wait_until(lambda: not host.shell("pgrep -f --ns $$ --nslist net '[p]yrun.runtime.checkup'").stdout)
    yield
    host.out(f"kill -CONT {process}")


def test_health_follows_what_is_asked(host: Host, tmp_path: Path) -> None:
    """Its states in inspect, ps and its filter, and the events of a change, each once."""
    begun = host.out("date +%s.%N").strip()
    ask = "echo said; echo wrong >&2; test -e /d/well"
    started(host, "-v", f"{tmp_path}:/d", "--health-cmd", ask, "--health-retries", "2", "--health-start-period", "600s")
    assert (told(host)["Status"], shown(host)) == ("starting", "health: starting")
    wait_until(lambda: len(told(host)["Log"]) == 5)
    found = told(host)
    assert (found["Status"], found["FailingStreak"]) == ("starting", 0), "within the start period nothing counts"
    assert {(r["ExitCode"], "".join(sorted(r["Output"].splitlines()))) for r in found["Log"]} == {(1, "saidwrong")}
    assert host.ok("ps", "-q", "--filter", "health=healthy") == ""
    (tmp_path / "well").touch()
    becomes(host, "healthy")
    assert (shown(host), told(host)["FailingStreak"]) == ("healthy", 0)
    assert host.ok("ps", "-q", "--filter", "health=healthy") != ""
    (tmp_path / "well").unlink()
    becomes(host, "unhealthy")
    assert shown(host) == "unhealthy"
    assert told(host)["FailingStreak"] >= 2
    events = host.ok(
        "events", "--since", begun, "--until", "0s", "--filter", "event=health_status", "--format", "{{.Action}}"
    )
    assert events.splitlines() == ["health_status: healthy", "health_status: unhealthy"]


def test_check_is_the_containers_own_program_and_what_it_says_is_cut(host: Host) -> None:
    options = ("-u", "5:6", "-w", "/tmp", "-e", "A=é")
    started(host, *options, "--health-cmd", "id -u; id -g; pwd; echo $A; cat /proc/self/status; yes | head -c 9000")
    becomes(host, "healthy")
    output = told(host)["Log"][0]["Output"]
    assert output.startswith("5\n6\n/tmp\né\n")
    assert "Seccomp:\t2" in output
    assert len(output.encode()) == 4099
    assert output.endswith("y\n...")


@pytest.mark.parametrize("ask", ["sleep 1000 & sleep 1000", "setsid sleep 1000 & sleep 1000"], ids=["group", "apart"])
def test_check_that_takes_too_long_is_killed_with_what_it_started(host: Host, ask: str) -> None:
    """Also what has left its process group; no control group of a check is left."""
    identity = started(host, "--health-cmd", ask, "--health-timeout", "200ms", "--health-retries", "1")
    becomes(host, "unhealthy")
    found = told(host)["Log"][0]
    assert (found["ExitCode"], found["Output"]) == (-1, "Health check exceeded timeout (200ms)")
    assert found["Start"] < found["End"]
    with stopped(host, checker(host, identity)):
        assert "sleep 1000" not in host.ok("top", "it")
        wait_until(lambda: not host.out(f"find /sys/fs/cgroup -path '*/{identity}/check-*' -prune"))


def test_program_that_is_not_there_is_told(host: Host) -> None:
    started(host, "--health-cmd", "true", "--health-retries", "1")
    becomes(host, "healthy")
    host.ok("exec", "it", "rm", "/bin/sh")
    becomes(host, "unhealthy")
    found = told(host)["Log"][-1]
    assert (found["ExitCode"], found["Output"]) == (-1, 'exec: "/bin/sh": no such file or directory')


def test_a_clock_that_was_set_back_keeps_no_check_from_counting(host: Host) -> None:
    """R10: the record tells of a start in ten years; how long the program has lived another clock knows."""
    words = ("--health-interval", "9h", "--health-cmd", "false", "--health-retries", "1")
    identity = started(host, *words)
    start = f"/var/lib/pyrun/containers/{identity}/start.json"
    record = json.loads(host.out(f"cat {start}"))
    host.shell(f"cat > {start}", stdin=json.dumps({**record, "at": record["at"] + 10 * 365 * 86400}).encode())
    assert (
        host.run([sys.executable, "-c", f"from pyrun.runtime.checkup import examine; examine('{identity}')"]).returncode
        == 0
    )
    assert told(host)["Status"] == "unhealthy"


def test_paused_container_is_not_asked(host: Host, tmp_path: Path) -> None:
    """Asked for by hand while it is paused, nothing happens; afterwards it does."""
    identity = started(host, "-v", f"{tmp_path}:/d", "--health-cmd", "echo x >> /d/asked")
    wait_until((tmp_path / "asked").exists)
    by_hand = [sys.executable, "-c", f"from pyrun.runtime.checkup import examine; examine('{identity}')"]
    with stopped(host, checker(host, identity)):
        host.ok("pause", "it")
        before, asked = told(host), (tmp_path / "asked").read_text()
        assert host.run(by_hand).returncode == 0
        assert (told(host), (tmp_path / "asked").read_text()) == (before, asked)
        host.ok("unpause", "it")
        assert host.run(by_hand).returncode == 0
        assert len((tmp_path / "asked").read_text()) > len(asked)


def test_checker_that_was_killed_is_started_again_and_what_is_known_stays(host: Host, tmp_path: Path) -> None:
    (tmp_path / "well").touch()
    identity = started(host, "-v", f"{tmp_path}:/d", "--health-cmd", "test -e /d/well", "--health-retries", "1")
    becomes(host, "healthy")
    first = checker(host, identity)
    host.kill(first)
    assert told(host)["Status"] == "healthy"
    assert checker(host, identity) != first
    (tmp_path / "well").unlink()
    becomes(host, "unhealthy")


def test_checks_end_with_the_container_and_begin_with_it(host: Host) -> None:
    identity = started(host, "--health-cmd", "true")
    becomes(host, "healthy")
    first = checker(host, identity)
    host.ok("stop", "-t", "0", "it")
    assert told(host)["Status"] == "unhealthy"
    wait_until(lambda: host.shell(f"kill -0 {first}").returncode)
    host.ok("start", "it")
    becomes(host, "healthy")
    host.kill_monitor("it")
    host.kill(checker(host, identity))  # the next command starts it again
    host.ok("ps")
    second = checker(host, identity)
    host.kill_programs(identity)
    wait_until(lambda: host.shell(f"kill -0 {second}").returncode)
    host.ok("ps", "-a")
    assert not host.shell(f"ls /run/pyrun/containers/{identity}").stdout


def test_in_the_start_period_it_is_asked_more_often(host: Host, tmp_path: Path) -> None:
    """By whoever checks first, and by the one that the next command puts in a dead one's place; later hours go by."""
    early = ("--health-start-period", "600s", "--health-start-interval", "50ms", "--health-interval", "9h")
    identity = started(host, *early, "-v", f"{tmp_path}:/d", "--health-cmd", "test -e /d/well")
    wait_until(lambda: len(told(host)["Log"]) > 1)
    check = json.loads(host.ok("inspect", "it"))[0]["Config"]["Healthcheck"]
    assert (check["StartInterval"], check["StartPeriod"]) == (50 * 10**6, 600 * 10**9)
    first = checker(host, identity)
    host.kill(first)
    host.ok("ps")
    (tmp_path / "well").touch()
    becomes(host, "healthy")


def test_policy_begins_anew_with_the_last_results_kept(host: Host) -> None:
    """What was known is written by us: the next check is hours away."""
    options = ("--health-cmd", "true", "--restart", "always", "--health-interval", "9h")
    identity = started(host, *options)
    known = '{"status":"unhealthy","streak":4,"log":[{"start":"","end":"","code":1,"output":"ill"}]}'
    host.out(f"echo '{known}' > /run/pyrun/containers/{identity}/health.json")
    assert (shown(host), told(host)["FailingStreak"]) == ("unhealthy", 4)
    host.kill_programs(identity)
    wait_until(lambda: shown(host) == "health: starting")
    assert (told(host)["FailingStreak"], [result["Output"] for result in told(host)["Log"]]) == (0, ["ill"])


def test_without_a_check_there_is_nothing(host: Host) -> None:
    plain = ("--name", "it", "--net", "none", "--no-healthcheck")
    identity = host.ok("run", "-d", *plain, BUSYBOX, "sleep", "600").strip()
    assert told(host) is None
    assert shown(host) == ""
    assert "checks" not in host.out(f"ls /run/pyrun/containers/{identity}")
    assert json.loads(host.ok("inspect", "it"))[0]["Config"]["Healthcheck"] == {"Test": ["NONE"]}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--health-interval -1s", "health-interval: -1s: must be 1ms or more"),
        ("--health-interval 999us", "health-interval: 999us: must be 1ms or more"),
        ("--health-timeout 5", "health-timeout: 5: not a time span"),
        ("--health-start-period 999999999h", "health-start-period: 999999999h: must be"),
        ("--health-retries x", "health-retries: x: not a number"),
        ("--no-healthcheck --health-retries 1", "no-healthcheck: excludes"),
    ],
)
def test_what_run_refuses(options: str, complaint: str, shared_host: Host) -> None:
    done = shared_host.pyrun("run", "--dry-run", *options.split(), BUSYBOX)
    assert (done.returncode, done.stdout) == (125, b"")
    assert done.stderr.decode().startswith(f"pyrun: {complaint}"), done


@pytest.mark.parametrize(
    ("former", "result", "lived", "expected"),
    [
        (Health(), GOOD, 0, ("healthy", 0)),
        (Health(), BAD, 9, ("starting", 0)),
        (Health(), BAD, 10, ("starting", 1)),
        (Health(streak=1), BAD, 10, ("unhealthy", 2)),
        (Health("healthy"), BAD, 9, ("healthy", 1)),
        (Health("healthy", 1), BAD, 9, ("unhealthy", 2)),
        (Health("unhealthy", 7), BAD, 99, ("unhealthy", 8)),
        (Health("unhealthy", 7), GOOD, 99, ("healthy", 0)),
    ],
)
def test_what_follows_from_a_check(former: Health, result: Result, lived: int, expected: tuple[str, int]) -> None:
    found = health.after(former, result, HealthCheck(start_period=10, retries=2), lived)
    assert (found.status, found.streak) == expected
    assert found.log == (*former.log, result)
    assert health.after(found._replace(log=(BAD,) * 5), GOOD, HealthCheck(), lived).log == (*(BAD,) * 4, GOOD)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (1, "1ns"),
        (1_500, "1.5µs"),
        (200_000_000, "200ms"),
        (1_000_000_000, "1s"),
        (1_050_000_000, "1.05s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (5_400_500_000_000, "1h30m0.5s"),
    ],
)
def test_time_spans_are_written_as_go_does(nanoseconds: int, text: str) -> None:
    assert span(nanoseconds) == text
