"""Named volumes: made, filled, shared and removed as Docker does it, whatever happens meanwhile."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from killing import MOMENTS, run_killed
from lab import BUSYBOX, Host

_ALL = "/var/lib/pyrun/volumes"
_ANONYMOUS = "com.docker.volume.anonymous"


@pytest.fixture
def empty(shared_host: Host) -> Iterator[Host]:
    """Give a host without volumes and containers, and leave it so."""
    yield shared_host
    left = shared_host.ok("ps", "-aq").split()
    shared_host.ok(*(["rm", "-fv", *left] if left else ["ps"]))
    volumes = shared_host.ok("volume", "ls", "-q").split()
    shared_host.ok(*(["volume", "rm", *volumes] if volumes else ["ps"]))
    assert shared_host.out(f"ls -A {_ALL} /run/pyrun/volumes 2>/dev/null || :").split() in ([], [f"{_ALL}:"])
    assert f" {_ALL}/" not in shared_host.out("cat /proc/self/mountinfo")


@pytest.fixture
def tree(tmp_path: Path, shared_host: Host) -> Path:
    """Give a root file system with a directory of all that a file may be, a hostile one among it."""
    top = tmp_path / "tree"
    script = f"""
    set -e; mkdir {top} && cp -r {BUSYBOX}/bin {top} && mkdir -p {top}/data/sub/deep {top}/none && cd {top}/data
    chown 1000:1001 . && chmod 2750 . && touch -d 2001-02-03 file && ln file sub/same && chown 5:6 file && chmod 4711 file
    ln -s /etc/shadow leading && ln -s ../../../../etc loop && mkfifo pipe && mknod null c 1 3 && chmod 640 null
    truncate -s 1M sparse && echo end >> sparse && setfattr -n user.colour -v blue file 2>/dev/null || :
    ln -s /data/sub {top}/link; ln -s ../../../../../../../../etc {top}/out
    """
    shared_host.out(script)
    return top


_LOOK = r"find . -type d -printf '%p %m %U:%G\n' -o -printf '%p %y %m %U:%G %s %n %l\n' | sort"


def _inspect(host: Host, *line: str) -> Any:
    return json.loads(host.ok(*line))[0]


def test_an_empty_volume_begins_with_what_the_root_file_system_has(empty: Host, tree: Path) -> None:
    """Owners, modes, links, holes, pipes and devices; a link leads nowhere else. find(1) is the witness."""
    empty.ok("run", "--rm", "-v", "filled:/data", "-v", "linked:/link", "-v", "out:/out", str(tree), "true")
    assert empty.out(f"cd {_ALL}/filled/_data && {_LOOK}") == empty.out(f"cd {tree}/data && {_LOOK}")
    assert empty.out(f"cd {_ALL}/linked/_data && ls -R") == empty.out(f"cd {tree}/data/sub && ls -R")
    assert "passwd" not in empty.out(f"ls -A {_ALL}/out/_data").split()  # nor anything else of the host
    look = f"stat -c '%y %h' {_ALL}/filled/_data/file; du -k {_ALL}/filled/_data/sparse | cut -f1"
    modified, size = empty.out(look).splitlines()
    assert (modified[:10], modified[-2:], int(size) < 100) == ("2001-02-03", " 2", True)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["-v", "v1:/data:nocopy"], ""),
        (["--mount", "type=volume,src=v1,dst=/data,volume-nocopy"], ""),
        (["-v", "v1:/none"], ""),
        (["-v", "v1:/data:ro"], "file"),
        (["--mount", "src=v1,dst=/data"], "file"),
    ],
)
def test_what_is_not_copied(empty: Host, tree: Path, options: list[str], found: str) -> None:
    empty.ok("run", "--rm", *options, str(tree), "true")
    assert (found in empty.out(f"ls {_ALL}/v1/_data"), empty.out(f"ls {_ALL}/v1/_data") == "") == (True, found == "")


def test_a_volume_that_has_something_stays_as_it_is_and_outlives_containers(empty: Host, tree: Path) -> None:
    empty.ok("run", "--rm", "-v", "v1:/none", str(tree), "touch", "/none/kept")
    empty.ok("run", "--rm", "-v", "v1:/data", str(tree), "true")
    assert empty.ok("run", "--rm", "-v", "v1:/x:ro", BUSYBOX, "ls", "/x") == "kept\n"
    done = empty.pyrun("run", "--rm", "-v", "v1:/x:ro", BUSYBOX, "touch", "/x/y")
    assert b"Read-only file system" in done.stderr


def test_a_volume_that_another_container_sees_is_filled_in_place(empty: Host, tree: Path) -> None:
    empty.ok("run", "-d", "--name", "first", "-v", "v1:/none", str(tree), "sleep", "600")
    empty.ok("run", "--rm", "-v", "v1:/data", str(tree), "true")
    assert "sparse" in empty.ok("exec", "first", "ls", "/none")


def test_anonymous_volumes_go_with_rm_and_with_rm_v(empty: Host) -> None:
    empty.ok("run", "--rm", "-v", "/anonymous", "--mount", "type=volume,dst=/other", BUSYBOX, "true")
    assert empty.ok("volume", "ls", "-q") == ""
    assert empty.pyrun("run", "-v", "/anonymous", BUSYBOX, "/no/such").returncode == 127
    assert empty.ok("volume", "ls", "-q") == ""
    empty.ok("run", "--name", "kept", "-v", "/anonymous", "-v", "named:/named", BUSYBOX, "true")
    empty.ok("run", "-d", "--name", "other", "--volumes-from", "kept", BUSYBOX, "sleep", "600")
    empty.ok("rm", "-v", "kept")
    assert len(empty.ok("volume", "ls", "-q").split()) == 2
    empty.ok("rm", "-fv", "other")
    assert empty.ok("volume", "ls", "-q") == "named\n"


def test_anonymous_volumes_stay_after_a_plain_rm_until_they_are_pruned(empty: Host) -> None:
    empty.ok("volume", "create", "named")
    empty.ok("run", "--name", "kept", "-v", "/anonymous", BUSYBOX, "sh", "-c", "echo 1234 > /anonymous/x")
    (name,) = set(empty.ok("volume", "ls", "-q").split()) - {"named"}
    assert empty.ok("volume", "prune", "-f") == "Total reclaimed space: 0B\n"
    empty.ok("rm", "kept")
    assert _inspect(empty, "volume", "inspect", name)["Labels"] == {_ANONYMOUS: ""}
    assert empty.ok("volume", "prune", "-f") == f"Deleted Volumes:\n{name}\n\nTotal reclaimed space: 5B\n"
    assert empty.ok("volume", "prune", "-f", "--filter", "label=x", "-a") == "Total reclaimed space: 0B\n"
    assert empty.ok("volume", "prune", "-fa") == "Deleted Volumes:\nnamed\n\nTotal reclaimed space: 0B\n"


def test_a_volume_in_use_is_not_removed_and_its_containers_are_named(empty: Host) -> None:
    identity = empty.ok("run", "-d", "--name", "user", "-v", "v1:/v", BUSYBOX, "sleep", "600").strip()
    for stopped in (False, True):
        done = empty.pyrun("volume", "rm", "v1")
        assert (done.returncode, done.stderr.decode()) == (1, f"pyrun: volume v1: is in use by {identity}\n")
        assert empty.ok("volume", "ls", "-q", "-f", "dangling=true") == ""
        empty.ok("stop", "-t", "0", "user") if not stopped else None
    empty.ok("rm", "user")
    assert empty.ok("volume", "rm", "v1") == "v1\n"
    done = empty.pyrun("volume", "rm", "v1")
    assert (done.returncode, done.stderr.decode()) == (1, "pyrun: no such volume: v1\n")
    assert empty.ok("volume", "rm", "-f", "v1") == "v1\n"


def test_a_container_with_a_damaged_record_may_use_any_volume(empty: Host) -> None:
    """What it has mounted nobody can tell: its files are not removed under it."""
    identity = empty.ok("run", "-d", "--name", "user", "-v", "v1:/v", BUSYBOX, "sleep", "600").strip()
    empty.out(f"echo x > /var/lib/pyrun/containers/{identity}/config.json")
    done = empty.pyrun("volume", "rm", "v1")
    complaint = f"pyrun: volume v1: is in use by {identity} (the record of {identity[:12]} is damaged)\n"
    assert (done.returncode, done.stderr.decode()) == (1, complaint)
    empty.ok("rm", "-f", identity)


def test_a_volume_that_lies_elsewhere_is_mounted_while_a_container_runs_on_it(empty: Host, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("far\n")
    empty.ok("volume", "create", "-o", "type=none", "-o", "o=bind,ro", "-o", f"device={tmp_path}/there", "bound")
    empty.ok("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,mode=700", "small")
    for name in ("one", "two"):
        empty.ok("run", "-d", "--name", name, "-v", "small:/s", "-v", "bound:/b", BUSYBOX, "sleep", "600")
    empty.ok("exec", "one", "touch", "/s/shared")
    assert (
        empty.ok("exec", "two", "sh", "-c", "ls /s; cat /b/file; grep -c size=1024k /proc/mounts") == "shared\nfar\n1\n"
    )
    assert empty.pyrun("exec", "two", "touch", "/b/x").returncode == 1
    empty.ok("rm", "-f", "one")
    assert empty.out(f"grep -c ' {_ALL}/.*/_data ' /proc/self/mountinfo") == "2\n"
    empty.kill_monitor("two")
    empty.ok("rm", "-f", "two")


def test_a_volume_on_a_place_of_power_is_held_to_the_rules_of_such_places(empty: Host) -> None:
    empty.ok("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/proc", "kernel")
    done = empty.pyrun("run", "--rm", "-v", "kernel:/k", BUSYBOX, "true")
    assert (done.returncode, b"power over this host" in done.stderr) == (125, True)
    empty.ok("run", "--rm", "-v", "kernel:/k:ro", BUSYBOX, "true")


def test_mounts_are_told_as_docker_does(empty: Host, tmp_path: Path) -> None:
    options = ["-v", "v1:/v1", "-v", "v1:/ro:ro,nocopy", "-v", f"{tmp_path}:/b:ro", "-v", "/declared"]
    options += ["--mount", "type=volume,src=v2,dst=/v2,volume-label=a=b,readonly", "--tmpfs", "/t:size=1m"]
    empty.ok("run", "-d", "--name", "told", *options, BUSYBOX, "sleep", "600")
    found = _inspect(empty, "inspect", "told")
    mounts = {each["Destination"]: each for each in found["Mounts"]}
    assert mounts["/ro"] == {
        "Type": "volume",
        "Name": "v1",
        "Source": f"{_ALL}/v1/_data",
        "Destination": "/ro",
        "Driver": "local",
        "Mode": "ro,nocopy",
        "RW": False,
        "Propagation": "",
    }
    assert [mounts[path]["Mode"] for path in ("/v1", "/b", "/declared", "/v2")] == ["z", "ro", "", "z"]
    assert found["HostConfig"]["Binds"] == ["v1:/v1", "v1:/ro:ro,nocopy", f"{tmp_path}:/b:ro"]
    assert found["HostConfig"]["Mounts"] == [
        {"Type": "volume", "Source": "v2", "Target": "/v2", "ReadOnly": True, "VolumeOptions": {"Labels": {"a": "b"}}}
    ]
    assert (found["HostConfig"]["Tmpfs"], found["Config"]["Volumes"]) == ({"/t": "size=1m"}, {"/declared": {}})
    assert _inspect(empty, "volume", "inspect", "v2")["Labels"] == {"a": "b"}


def test_volumes_from_takes_what_another_container_has_mounted(empty: Host, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    empty.ok(
        "run", "--name", "giver", "-v", "v1:/v1", "-v", f"{tmp_path}:/b", "--tmpfs", "/t", BUSYBOX, "touch", "/v1/x"
    )
    script = "ls /v1 /b; touch /v1/y 2>/dev/null || echo ro; touch /b/z; ls -d /t 2>/dev/null || echo none"
    taken = empty.ok("run", "--rm", "--volumes-from", "giver:ro", "-v", "v2:/b", BUSYBOX, "sh", "-c", script)
    assert taken == "/b:\n\n/v1:\nx\nro\nnone\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "line", ["volume create -o type=tmpfs -o device=t --label a=b made", "volume rm there", "volume prune -fa"]
)
def test_killed_anywhere_a_volume_is_there_as_a_whole_or_not_at_all(empty: Host, tmp_path: Path, line: str) -> None:
    for place in range(1, 40):
        if empty.shell(f"[ -e {_ALL}/there ]").returncode:
            empty.ok("volume", "create", "there")
        done, reached = run_killed(empty, tmp_path / "counter", place, ",".join(MOMENTS), *line.split())
        found = empty.ok("volume", "ls", "-q").split()
        assert set(found) <= {"there", "made"}
        for name in found:
            _inspect(empty, "volume", "inspect", name)
        assert set(empty.out(f"ls -A {_ALL}").split()) == set(found)
        if "made" in found:
            empty.ok("volume", "rm", "made")
        if reached < place:
            assert done.returncode == 0
            return
    raise AssertionError("it never came to its end")


def test_killed_anywhere_a_start_leaves_no_volume_of_its_own(empty: Host, tree: Path, tmp_path: Path) -> None:
    """And a named one is filled completely or not at all: the next container finds all of it."""
    line = ["run", "--rm", "--net", "none", "-v", "/anonymous", "-v", "v1:/data", str(tree), "true"]
    whole = empty.out(f"cd {tree}/data && {_LOOK}")
    for place in (4, 9, 14, 19, 1000):
        done, reached = run_killed(empty, tmp_path / "counter", place, "before,files", *line)
        empty.ok("ps")
        empty.settled()
        assert re.sub("v1\n", "", empty.ok("volume", "ls", "-q")) == ""
        empty.ok("run", "--rm", "--net", "none", "-v", "v1:/data", str(tree), "true")
        assert empty.out(f"cd {_ALL}/v1/_data && {_LOOK}") == whole
        empty.ok("volume", "rm", "v1")
        if reached < place:
            assert done.returncode == 0
            return


def test_after_a_reboot_in_the_middle_of_a_start_no_volume_of_its_own_is_left(empty: Host, tmp_path: Path) -> None:
    """A journal is forgotten then; the container's record tells what was its own."""
    line = ["run", "-d", "--net", "none", "-v", "/anonymous", "-v", "named:/named", BUSYBOX, "sleep", "600"]
    for place in range(9, 40):
        run_killed(empty, tmp_path / "counter", place, "before", *line)
        if len(empty.shell(f"ls {_ALL}").stdout.split()) == 2:
            break
        empty.ok("ps")
    identity = empty.out("ls /var/lib/pyrun/containers").strip()
    empty.out("rm -rf /run/pyrun")
    empty.forget_groups(identity)
    assert empty.ok("ps", "-aq") == ""
    assert empty.ok("volume", "ls", "-q") == "named\n"


