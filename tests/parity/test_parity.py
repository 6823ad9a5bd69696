"""`pyrun parity` beside a live Docker: everything is equal or deviates as it is listed, and nothing of it stays."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import BUSYBOX, PYRUN, Done, wait_until

if TYPE_CHECKING:
    from conftest import Docker

# What either engine keeps for a while, or for good, after any container.
_OF_ENGINES = (
    "/run/docker-exec",
    "/run/containerd",
    "/run/pyrun/networks/bridge/sweeper",
    "/var/lib/pyrun/rootfs",
    "/var/lib/pyrun/volumes",
)


_CARRIER = r"NO-CARRIER,|,LOWER_UP| linkdown"  # of a bridge whose last port has just gone
Compared = tuple[Path, dict[str, set[str]]]


def _line(docker: "Docker", *words: str) -> list[str]:
    return [*PYRUN, "parity", "--docker", docker.command[0], "-H", docker.command[2], "--tree", BUSYBOX, *words]


def _parity(docker: "Docker", *words: str) -> Done:
    return docker.host.run(_line(docker, *words), timeout=1500)


def _seen(docker: "Docker") -> dict[str, str]:
    """Describe the host, and what both engines have."""
    lists = ("ps -aq", "network ls", "volume ls -q", "images -q")
    of_docker = {f"docker {each}": docker.docker(*each.split()).stdout.decode() for each in lists}
    own = {each: docker.host.ok(*each.split()) for each in ("ps -aq", "network ls -q", "volume ls -q", "rootfs ls -q")}
    if docker.host.ok("ps", "-q"):  # it never settles; but nobody is at work beyond those who keep what runs
        wait_until(lambda: all("pyrun.runtime.relay" in line for line in _processes(docker)))
        return docker.host.snapshot() | of_docker | own
    return docker.host.settled() | of_docker | own


def _processes(docker: "Docker") -> list[str]:
    return docker.host.snapshot()["processes"].splitlines()


def _changes(before: dict[str, str], after: dict[str, str]) -> dict[str, set[str]]:
    """Give the lines that one of two descriptions has."""
    plain = [{key: re.sub(_CARRIER, "", text) for key, text in each.items()} for each in (before, after)]
    found = {key: set(plain[0][key].splitlines()) ^ set(plain[1][key].splitlines()) for key in before}
    found = {key: {line for line in lines if not line.startswith(_OF_ENGINES)} for key, lines in found.items()}
    return {key: lines for key, lines in found.items() if lines}


@pytest.fixture(scope="module")
def compared(docker: "Docker", tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Compare everything once, on a host where Docker has had a container and iproute2 a namespace."""
    docker.docker("run", "--rm", "tree", "true")
    docker.host.out("ip netns add former && ip netns del former")
    before = _seen(docker)
    done = _parity(docker, "--format", "json")
    assert done.returncode in (0, 1), done
    path = tmp_path_factory.mktemp("report") / "report.json"
    path.write_bytes(done.stdout)
    return path, _changes(before, _seen(docker))


@pytest.fixture(scope="module")
def report(compared: Compared) -> Path:
    """Give the report."""
    return compared[0]


def test_everything_is_equal_or_deviates_as_it_is_listed(docker: "Docker", report: Path) -> None:
    """What is not is shown as `pyrun parity` shows it."""
    done = docker.host.pyrun("parity", str(report))
    shown = done.stdout.decode()
    summary = json.loads(report.read_text())["Summary"]
    assert (done.returncode, summary["differs"], summary["outdated"]) == (0, 0, 0), shown
    assert summary["equal"] + summary["deviates"] >= 120, shown


def test_all_of_it_leaves_nothing(compared: Compared) -> None:
    assert compared[1] == {}


