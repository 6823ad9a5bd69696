"""`logs` and the log's options with real containers; what is kept on the disk is read by the tests themselves."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, PYRUN, Host, wait_until

LOGGED = "/var/lib/pyrun/containers/{}/container.log"


@pytest.fixture(scope="module")
def said(shared_host: Host) -> Iterator[Host]:
    """A host with a container that said four lines on two streams, and ended."""
    script = "echo one; echo two >&2; echo three; printf four"
    more = ("-e", "A=1", "-e", "B=x y", "--log-opt", "env=B", "--log-opt", "tag={{.Name}}/{{.ID}}")
    shared_host.pyrun("run", "--name", "said", "--net", "none", *more, BUSYBOX, "sh", "-c", script)
    yield shared_host
    shared_host.ok("rm", "said")


def identity(host: Host, name: str) -> str:
    return host.out(f"readlink /var/lib/pyrun/names/{name}").strip()


def files(host: Host, name: str) -> dict[str, bytes]:
    """Give the files of a container's log, the newest first."""
    path = LOGGED.format(identity(host, name))
    listed = host.out(f"ls {path} {path}.[0-9]* 2>/dev/null; :").split()
    return {name: host.shell(f"cat {name}").stdout for name in sorted(listed)}


def test_each_stream_goes_where_it_belongs(said: Host) -> None:
    done = said.pyrun("logs", "said")
    assert sorted(done.stdout.splitlines()) == [b"four", b"one", b"three"]
    assert done.stderr == b"two\n"


def test_times_are_those_of_the_file_and_choose_lines(said: Host) -> None:
    """Each record's own time as both limits leaves its lines and no other; JSON's are the witness."""
    records = [json.loads(line) for content in files(said, "said").values() for line in content.splitlines()]
    done = said.pyrun("logs", "-t", "said")
    shown = sorted((done.stdout + b"\n" + done.stderr).split(b"\n"))
    assert [line for line in shown if line] == sorted(f"{r['time']} {r['log'].strip()}".encode() for r in records)
    for moment in {r["time"] for r in records}:
        done = said.pyrun("logs", "--since", moment, "--until", moment, "said")
        expected = [r["log"].encode() for r in records if r["time"] == moment]
        assert sorted((done.stdout + done.stderr).splitlines(keepends=True)) == sorted(expected)
    assert said.ok("logs", "--until", "1h", "said") == ""
    assert said.ok("logs", "--since", "-1h", "said") == ""


def test_details_are_what_the_options_chose(said: Host) -> None:
    assert said.ok("logs", "-n1", "--details", "said") == f"B=x+y,tag=said%2F{identity(said, 'said')[:12]} four"
    told = json.loads(said.ok("inspect", "said"))[0]["HostConfig"]["LogConfig"]
    assert told == {"Type": "json-file", "Config": {"env": "B", "tag": "{{.Name}}/{{.ID}}"}}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--tail x said", "tail: x: not a number"),
        ("--since garbage said", 'since: failed to parse value as time or duration: "garbage"'),
        ("--until 2026-02-30 said", "until: failed to parse value as time"),
        ("nobody", "no such container: nobody"),
    ],
)
def test_what_logs_refuses(line: str, complaint: str, said: Host) -> None:
    done = said.pyrun("logs", *line.split())
    assert done.returncode != 0
    assert done.stderr.decode().startswith(f"pyrun: {complaint}"), done


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--log-driver syslog", "log-driver: syslog: not supported"),
        ("--log-opt max-size=x", "max-size: x: not a size"),
        ("--log-opt max-size=0", "log-opt: max-size: 0: must be more than nothing"),
        ("--log-opt max-file=0", "max-file: 0: must be from 1"),
        ("--log-opt compress=true", "log-opt: compress=true: not supported"),
        ("--log-opt foo=bar", "log-opt: foo=bar: not an option of json-file"),
        ("--log-opt mode", "log-opt: mode: not an option of json-file"),
        ("--log-opt mode=x", "log-opt: mode: x: must be blocking or non-blocking"),
        ("--log-opt max-buffer-size=1m", "log-opt: max-buffer-size: goes with"),
        ("--log-opt env-regex=(", "log-opt: env-regex: (: not a regular expression"),
        ("--log-opt tag={{.Foo}}", "log-opt: tag: {{.Foo}}: has a field"),
        ("--log-driver none --log-opt max-size=1k", "log-opt: max-size=1k: not an option of none"),
        ("--log-driver local --log-opt env=A", "log-opt: env=A: not an option of local"),
    ],
)
def test_what_run_refuses(options: str, complaint: str, shared_host: Host) -> None:
    done = shared_host.pyrun("run", "--dry-run", *options.split(), BUSYBOX)
    assert (done.returncode, done.stdout) == (125, b"")
    assert done.stderr.decode().startswith(f"pyrun: {complaint}"), done


