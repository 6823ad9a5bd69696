"""`import pyrun`: what the command line does, for a program with threads, signals and files of its own."""

import asyncio
import datetime
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lab import BUSYBOX, TOP, wait_until

import pyrun
from pyrun.testing import Lab


@pytest.fixture(scope="module")
def lab(private_host: None) -> Iterator[Lab]:
    with Lab() as lab:
        yield lab


@pytest.fixture(autouse=True)
def on_the_lab(lab: Lab) -> Iterator[None]:
    """Every test's own thread is on the private host."""
    with lab.inside():
        yield
        left = [container.name for container in pyrun.containers(all=True) if container.name != "box"]
        assert left == []


@pytest.fixture(scope="module")
def box(lab: Lab) -> Iterator[pyrun.Container]:
    """A container that runs, with a published port."""
    with lab.run(BUSYBOX, "sleep 600", detach=True, name="box", ports={80: None}) as box:
        yield box


def test_a_program_is_run_and_what_it_wrote_is_given() -> None:
    script = "cat; echo $A >&2; pwd; exit 3"
    result = pyrun.run(BUSYBOX, ["sh", "-c", script], input="read", env={"A": "given"}, workdir="/bin", remove=True)
    assert result == (3, b"read/bin\n", b"given\n")
    assert result.text == "read/bin\n"


@pytest.mark.parametrize(
    ("command", "options", "kind", "code"),
    [
        ("nonesuch", {}, pyrun.PyrunError, 127),
        ("/etc", {}, pyrun.PyrunError, 126),
        ("true", {"network": "nonesuch"}, pyrun.UsageError, 125),
        ("true", {"memory": "little"}, pyrun.UsageError, 125),
        ("true", {"name": "box"}, pyrun.PyrunError, 125),
    ],
)
def test_errors_are_the_command_lines(
    lab: Lab, box: pyrun.Container, command: str, options: dict[str, str], kind: type, code: int
) -> None:
    with pytest.raises(kind) as failed:
        pyrun.run(BUSYBOX, command, **options)  # type: ignore[misc]
    flags = [f"--{name}={value}" for name, value in options.items()]
    typed = lab.call([sys.executable, "-m", "pyrun", "run", *flags, BUSYBOX, command])
    told = f"pyrun: {failed.value}" + (f" ({failed.value.hint})" if failed.value.hint else "")
    assert (failed.value.code, told + "\n") == (typed.exit_code, typed.stderr.decode())
    assert failed.value.code == code


def test_a_programs_own_125_is_no_error_of_pyruns() -> None:
    assert pyrun.run(BUSYBOX, ["sh", "-c", "exit 125"], remove=True).exit_code == 125
    with pytest.raises(pyrun.Failed, match="ended with 125: bad") as failed:
        pyrun.run(BUSYBOX, ["sh", "-c", "echo bad >&2; exit 125"], remove=True, check=True)
    assert (failed.value.code, failed.value.stderr) == (125, b"bad\n")


def test_what_takes_too_long_is_killed_and_removed_only_if_asked_to() -> None:
    for remove in (True, False):
        with pytest.raises(pyrun.TimedOut):
            pyrun.run(BUSYBOX, "sleep 600", timeout=0, name="late", remove=remove)
        left = pyrun.containers(all=True)
        assert [c.name for c in left if c.name != "box"] == ([] if remove else ["late"])
    with pyrun.container("late") as late:
        assert (late.status, late.exit_code) == ("exited", 137)


def test_a_container_is_what_others_see(lab: Lab, box: pyrun.Container) -> None:
    def seen(command: str) -> str:
        return lab.call(["sh", "-c", command], check=True).text.strip()

    assert seen("readlink /var/lib/pyrun/names/box") == box.id
    assert seen(f"cat /proc/{box.pid}/comm") == "sleep"
    assert box.ip_address in seen("ip netns exec pyrun-box ip -o -4 addr show eth0")
    assert box.ip_addresses == {"bridge": box.ip_address}
    assert {port.host_port for port in box.ports} == {box.port(80)}
    assert f":{box.port(80)} " in seen("ss -ltn")
    assert (box.name, box.status, box.exit_code, box.rootfs) == ("box", "running", None, BUSYBOX)
    assert box.inspect()["State"]["Pid"] == box.pid
    assert pyrun.containers() == [box]
    assert pyrun.container(box.id[:10]) == box
    with pytest.raises(pyrun.NotFound, match="port 81/tcp is not published"):
        box.port(81)


