"""`import pyrun` beyond containers and networks: attached to, listed, exported; volumes, trees, events, what is not used."""

import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lab import BUSYBOX

import pyrun
from pyrun.testing import Lab


@pytest.fixture(scope="module")
def lab(private_host: None) -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(autouse=True)
def on_the_lab(lab: Lab) -> Iterator[None]:
    with lab.inside():
        yield
        assert pyrun.containers(all=True) == pyrun.volumes() == []


def test_a_connection_ends_and_the_program_goes_on() -> None:
    script = ["sh", "-c", "while read line; do echo $line; [ $line != end ] || exit 4; done"]
    with pyrun.run(BUSYBOX, script, detach=True, interactive=True) as program:
        with program.attach(stdin=True) as first, program.attach() as second, ThreadPoolExecutor(1) as pool:
            seen = pool.submit(next, iter(second))
            while not seen.done():  # nobody tells when the second is connected
                first.write("both\n")
                time.sleep(0.02)
            assert (next(iter(first)).stream, seen.result().data[:5]) == ("stdout", b"both\n")
            second.kill()
        assert program.status == "running"
        with program.attach(stdin=True) as again:
            again.write(b"end\n")
            assert again.wait() == program.wait() == 4
    with (
        pyrun.create(BUSYBOX, "true") as made,
        made.attach() as nothing,
        pytest.raises(pyrun.PyrunError, match="stopped container"),
    ):
        nothing.wait()


def test_processes_are_listed_by_the_columns_that_are_asked_for() -> None:
    with pyrun.run(BUSYBOX, "sleep 600", detach=True) as sleeper:
        assert sleeper.top("-o pid,args") == [{"PID": str(sleeper.pid), "COMMAND": "sleep 600"}]
        assert [row["CMD"] for row in sleeper.top()] == ["sleep 600"]
        with pytest.raises(pyrun.PyrunError, match="ps: "):
            sleeper.top(["-o", "nonesuch"])


def test_stopped_by_another_signal_and_removed_with_its_volumes(tmp_path: Path) -> None:
    script = "trap 'echo asked; exit 3' USR2; echo up; while :; do sleep 0.05; done"
    program = pyrun.run(BUSYBOX, ["sh", "-c", script], detach=True, volumes="/anonymous")
    program.wait_for_output("up")
    program.restart(time=600, signal="USR2")
    program.wait_for_output("asked\nup")
    program.stop(time=600, signal=12)
    assert program.exit_code == 3
    program.export(tmp_path / "tree.tar")
    with tarfile.open(tmp_path / "tree.tar") as tree:
        assert "bin/busybox" in {name.removeprefix("./") for name in tree.getnames()}
    assert len(pyrun.volumes()) == 1
    program.remove(volumes=True)


def test_volumes_are_made_used_and_removed(lab: Lab) -> None:
    with lab.create_volume("data", labels={"who": "test"}) as data:
        assert (data.name, data.labels, lab.volumes()) == ("data", {"who": "test"}, [data])
        with pyrun.create(BUSYBOX, "touch /data/file", volumes={data: ("/data", "rw")}) as toucher:
            toucher.start()
            assert toucher.wait() == 0
            assert os.listdir(data.mountpoint) == ["file"]
            assert data.inspect()["Mountpoint"] == data.mountpoint
            with pytest.raises(pyrun.PyrunError, match="in use"):
                data.remove()
        assert lab.volume("data") == data
    with pytest.raises(pyrun.NotFound, match="no such volume: data"):
        lab.volume("data")
    with pytest.raises(pyrun.NotFound):
        data.inspect()
    nameless = pyrun.create_volume(opt={"type": "tmpfs", "device": "tmpfs"})
    assert len(nameless.name) == 64
    nameless.remove()
    with pytest.raises(pyrun.UsageError):
        pyrun.create_volume("-x/")


def test_what_nobody_uses_is_removed_and_named() -> None:
    kept, other = pyrun.create_volume("kept", labels="keep"), pyrun.create_volume("other")
    pyrun.create_network("unused")
    done = [pyrun.run(BUSYBOX, "true", detach=True, labels={"number": n}) for n in range(2)]
    assert {each.wait() for each in done} == {0}
    assert pyrun.prune({"label": "number=1"}) == [done[1].id]
    assert pyrun.prune() == [done[0].id]
    assert pyrun.prune() == []
    assert pyrun.prune_volumes(all=True, filter={"label!": "keep"}) == [other.name]
    assert pyrun.prune_volumes() == []
    assert pyrun.prune_volumes(all=True) == [kept.name]
    assert pyrun.prune_networks() == ["unused"]
    with pytest.raises(pyrun.UsageError, match="filter"):
        pyrun.prune({"nonesuch": "x"})


def test_a_root_file_system_is_taken_in_and_run(tmp_path: Path) -> None:
    subprocess.run(["tar", "-C", BUSYBOX, "-cf", tmp_path / "tree.tar", "."], check=True)
    with pyrun.import_rootfs(tmp_path / "tree.tar", "python-tree") as tree:
        assert (str(tree), os.fspath(tree), tree in pyrun.every_rootfs()) == ("python-tree", tree.path, True)
        assert os.path.exists(f"{tree.path}/bin/busybox")
        with pyrun.create(tree, "true") as made:
            assert tree.inspect()["Containers"][0]["Id"] == made.id
            with pytest.raises(pyrun.PyrunError):
                tree.remove()
        assert pyrun.rootfs_named("python-tree") == tree
        with pytest.raises(pyrun.PyrunError, match="already in use"):
            pyrun.import_rootfs(tmp_path / "tree.tar", "python-tree")
    with pytest.raises(pyrun.NotFound):
        pyrun.rootfs_named("python-tree")
    (tmp_path / "broken.tar").write_bytes(b"broken")
    with pytest.raises(pyrun.PyrunError):
        pyrun.import_rootfs(tmp_path / "broken.tar")
    assert "broken" not in map(str, pyrun.every_rootfs())
    with pytest.raises(pyrun.PyrunError, match="no such recipe"):
        pyrun.build_rootfs("plan9")


def test_what_happens_is_told(lab: Lab) -> None:
    began = datetime.now(UTC)
    coming = pyrun.events(filter={"event": "die"})
    pyrun.run(BUSYBOX, ["sh", "-c", "exit 5"], name="brief", labels={"who": "test"}, remove=True)
    told = next(coming)
    assert (told.type, told.action, told.attributes["name"], told.attributes["exitCode"]) == (
        *("container", "die", "brief", "5"),
    )
    assert began <= told.time <= datetime.now(UTC)
    told_until_now = list(pyrun.events(since=began, until=time.time(), filter=["container=brief", "label=who=test"]))
    assert [event.action for event in told_until_now][-2:] == ["die", "destroy"]
    with pytest.raises(pyrun.UsageError, match="later than"):
        pyrun.events(since=2.0, until=1.0)
    with pytest.raises(pyrun.UsageError, match="filter: nonesuch: not known"):
        pyrun.events(filter={"nonesuch": "x"})


def test_what_there_is_is_told(lab: Lab) -> None:
    assert pyrun.info()["KernelVersion"] == lab.call("uname -r").text.strip()
    assert pyrun.version()["Client"]["Version"] == pyrun.__version__