def test_driver_none_keeps_nothing(shared_host: Host) -> None:
    host = shared_host
    assert host.ok("run", "--name", "dumb", "--net", "none", "--log-driver", "none", BUSYBOX, "echo", "hi") == "hi\n"
    done = host.pyrun("logs", "dumb")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"keeps nothing" in done.stderr
    assert files(host, "dumb") == {}
    host.ok("rm", "dumb")


def test_following_loses_and_repeats_no_line_across_rotations(shared_host: Host, tmp_path: Path) -> None:
    """Bursts of up to two files, each after the last was seen; the log ends, and with it following, with the container."""
    host = shared_host
    os.mkfifo(tmp_path / "bursts")
    script = "n=0; while read count; do for i in $(seq $count); do n=$((n+1)); echo $n; done; done < /d/bursts"
    limits = ("--log-opt", "max-size=2k", "--log-opt", "max-file=4", "--net", "none")
    host.ok("run", "-d", "--name", "bursts", "-v", f"{tmp_path}:/d", *limits, BUSYBOX, "sh", "-c", script)
    follower = host.start([*PYRUN, "logs", "-f", "bursts"], stdout=subprocess.PIPE)
    assert follower.stdout
    expected = 0
    with open(tmp_path / "bursts", "w", buffering=1) as bursts:
        for count in (1, 3, 30, 50, 1, 50, 50, 20, 50, 7):
            bursts.write(f"{count}\n")
            for _ in range(count):
                expected += 1
                assert int(follower.stdout.readline()) == expected
    assert follower.stdout.read() == b""
    assert follower.wait(20) == 0
    assert len(files(host, "bursts")) == 4
    host.ok("rm", "bursts")


def test_monitor_killed_while_it_rotates_leaves_whole_records_in_three_files(shared_host: Host) -> None:
    """R19: as fast as it can into 10 kB; whatever the moment, the last file alone may end in a torn record."""
    host = shared_host
    limits = ("--log-opt", "max-size=10k", "--log-opt", "max-file=3", "--net", "none")
    for attempt in range(4):
        name = f"torn{attempt}"
        host.ok("run", "-d", "--name", name, *limits, BUSYBOX, "seq", "100000000")
        wait_until(lambda name=name: len(files(host, name)) == 3)
        host.kill_monitor(name)
        kept = files(host, name)
        assert len(kept) in (2, 3)
        lines = [line for path in reversed(kept) for line in kept[path].splitlines(keepends=True)]
        whole = [int(json.loads(line)["log"]) for line in lines if line.endswith(b"\n")]
        assert len(whole) >= len(lines) - 1
        assert whole == list(range(whole[0], whole[0] + len(whole)))
        assert list(map(int, host.pyrun("logs", name).stdout.split())) == whole
        host.ok("rm", "-f", name)


def test_lean_process_goes_on_with_the_same_limits(shared_host: Host, tmp_path: Path) -> None:
    """A second after its start another program takes over: what the options said comes along."""
    host = shared_host
    os.mkfifo(tmp_path / "go")
    limits = ("--log-opt", "max-size=1k", "--log-opt", "max-file=2", "--log-opt", "tag=lean", "--net", "none")
    host.ok("run", "-d", "--name", "lean", "-v", f"{tmp_path}:/d", *limits, BUSYBOX, "sh", "-c", "cat /d/go; seq 100")
    lean = f"pgrep -f --ns $$ --nslist net '[p]yrun.runtime.relay.*{identity(host, 'lean')}'"
    wait_until(lambda: host.shell(lean).stdout)
    (tmp_path / "go").write_text("")
    assert host.ok("wait", "lean") == "0\n"
    kept = files(host, "lean")
    assert len(kept) == 2
    assert max(map(len, kept.values())) < 1100
    assert {json.loads(line)["attrs"]["tag"] for text in kept.values() for line in text.splitlines()} == {"lean"}
    host.ok("rm", "lean")


def test_following_goes_on_over_restarts_of_either_kind(shared_host: Host, tmp_path: Path) -> None:
    """By its policy, and by the verb; each life says its number, and the last one ends it."""
    host = shared_host
    os.mkfifo(tmp_path / "end")
    script = 'echo x >> /d/lives; wc -l < /d/lives; exec sh -c "exit $(cat /d/end)"'
    policy = ("--restart", "on-failure:2", "--net", "none")
    host.ok("run", "-d", "--name", "lives", "-v", f"{tmp_path}:/d", *policy, BUSYBOX, "sh", "-c", script)
    follower = host.start([*PYRUN, "logs", "-f", "lives"], stdout=subprocess.PIPE)
    assert follower.stdout
    assert follower.stdout.readline() == b"1\n"
    (tmp_path / "end").write_text("3")
    assert follower.stdout.readline() == b"2\n"
    host.ok("restart", "-t", "0", "lives")
    assert follower.stdout.readline() == b"3\n"
    (tmp_path / "end").write_text("0")
    assert (follower.stdout.read(), follower.wait(20)) == (b"", 0)
    assert host.ok("logs", "lives") == "1\n2\n3\n"
    host.ok("rm", "lives")