def test_exec_gives_what_a_program_wrote_and_ended_with(box: pyrun.Container) -> None:
    script = "cat; echo err >&2; id -u; exit 4"
    assert box.exec(["sh", "-c", script], input=b"in", user=65534) == (4, b"in65534\n", b"err\n")
    assert box.exec("echo $HOME").text == "$HOME\n"
    with pytest.raises(pyrun.Failed, match="ended with 4"):
        box.exec("sh -c 'exit 4'", check=True)
    with pytest.raises(pyrun.PyrunError, match="not found") as failed:
        box.exec("nonesuch")
    assert failed.value.code == 127


def test_an_exec_that_starts_over_in_a_sealed_interpreter_reports_all_the_same() -> None:
    with (
        pyrun.run(BUSYBOX, "sleep 600", privileged=True, detach=True) as powerful,
        pytest.raises(pyrun.PyrunError, match="not found") as failed,
    ):
        powerful.exec("nonesuch")
    assert failed.value.code == 127


def test_an_exec_that_cannot_be_started_leaves_no_zombie(box: pyrun.Container) -> None:
    with pytest.raises(pyrun.PyrunError):
        box.exec("nonesuch")
    assert "[" not in box.exec("ps -o args").text.replace("COMMAND", "")


def test_an_exec_that_takes_too_long_ends_inside_too(box: pyrun.Container) -> None:
    with pytest.raises(pyrun.TimedOut):
        box.exec("sleep 500", timeout=0)
    with box.exec_stream("sleep 501"):
        wait_until(lambda: "sleep 501" in box.exec("ps").text)
    wait_until(lambda: "sleep 50" not in box.exec("ps").text)


def test_exec_streams_both_ways(box: pyrun.Container) -> None:
    with box.exec_stream(["sh", "-c", "read a; echo $a; read b; echo $b >&2; exit 5"], stdin=True) as program:
        pieces = iter(program)
        program.write("one\n")
        assert next(pieces) == ("stdout", b"one\n")
        program.write(b"two\n")
        assert list(pieces) == [("stderr", b"two\n")]
        assert program.wait() == 5
    with box.exec_stream("nonesuch") as program, pytest.raises(pyrun.PyrunError, match="not found"):
        program.wait()
    with box.exec_stream("sleep 600") as program, pytest.raises(pyrun.TimedOut):
        program.wait(timeout=0)


def test_logs_are_followed_to_the_end() -> None:
    script = "mkfifo /p; echo one; echo two >&2; read line < /p; echo $line"
    with pyrun.run(BUSYBOX, ["sh", "-c", script], detach=True) as talker:
        pieces = talker.logs(follow=True)
        assert {next(pieces), next(pieces)} == {("stdout", b"one\n"), ("stderr", b"two\n")}
        talker.exec(["sh", "-c", "echo three > /p"])
        assert list(pieces) == [("stdout", b"three\n")]
        assert sorted(talker.output().split()) == ["one", "three", "two"]
        assert talker.wait_for_output("three").endswith("three\n")
        with pytest.raises(pyrun.PyrunError, match="ended without writing 'four'"):
            talker.wait_for_output("four")


def test_health_is_told() -> None:
    with pyrun.run(BUSYBOX, "sleep 600", detach=True, health_cmd="true", health_interval="10ms") as checked:
        wait_until(lambda: checked.health == "healthy")


