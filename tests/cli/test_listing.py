"""What `ps` shows: Docker's headings over what is there, and one object a line for programs."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, PYRUN, TYPED, Host

_HEADINGS = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"]


@pytest.fixture(scope="module")
def two(shared_host: Host) -> Iterator[tuple[Host, list[str]]]:
    """A host with a container that has ended, and a younger one that runs."""
    identities = [
        shared_host.ok("run", "-d", "--name", "ended", BUSYBOX, "sh", "-c", "yes | head -c 200000; exit 3").strip()
    ]
    shared_host.ok("wait", "ended")
    identities.append(shared_host.ok("run", "-d", "--name", "running", BUSYBOX, "sleep", "987654321987654321").strip())
    yield shared_host, identities
    shared_host.ok("rm", "-f", "ended", "running")


def _cells(text: str) -> list[dict[str, str]]:
    """Cut the lines of a table where its headings begin."""
    headings, *lines = text.splitlines()
    at = [headings.index(name) for name in _HEADINGS]
    assert headings.split("  ")[0] == _HEADINGS[0]
    assert [name.strip() for name in headings.split("  ") if name.strip()] == _HEADINGS
    ends = [*at[1:], None]
    return [{n: line[a:b].strip() for n, a, b in zip(_HEADINGS, at, ends, strict=True)} for line in lines]


def test_each_cell_stands_under_its_heading(two: tuple[Host, list[str]]) -> None:
    host, (ended, running) = two
    rows = _cells(host.ok("ps", "-a"))
    assert [row["CONTAINER ID"] for row in rows] == [running[:12], ended[:12]]
    assert [row["NAMES"] for row in rows] == ["running", "ended"]
    assert [row["COMMAND"] for row in rows] == ['"sleep 9876543219876…"', '"sh -c \'yes | head -…"'], rows
    assert {row["IMAGE"] for row in rows} == {BUSYBOX}
    assert rows[0]["STATUS"].startswith("Up ") and rows[1]["STATUS"].startswith("Exited (3) ")
    assert all(row["CREATED"].endswith(" ago") for row in rows)


def test_only_those_that_run_unless_asked(two: tuple[Host, list[str]]) -> None:
    host, (ended, running) = two
    assert host.ok("ps", "-q") == f"{running[:12]}\n"
    assert host.ok("ps", "-aq", "--no-trunc") == f"{running}\n{ended}\n"
    assert host.ok("ps", "-lq") == f"{running[:12]}\n"
    assert host.ok("ps", "-n", "2", "-q") == f"{running[:12]}\n{ended[:12]}\n"


def test_nothing_is_shortened_on_request(two: tuple[Host, list[str]]) -> None:
    host, (_, running) = two
    (row,) = _cells(host.ok("ps", "--no-trunc"))
    assert (row["CONTAINER ID"], row["COMMAND"]) == (running, '"sleep 987654321987654321"')


def test_json_has_dockers_keys(two: tuple[Host, list[str]]) -> None:
    host, (ended, running) = two
    found = [json.loads(line) for line in host.ok("ps", "-a", "--format", "json").splitlines()]
    assert [(o["ID"], o["Names"], o["State"]) for o in found] == [
        (running[:12], "running", "running"),
        (ended[:12], "ended", "exited"),
    ]
    keys = "Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Ports RunningFor Size State Status"
    assert all(sorted(each) == keys.split() for each in found)


def test_no_containers_leave_the_headings(host: Host) -> None:
    assert _cells(host.ok("ps")) == []
    assert host.ok("ps", "-q") == host.ok("ps", "--format", "json") == ""


@pytest.mark.parametrize("line", ["ps -a", "inspect running", "version"])
def test_output_that_cannot_be_written_is_named(two: tuple[Host, list[str]], line: str) -> None:
    """T-P20: a full disk is one line and exit code 1."""
    done = two[0].shell(f"{TYPED} {line} > /dev/full")
    assert (done.returncode, done.stderr) == (1, b"pyrun: standard output: no space left on device\n")


@pytest.mark.parametrize("line", ["ps -a", "inspect running", "logs ended"])
def test_output_that_nobody_reads_ends_in_silence(two: tuple[Host, list[str]], line: str) -> None:
    """T-P20: as a program that SIGPIPE ended."""
    read, write = os.pipe()
    os.close(read)
    client = two[0].start([*PYRUN, *line.split()], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (client.communicate(timeout=20)[1], client.returncode) == (b"", 141)
