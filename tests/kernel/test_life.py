"""A container's whole life: made, started, started again, standing still, renamed, attached to by several."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from killing import run_killed
from lab import BUSYBOX, INTERNET_ADDRESS, PYRUN, Host, wait_until


def _state(host: Host, name: str) -> "dict[str, object]":
    found: list[dict[str, dict[str, object]]] = json.loads(host.ok("inspect", name))
    return found[0]["State"]


def _status(host: Host, name: str) -> object:
    return _state(host, name)["Status"]


def test_what_is_created_is_there_and_does_not_run(shared_host: Host) -> None:
    before = shared_host.settled()
    identity = shared_host.ok("create", "--name", "made", "-i", BUSYBOX, "cat").strip()
    assert "Created" in shared_host.ok("ps", "-a") and shared_host.ok("ps", "-q") == ""
    shared_host.ok("ps")  # it is not taken for a start that was interrupted
    assert shared_host.ok("wait", "made") == "0\n"
    done = shared_host.pyrun("run", "--name", "made", BUSYBOX, "true")
    assert (done.returncode, identity[:12] in done.stderr.decode()) == (125, True), done
    assert shared_host.ok("start", "made", "made") == "made\nmade\n"
    assert _status(shared_host, "made") == "running"
    assert shared_host.ok("attach", "made", stdin=b"typed\n") == "typed\n"
    shared_host.ok("wait", "made")
    assert shared_host.ok("start", "-ai", "made", stdin=b"again\n") == "again\n"
    assert shared_host.ok("logs", "made") == "typed\nagain\n"
    shared_host.ok("rm", "made")
    assert shared_host.settled() == before


def test_what_was_written_is_there_after_the_next_start(shared_host: Host) -> None:
    script = "date >> /said; wc -l < /said; hostname; exit 7"
    assert shared_host.pyrun("run", "--name", "kept", BUSYBOX, "sh", "-c", script).returncode == 7
    done = shared_host.pyrun("start", "-a", "kept")
    assert (done.returncode, done.stdout.split()[0]) == (7, b"2"), done
    shared_host.ok("rm", "kept")


def test_addresses_names_and_ports_come_again(host: Host) -> None:
    host.ok("network", "create", "net1")
    arguments = ["--net", "net1", "--name", "web", "-p", "8080:80", BUSYBOX]
    host.ok("run", "-d", *arguments, "httpd", "-f", "-h", "/etc")
    host.ok("run", "-d", "--net", "net1", "--name", "peer", BUSYBOX, "sleep", "600")
    for _ in range(2):
        host.ok("restart", "-t", "0", "web")
        wait_until(lambda: host.pyrun("exec", "peer", "wget", "-qO-", "http://web/hostname").returncode == 0)
        asked = host.internet(
            "wget -qO- http://198.51.100.2:8080/hostname || curl -s http://198.51.100.2:8080/hostname"
        )
        assert asked.stdout == host.ok("exec", "web", "hostname").encode()
        host.ok("exec", "web", "ping", "-c", "1", INTERNET_ADDRESS)
    host.ok("rm", "-f", "web", "peer")
    host.ok("network", "rm", "net1")


def test_a_start_that_fails_leaves_what_was_created(shared_host: Host) -> None:
    before = shared_host.settled()
    shared_host.ok("create", "--name", "wrong", BUSYBOX, "nonexistent")
    made = shared_host.settled()
    done = shared_host.pyrun("start", "wrong")
    assert (done.returncode, done.stdout) == (1, b"")
    state = _state(shared_host, "wrong")
    assert (state["Status"], state["ExitCode"], "not found" in str(state["Error"])) == ("created", 127, True)
    assert {**shared_host.settled(), "files": ""} == {**made, "files": ""}  # those in its layer are its own
    shared_host.ok("rm", "wrong")
    shared_host.ok("create", "--rm", "--name", "wrong", BUSYBOX, "nonexistent")
    assert shared_host.pyrun("start", "-a", "wrong").returncode == 127
    assert shared_host.ok("ps", "-aq") == ""
    shared_host.ok("create", "--rm", "--name", "brief", BUSYBOX, "echo", "here")
    assert shared_host.ok("start", "-a", "brief") == "here\n"
    assert shared_host.settled() == before


def test_started_at_once_by_many_it_runs_once(shared_host: Host) -> None:
    shared_host.ok("create", "--name", "wanted", BUSYBOX, "sh", "-c", "echo up; exec sleep 600")
    clients = [shared_host.start([*PYRUN, "start", "wanted"], stderr=subprocess.PIPE) for _ in range(6)]
    codes = [client.wait(60) for client in clients]
    assert 0 in codes and set(codes) <= {0, 1}
    assert shared_host.ok("logs", "wanted") == "up\n"
    shared_host.ok("rm", "-f", "wanted")


def test_on_failure_counts(shared_host: Host) -> None:
    done = shared_host.pyrun("run", "--name", "bad", "--restart", "on-failure:2", BUSYBOX, "sh", "-c", "echo x; exit 3")
    assert (done.returncode, done.stdout) == (3, b"x\n")
    wait_until(lambda: _status(shared_host, "bad") == "exited")
    assert shared_host.ok("logs", "bad") == "x\n" * 3
    assert json.loads(shared_host.ok("inspect", "bad"))[0]["RestartCount"] == 2
    assert shared_host.ok("wait", "bad") == "3\n"
    shared_host.ok("rm", "bad")
    shared_host.ok("run", "-d", "--name", "good", "--restart", "on-failure", BUSYBOX, "true")
    wait_until(lambda: _status(shared_host, "good") == "exited")
    shared_host.ok("rm", "good")


@pytest.fixture
def ended(shared_host: Host) -> Iterator[Host]:
    """Give a host with a container called brief whose end nobody has noted: its program is a zombie, its monitor stands.

    Who published its port and who checked it have been killed as well.
    """
    published = ("-p", "127.0.0.1:8099:80", "--health-cmd", "true", "--health-interval", "1h")
    shared_host.ok("run", "-d", "--name", "brief", *published, BUSYBOX, "sleep", "600")
    pid = shared_host.ok("inspect", "-f", "{{.State.Pid}}", "brief").strip()
    monitor = shared_host.out(f"awk '/PPid/ {{ print $2 }}' /proc/{pid}/status").strip()
    others = shared_host.out("pgrep -f --ns $$ --nslist net 'pyrun.runtime.(services|check)'").split()
    assert len(others) == 2
    shared_host.out(f"kill -STOP {monitor}")
    shared_host.kill(" ".join([pid, *others]))
    yield shared_host
    shared_host.out(f"kill -CONT {monitor}")
    shared_host.ok("wait", "brief")
    shared_host.ok("rm", "brief")


def test_what_has_just_ended_is_told_all_the_same(ended: Host) -> None:
    assert json.loads(ended.ok("inspect", "brief"))[0]["Name"] == "/brief"


def test_nobody_is_started_again_for_what_has_just_ended(ended: Host) -> None:
    """And nobody complains of it: the keeper comes next."""
    assert "brief" in ended.ok("ps")


@pytest.mark.parametrize("verb", [["stop"], ["kill"], ["kill", "-s", "WINCH"], ["rm", "-f"]])
def test_always_ends_when_somebody_wants_it(shared_host: Host, verb: list[str]) -> None:
    """Whether it runs just now, or its monitor waits before the next start."""
    before = shared_host.settled()
    shared_host.ok("run", "-d", "--name", "again", "--restart", "always", BUSYBOX, "sh", "-c", "echo x; exit 1")
    wait_until(lambda: len(shared_host.ok("logs", "again")) > 4)  # by then it waits longer than it runs
    wait_until(lambda: "Restarting (1)" in shared_host.ok("ps"))
    shared_host.ok(*verb, "again")
    assert "again" not in shared_host.ok("ps")
    shared_host.pyrun("rm", "again")
    assert shared_host.settled() == before


def test_a_policy_can_be_given_and_taken_later(shared_host: Host) -> None:
    shared_host.ok("run", "-d", "--name", "late", BUSYBOX, "sh", "-c", "echo x; sleep 600 & wait")
    shared_host.ok("update", "--restart", "always", "late")
    pid = _state(shared_host, "late")["Pid"]
    shared_host.kill(pid)
    wait_until(lambda: _state(shared_host, "late")["Pid"] not in (0, pid))
    shared_host.ok("update", "--restart", "no", "late")
    pid = _state(shared_host, "late")["Pid"]
    shared_host.kill(pid)
    wait_until(lambda: _status(shared_host, "late") == "exited")
    shared_host.ok("rm", "late")


def test_after_a_reboot_the_policy_decides(host: Host) -> None:
    for name, policy in (("a", "always"), ("u", "unless-stopped"), ("f", "on-failure"), ("n", "no"), ("s", "always")):
        host.ok("run", "-d", "--name", f"life-{name}", "--restart", policy, BUSYBOX, "sleep", "600")
    host.ok("run", "-d", "--name", "life-t", "--restart", "unless-stopped", BUSYBOX, "sleep", "600")
    host.ok("create", "--name", "life-c", "--restart", "always", BUSYBOX, "sleep", "600")
    host.ok("stop", "-t", "0", "life-s", "life-t")
    for name in ("life-a", "life-u", "life-f", "life-n"):
        host.kill_monitor(name)
    host.kill_programs()
    host.forget_groups(*host.ok("ps", "-aq", "--no-trunc").split())
    host.out("rm -rf /run/pyrun /run/netns; ip link del pyrun0; iptables -F; iptables -X; iptables -t nat -F")
    for record in host.out("ls /var/lib/pyrun/containers/*/start.json").split():
        host.out(f"sed -i 's/[0-9a-f-]\\{{36\\}}/00000000-0000-0000-0000-000000000000/' {record}")
    assert sorted(host.ok("system", "boot").split()) == ["life-a", "life-f", "life-s", "life-u"]
    assert sorted(host.ok("ps", "--format", "{{.Names}}").split()) == ["life-a", "life-f", "life-s", "life-u"]
    assert host.ok("system", "boot") == ""
    host.ok("rm", "-f", "life-a", "life-u", "life-f", "life-n", "life-s", "life-t", "life-c")


def test_paused_it_stands_still_and_ends_all_the_same(shared_host: Host) -> None:
    script = "i=0; while :; do i=$((i+1)); echo $i > /beat; sleep 0.02; done"
    shared_host.ok("run", "-d", "--name", "still", "--stop-timeout", "0", BUSYBOX, "sh", "-c", script)
    wait_until(lambda: shared_host.pyrun("exec", "still", "cat", "/beat").stdout)
    shared_host.ok("pause", "still")
    assert "(Paused)" in shared_host.ok("ps") and _state(shared_host, "still")["Paused"] is True
    beat = next(Path(f"/proc/{_state(shared_host, 'still')['Pid']}/root").glob("beat"))
    assert beat.read_text() == beat.read_text()
    done = shared_host.pyrun("exec", "still", "true")
    assert (done.returncode, b"is paused" in done.stderr) == (1, True)
    assert shared_host.pyrun("pause", "still").returncode == 1
    assert shared_host.pyrun("attach", "still").returncode == 1
    shared_host.ok("unpause", "still")
    seen = beat.read_text()
    wait_until(lambda: beat.read_text() not in (seen, ""))
    assert shared_host.pyrun("unpause", "still").returncode == 1
    shared_host.ok("pause", "still")
    shared_host.ok("stop", "still")
    assert _state(shared_host, "still")["ExitCode"] == 137
    shared_host.ok("start", "still")
    shared_host.ok("pause", "still")
    shared_host.ok("rm", "-f", "still")


def test_renamed_it_is_known_by_the_new_name_alone(host: Host) -> None:
    host.ok("network", "create", "net1")
    host.ok("run", "-d", "--name", "old", "--net", "net1", BUSYBOX, "sleep", "600")
    host.ok("run", "-d", "--name", "peer", "--net", "net1", BUSYBOX, "sleep", "600")
    assert host.ok("rename", "old", "new") == ""
    assert "pyrun-new" in host.out("ip netns list") and "pyrun-old" not in host.out("ip netns list")
    cables = host.out("ip -j link | grep -o 'pyrun:[a-z]*' | sort")
    assert cables.split() == ["pyrun:new", "pyrun:peer"]
    wait_until(lambda: host.pyrun("exec", "peer", "ping", "-c", "1", "new").returncode == 0)
    assert host.pyrun("inspect", "old").returncode == 1
    taken = host.pyrun("rename", "new", "peer")
    assert (taken.returncode, b"already in use" in taken.stderr) == (1, True)
    assert host.pyrun("rename", "new", "new").returncode == 1
    assert host.pyrun("rename", "new", "-x/").returncode == 125
    host.ok("run", "--rm", "--name", "old", BUSYBOX, "true")  # the name is free
    host.ok("rm", "-f", "new", "peer")
    host.ok("network", "rm", "net1")
    assert "pyrun" not in host.out("ls /run/netns 2>/dev/null || :")


def _memory_limit(host: Host, identity: str) -> int:
    return int(
        host.out(
            f"find /sys/fs/cgroup -path '*/{identity}/*' -name memory.limit_in_bytes -o -path '*/{identity}/*' -name memory.max | xargs cat"
        )
    )


def test_limits_are_changed_at_once(shared_host: Host) -> None:
    identity = shared_host.ok("run", "-d", "--name", "small", "-m", "32m", BUSYBOX, "sleep", "600").strip()
    assert _memory_limit(shared_host, identity) == 32 << 20
    shared_host.ok("update", "-m", "64m", "--memory-swap", "128m", "--cpus", "0.5", "--pids-limit", "77", "small")
    assert _memory_limit(shared_host, identity) == 64 << 20
    limits = json.loads(shared_host.ok("inspect", "small"))[0]["HostConfig"]
    assert (limits["Memory"], limits["MemorySwap"], limits["NanoCpus"]) == (64 << 20, 128 << 20, 500_000_000)
    refused = shared_host.pyrun("update", "-m", "256m", "small")
    assert (refused.returncode, b"--memory-swap" in refused.stderr) == (1, True)
    assert shared_host.pyrun("update", "small").returncode == 125
    assert shared_host.pyrun("update", "-m", "1k", "small").returncode == 125
    shared_host.ok("restart", "-t", "0", "small")
    assert _memory_limit(shared_host, identity) == 64 << 20
    shared_host.ok("rm", "-f", "small")


def test_several_are_attached_at_once(shared_host: Host) -> None:
    """All see all; one that goes, or is killed, is not missed; all learn of the end."""
    shared_host.ok(
        "run",
        "-d",
        "-i",
        "--name",
        "shared",
        BUSYBOX,
        "sh",
        "-c",
        "while read x; do echo $x; [ $x != end ] || exit 5; done",
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    clients = [shared_host.start([*PYRUN, "attach", "shared"], **pipes) for _ in range(3)]
    lines = []
    for number, client in enumerate(clients):
        assert client.stdin and client.stdout
        lines.append(f"said by {number}\n".encode())
    for client, line in zip(clients, lines, strict=True):
        assert client.stdin
        client.stdin.write(line.replace(b" ", b"_"))
        client.stdin.flush()
        assert client.stdout and client.stdout.readline()
    clients[1].kill()
    clients[1].wait()
    assert clients[0].stdin
    clients[0].stdin.write(b"end\n")
    clients[0].stdin.flush()
    assert [clients[at].wait(20) for at in (0, 2)] == [5, 5]
    for client in clients:
        for pipe in (client.stdin, client.stdout):
            if pipe:
                pipe.close()
    shared_host.ok("rm", "shared")


def test_a_client_that_reads_nothing_holds_up_nobody_but_the_program(shared_host: Host) -> None:
    shared_host.ok(
        "run", "-d", "--name", "loud", BUSYBOX, "sh", "-c", "while :; do yes | head -c 65536; sleep 0.01; done"
    )
    deaf = shared_host.start([*PYRUN, "attach", "loud"], stdout=subprocess.PIPE)
    assert deaf.stdout
    deaf.stdout.read(1)
    shared_host.ok("exec", "loud", "true")
    shared_host.ok("kill", "loud")
    deaf.kill()
    deaf.wait()
    deaf.stdout.close()
    assert shared_host.ok("wait", "loud") == "137\n"
    shared_host.ok("rm", "loud")


def test_attaching_without_a_monitor_is_told(shared_host: Host) -> None:
    shared_host.ok("run", "-d", "--name", "orphan", BUSYBOX, "sleep", "600")
    shared_host.kill_monitor("orphan")
    done = shared_host.pyrun("attach", "orphan")
    assert (done.returncode, b"its monitor is gone" in done.stderr) == (1, True)
    shared_host.ok("restart", "-t", "0", "orphan")
    client = shared_host.start([*PYRUN, "attach", "orphan"])
    wait_until(lambda: Path(f"/proc/{client.pid}/wchan").read_text().startswith(("do_sys_poll", "poll", "do_poll")))
    client.send_signal(signal.SIGKILL)
    client.wait()
    shared_host.ok("rm", "-f", "orphan")


def test_pruned_are_those_that_do_not_run(host: Host) -> None:
    host.ok("run", "--name", "done", "-l", "kind=old", BUSYBOX, "true")
    host.settled()
    host.ok("run", "-d", "--name", "up", BUSYBOX, "sleep", "600")
    made = host.ok("create", "--name", "made", BUSYBOX, "true").strip()
    assert host.pyrun("prune", stdin=b"n\n").stdout.endswith(b"[y/N] ")
    assert host.ok("prune", "-f", "--filter", "label=kind=new") == ""
    assert host.ok("container", "prune", "-f", "--filter", "label!=kind") == f"Deleted Containers:\n{made}\n\n"
    assert host.ok("prune", "-f", "--filter", "until=1h") == ""
    assert "Deleted Containers" in host.ok("prune", stdin=b"y\n")
    assert host.ok("ps", "-a", "--format", "{{.Names}}") == "up\n"
    host.ok("rm", "-f", "up")


@pytest.mark.parametrize("moment", ["noted", "files"])
def test_killed_in_a_start_it_runs_or_can_be_started(host: Host, tmp_path: Path, moment: str) -> None:
    host.ok("create", "--name", "tough", BUSYBOX, "sleep", "600")
    before = host.settled()
    counter, place, reached = tmp_path / "counter", 0, 0
    while reached >= place:
        place += 1
        _, reached = run_killed(host, counter, place, moment, "start", "tough")
        state = _status(host, "tough")
        assert state in ("created", "running", "exited"), (place, state)
        host.ok("stop", "-t", "0", "tough")
        assert set(host.settled()) == set(before)
        assert host.settled()["links"] == before["links"], place
    assert place > 8
    host.ok("start", "tough")
    host.ok("rm", "-f", "tough")


@pytest.mark.parametrize("running", [True, False])
def test_killed_in_renaming_it_has_one_name(host: Host, tmp_path: Path, running: bool) -> None:
    counter, place, reached = tmp_path / "counter", 0, 0
    while reached >= place:
        place += 1
        host.ok(*(("run", "-d") if running else ("create",)), "--name", "one", BUSYBOX, "sleep", "600")
        _, reached = run_killed(host, counter, place, "before,files", "rename", "one", "two")
        found = [name for name in ("one", "two") if host.pyrun("inspect", name).returncode == 0]
        assert len(found) == 1, (place, found)
        host.ok("rm", "-f", found[0])
        for name in ("one", "two"):
            host.ok("run", "--rm", "--name", name, BUSYBOX, "true")
        assert host.out("ls /run/netns /var/lib/pyrun/names 2>/dev/null | grep -e one -e two || :") == "", place
    assert place > 2


@pytest.mark.parametrize("names", [("one",), ("one", "two")])
@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_the_signal_that_asks_to_end_may_be_chosen(shared_host: Host, verb: str, names: tuple[str, ...]) -> None:
    script = 'trap "echo asked; exit" USR1; trap "" TERM; echo up; while :; do sleep 0.05; done'
    for name in names:
        shared_host.ok("run", "-d", "--name", name, BUSYBOX, "sh", "-c", script)
        wait_until(lambda: shared_host.ok("logs", name) == "up\n")  # noqa: B023
    assert shared_host.ok(verb, "--timeout", "600", "-s", "USR1", *names).split() == [*names]
    for name in names:
        wait_until(lambda: shared_host.ok("logs", name) == ("up\nasked\n" * 2)[: 9 if verb == "stop" else 12])  # noqa: B023
    assert shared_host.pyrun(verb, "--signal", "NONE", "one").stderr == b"pyrun: signal: NONE: unknown\n"
    shared_host.ok("rm", "-f", *names)


def test_several_are_stopped_in_the_time_of_one(shared_host: Host) -> None:
    """All are asked before the first is waited for: the log of the last has it, while the first still refuses."""
    deaf, names = 'trap "echo asked" TERM; echo up; while :; do sleep 0.05; done', ("deaf1", "deaf2", "deaf3")
    for name in names:
        shared_host.ok("run", "-d", "--name", name, BUSYBOX, "sh", "-c", deaf)
        wait_until(lambda: shared_host.ok("logs", name) == "up\n")  # noqa: B023
    client = shared_host.start([*PYRUN, "stop", "-t", "600", *names], stdout=subprocess.PIPE)
    wait_until(lambda: shared_host.ok("logs", names[2]) == "up\nasked\n")
    assert client.poll() is None
    shared_host.ok("kill", *reversed(names))
    out, _ = client.communicate(timeout=30)
    assert (client.returncode, out.decode().split()) == (0, [*names])
    shared_host.ok("rm", *names)


def test_every_verb_says_what_is_missing_in_one_line(shared_host: Host) -> None:
    for verb in ("start", "restart", "attach", "pause", "unpause", "wait", "stop", "kill"):
        done = shared_host.pyrun(verb, "nobody")
        assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1), (verb, done)
    refused = shared_host.pyrun("run", "--rm", "--restart", "always", BUSYBOX, "true")
    assert (refused.returncode, b"conflicting" in refused.stderr) == (125, True)
    for policy in ("sometimes", "always:3", "on-failure:-1", "on-failure:x", "no:1"):
        done = shared_host.pyrun("create", "--restart", policy, BUSYBOX, "true")
        assert (done.returncode, done.stderr.count(b"\n")) == (125, 1), done