def test_parts_of_logs_are_chosen() -> None:
    with pyrun.run(BUSYBOX, "seq 1 30", detach=True) as counted:
        counted.wait()
        assert [piece.data for piece in counted.logs(tail=2)] == [b"29\n30\n"]
        began = datetime.datetime.now(datetime.UTC)
        assert list(counted.logs(since=began)) == list(counted.logs(until=1.5)) == []
        assert len(list(counted.logs(since="10m", until=began.timestamp()))) == 1
        assert all(line.startswith(b"20") for line in next(counted.logs(timestamps=True)).data.splitlines())
        with pytest.raises(pyrun.PyrunError, match="since"):
            counted.logs(since="yesterday")


def test_a_container_is_stopped_waited_for_and_removed() -> None:
    script = "trap 'exit 7' USR1; echo ready; while :; do sleep 0.1; done"
    with pyrun.run(BUSYBOX, ["sh", "-c", script], detach=True) as program:
        program.wait_for_output("ready")
        with pytest.raises(pyrun.TimedOut):
            program.wait(timeout=0.1)
        with pytest.raises(pyrun.PyrunError, match="is running"):
            program.remove()
        program.kill(signal.SIGUSR1)
        assert (program.wait(), program.status, program.exit_code) == (7, "exited", 7)
        with pytest.raises(pyrun.PyrunError, match="is not running"):
            program.kill()
    with pytest.raises(pyrun.NotFound):
        program.status  # noqa: B018
    with pyrun.run(BUSYBOX, "sleep 600", detach=True) as program:
        program.stop(time=0)
        assert program.exit_code == 137


def test_a_container_is_created_started_paused_renamed_and_updated(lab: Lab) -> None:
    script = ["sh", "-c", "echo $((1 + $(cat /runs || echo 0))) > /runs; exec sleep 600"]
    with pyrun.create(BUSYBOX, script, name="before", labels={"who": "test"}) as made:
        assert (made.status, made.labels, made.pid, made.health) == ("created", {"who": "test"}, 0, "")
        made.start()
        first = made.pid
        wait_until(lambda: ("A", "/runs") in made.diff())
        made.restart(time=0)
        assert made.pid not in (0, first)
        wait_until(lambda: made.exec("cat /runs").text == "2\n")
        made.pause()
        assert made.status == "paused"
        made.unpause()
        made.rename("after")
        assert (made.name, pyrun.container("after")) == ("after", made)
        made.update(pids_limit=77)
        limit = f"cat $(find /sys/fs/cgroup -path '*/{made.id}/pids.max')"
        assert lab.call(["sh", "-c", limit]).text == "77\n"
        assert made.stats()["Name"] == "after"


def test_files_are_copied(tmp_path: Path, box: pyrun.Container) -> None:
    (tmp_path / "there").write_text("content")
    box.copy_in(tmp_path / "there", "/tmp/here")
    assert box.exec("cat /tmp/here").text == "content"
    box.copy_out("/tmp/here", tmp_path / "back")
    assert (tmp_path / "back").read_text() == "content"


def test_networks_are_made_plugged_into_and_removed(lab: Lab, box: pyrun.Container) -> None:
    with pyrun.create_network("lan", subnet="10.77.0.0/24", labels={"who": "test"}) as lan:
        assert (lan.name, lan.subnets, lan.gateways) == ("lan", ["10.77.0.0/24"], ["10.77.0.1"])
        assert lan.inspect()["Labels"] == {"who": "test"}
        lan.connect(box, ip="10.77.0.9")
        assert "10.77.0.9/24" in lab.call("ip netns exec pyrun-box ip -4 addr").text
        assert (lan.containers, box.ip_addresses["lan"]) == ([box], "10.77.0.9")
        with pytest.raises(pyrun.PyrunError, match="lan"):
            lan.remove()
        lan.disconnect(box)
        assert lan.containers == []
        assert [net.name for net in pyrun.networks()] == ["bridge", "host", "lan", "none"]
        assert pyrun.network("lan") == lan
        result = pyrun.run(BUSYBOX, "ip -o -4 addr", network=lan, remove=True)
        assert "10.77.0.2/24" in result.text
    with pytest.raises(pyrun.NotFound):
        pyrun.network("lan")
    with pytest.raises(pyrun.PyrunError, match="not a subnet"):
        pyrun.create_network("wrong", subnet="10.0.0.0/99")