def test_a_volume_is_explained_and_planned(empty: Host, tree: Path) -> None:
    line = ["-v", "v1:/data", str(tree), "true"]
    planned = [text for text in empty.ok("run", "--dry-run", *line).splitlines() if "/volumes/" in text]
    assert empty.ok("volume", "ls", "-q") == ""
    done = empty.pyrun("run", "--rm", "--explain", *line)
    told = [text for text in done.stderr.decode().splitlines() if "/volumes/" in text]
    assert [re.sub(r"new\.\d+-\d+|\d{10}\.\d+", "N", text) for text in planned] == [
        re.sub(r"new\.\d+-\d+|\d{10}\.\d+", "N", text) for text in told
    ]
    assert [text.split()[1] for text in told] == ["mkdir", "mkdir", "printf", "mv", "mkdir", "mv", "mkdir"]
    done = empty.pyrun("volume", "rm", "--explain", "v1")
    assert [text.split()[1] for text in done.stderr.decode().splitlines()] == ["mv", "rm"]


def test_a_damaged_volume_is_told_and_can_be_removed(empty: Host) -> None:
    empty.ok("volume", "create", "good")
    empty.ok("volume", "create", "spoiled")
    for content in (
        "",
        "{",
        '{"version": 2}',
        '{"version": 1, "name": 5, "created": 1}',
        '{"version": 1, "name": "spoiled"}',
    ):
        empty.out(f"echo '{content}' > {_ALL}/spoiled/volume.json")
        done = empty.pyrun("volume", "ls", "-q")
        assert (
            done.stdout,
            done.stderr.count(b"\n"),
            b"volume rm spoiled" in done.stderr or b"version" in done.stderr,
        ) == (b"good\n", 1, True)
        done = empty.pyrun("run", "--rm", "-v", "spoiled:/v", BUSYBOX, "true")
        assert (done.returncode, done.stderr.count(b"\n")) == (125, 1)
    assert empty.ok("volume", "rm", "spoiled") == "spoiled\n"