def test_a_browser_shows_the_page(docker: "Docker", report: Path, tmp_path: Path) -> None:
    """Only what deviates, where the address says so: chromium runs the page's script and has nothing to load."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    page = tmp_path / "page.html"
    page.write_bytes(docker.host.pyrun("parity", "--format", "html", str(report)).stdout)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run([chromium, *options, f"file://{page}#deviates"], capture_output=True, timeout=120, check=True)
    shown = [row for row in done.stdout.decode().split("<details ")[1:] if 'hidden=""' not in row.partition(">")[0]]
    summary = json.loads(report.read_text())["Summary"]
    assert len(shown) == summary["deviates"]
    assert all(row.startswith('class="deviates"') for row in shown)


@pytest.fixture
def inhabited(docker: "Docker") -> Iterator["Docker"]:
    """Somebody has containers, a network and a volume of his own, one called as a script calls its own."""
    for line in ("run -d --name c1 tree sleep 600", "network create keep", "volume create data"):
        assert docker.docker(*line.split()).returncode == 0
    docker.host.ok("run", "-d", "--name", "mine", BUSYBOX, "sleep", "600")
    yield docker
    docker.host.ok("rm", "-f", "mine")
    for line in ("rm -f c1", "network rm keep", "volume rm data"):
        docker.docker(*line.split())


def test_what_others_have_stays_and_what_would_touch_it_is_skipped(inhabited: "Docker") -> None:
    before = _seen(inhabited)
    done = _parity(inhabited, "--only", "another gateway", "--only", "the first name leads outside")
    assert done.returncode == 0, done
    assert "this host has something called c1 of its own" in done.stdout.decode()
    assert _changes(before, _seen(inhabited)) == {}


@pytest.mark.parametrize("signal", ["TERM", "KILL"])
def test_killed_it_leaves_nothing_once_another_command_has_been_typed(docker: "Docker", signal: str) -> None:
    before = _seen(docker)
    compared = docker.host.start(_line(docker, "--only", "another gateway"), stdout=subprocess.DEVNULL)
    wait_until(lambda: b"n1" in docker.docker("network", "ls").stdout)
    docker.host.out(f"kill -{signal} {compared.pid}")
    assert compared.wait(60)
    docker.host.ok("ps")
    assert _changes(before, _seen(docker)) == {}


_REFUSES = """#!/bin/sh
case " $* " in
*" network rm "*)
    if mkdir {0}/refused 2>/dev/null; then
        echo 'Error response from daemon: error while removing network: network n1 has active endpoints' >&2
        exit 1
    fi ;;
esac
exec {1} "$@"
"""


def test_what_docker_removes_just_now_is_looked_at_again(docker: "Docker", tmp_path: Path) -> None:
    """A client that says what Docker says while a container, which removes itself, is not gone yet."""
    client = tmp_path / "docker"
    client.write_text(_REFUSES.format(tmp_path, docker.command[0]))
    client.chmod(0o755)
    before = _seen(docker)
    done = _parity(docker, "--docker", str(client), "--only", "another gateway")
    assert (done.returncode, done.stderr) == (0, b""), done
    assert (tmp_path / "refused").exists()
    assert _changes(before, _seen(docker)) == {}


def test_two_do_not_compare_at_the_same_time(docker: "Docker") -> None:
    compared = docker.host.start(_line(docker, "--only", "another gateway"), stdout=subprocess.DEVNULL)
    wait_until(lambda: b"n1" in docker.docker("network", "ls").stdout)
    second = _parity(docker)
    assert (second.returncode, second.stdout) == (1, b"")
    assert second.stderr == b"pyrun: parity: runs already on this host\n"
    assert compared.wait(300) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--docker", "/nothing/docker"], "docker: /nothing/docker: not found on this host"),
        (["-H", "unix:///nothing"], "docker: cannot be reached: "),
        (["--only", "no-such*"], "parity: no-such*: no such scenario or area"),
        (["--format", "yaml"], "format: yaml: use table, json, markdown, html"),
        (["/etc/hostname"], "parity: /etc/hostname: no report of pyrun parity --format json"),
    ],
)
def test_a_line_that_cannot_be_done_is_answered_in_one(docker: "Docker", words: list[str], complaint: str) -> None:
    done = docker.host.pyrun("parity", "--docker", docker.command[0], *words)
    assert done.returncode in (1, 125)
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"pyrun: {complaint}")
    assert done.stderr.count(b"\n") == 1