def test_threads_start_containers_at_once(lab: Lab) -> None:
    def start(_: int) -> pyrun.Container:
        return lab.run(BUSYBOX, "sleep 600", detach=True)  # a thread of its own, that never was on the lab

    with ThreadPoolExecutor(6) as pool:
        started = list(pool.map(start, range(6)))
    assert len({container.ip_address for container in started}) == 6
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda container: container.remove(force=True), started))


def test_an_event_loop_waits_beside_other_things(lab: Lab) -> None:
    async def both() -> list[pyrun.Result]:
        one, two = (asyncio.to_thread(lab.run, BUSYBOX, f"echo {n}", remove=True) for n in (1, 2))
        return await asyncio.gather(one, two)

    assert [result.text for result in asyncio.run(both())] == ["1\n", "2\n"]


def test_signals_that_the_caller_blocks_or_ignores_are_not_the_containers() -> None:
    """With SIGCHLD ignored, even the exit code of a child cannot be asked for."""
    former = [(number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGCHLD, signal.SIGTERM)]
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGTERM})
    try:
        result = pyrun.run(BUSYBOX, ["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status; exit 9"], remove=True)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        for number, handler in former:
            signal.signal(number, handler)
    assert (result.exit_code, result.text.split()) == (9, ["SigBlk:", f"{0:016}", "SigIgn:", f"{0:016}"])


def test_open_files_stay_the_callers_alone_and_none_is_left() -> None:
    before = os.listdir("/proc/self/fd")
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    with pyrun.run(BUSYBOX, "sleep 600", detach=True):
        os.close(writing)
        assert os.read(reading, 1) == b""  # the end: nobody else holds it
    os.close(reading)
    for wrong in ("nonesuch", "true"):
        with pytest.raises(pyrun.PyrunError):
            pyrun.run(BUSYBOX, wrong, memory="little")
    assert os.listdir("/proc/self/fd") == before


def test_a_traceback_shows_the_hint() -> None:
    with pytest.raises(pyrun.UsageError) as failed:
        pyrun.run(BUSYBOX, "true", network="bridg")
    assert failed.value.__notes__ == ["did you mean bridge?"]


def test_warnings_are_logged(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pyrun"):
        pyrun.run(BUSYBOX, "true", network="host", ports={80: 80}, remove=True)
    assert [record.name for record in caplog.records] == ["pyrun"]
    assert not caplog.text.startswith("pyrun:")


def test_without_root_one_line_says_so(tmp_path: Path) -> None:
    code = f"import sys, os; sys.path.insert(0, {str(TOP)!r}); import pyrun; os.setuid(65534)\n"
    for call in ("pyrun.containers()", "pyrun.run('@host', 'true')", "pyrun.network('lan')"):
        program = f"{code}try: {call}\nexcept pyrun.PyrunError as problem: print(problem, problem.hint)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (
            "needs root: namespaces, mounts, links and control groups run this program with sudo\n",
            "",
        )


def test_a_thread_of_the_callers_is_inside_a_container_alone(lab: Lab, box: pyrun.Container) -> None:
    def own() -> str:
        return os.readlink("/proc/thread-self/ns/net")

    seen: list[str] = []
    outside = own()
    with box.inside():
        other = threading.Thread(target=lambda: seen.append(own()))
        other.start()
        other.join()
        assert seen == [own()] == [os.readlink(f"/proc/{box.pid}/ns/net")]  # a thread begun inside stays there
        assert pyrun.container("box").status == "running"  # and pyrun is asked of the host all the same
    assert own() == outside
    with pytest.raises(ZeroDivisionError), box.inside():
        1 / 0  # noqa: B018
    assert own() == outside
