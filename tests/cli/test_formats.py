"""`--format`, `--filter`, `--type` and `--size` on a host with containers and a network."""

import json
import os
import pty
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, PYRUN, Host


@pytest.fixture(scope="module")
def three(shared_host: Host) -> Iterator[Host]:
    """A network, a container that has ended, a younger one that runs, and one on the network."""
    shared_host.ok("network", "create", "--label", "a=b", "net")
    shared_host.ok("volume", "create", "--label", "k=v", "data")
    shared_host.ok("run", "--name", "old", BUSYBOX, "sh", "-c", "echo 12345 > /file")
    shared_host.ok("run", "-d", "--name", "web", "--tmpfs", "/t:size=1m", "-v", "/usr:/mnt:ro", BUSYBOX, "sleep", "600")
    shared_host.ok(
        "run", "-d", "--name", "db", "--network", "net", "--ulimit", "nofile=99:100", BUSYBOX, "sleep", "600"
    )
    yield shared_host
    shared_host.ok("rm", "-f", "old", "web", "db")
    shared_host.ok("network", "rm", "net")
    shared_host.ok("volume", "rm", "data")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("ps -a --format {{.Names}}", "db\nweb\nold\n"),
        ("ps --format {{.Names}}:{{.Networks}} -f network=net", "db:net\n"),
        (f"ps -qa --format {{{{.Names}}}} -f ancestor={BUSYBOX} --filter=status=exited", "old\n"),
        ("ps -a --format {{.Names}} -f ancestor=busybox-rootfs -n 1", "db\n"),
        ("ps -a --format {{.Size}} -f name=old", "6B (virtual "),
        ("ps -as --format json -f name=old", '{"Command":"\\"sh -c \'echo 12345 \\u003e…\\"","CreatedAt":"'),
        ("inspect -f {{.Name}} web db", "/web\n/db\n"),
        ("inspect --format={{.Name}},{{.Driver}} net web", "net,bridge\n/web,overlay\n"),
        ("inspect --type network -f {{.Name}} net", "net\n"),
        (
            "container inspect -f {{.HostConfig.Tmpfs}}{{json_.Mounts}} web",
            'map[/t:size=1m][{"Type":"bind","Source":"/usr",',
        ),
        ("inspect -sf {{.SizeRw}} old", "6\n"),
        ("network inspect -f {{range_.Containers}}{{.Name}}{{end}}{{.Labels.a}} net", "dbb\n"),
        ("network ls --format {{.Name}} -f label=a", "net\n"),
        ('volume ls --format {{.Name}}:{{.Label_"k"}} -f name=data', "data:v\n"),
        ("volume inspect -f {{.Driver}}{{.Labels}}{{.Options}} data", "localmap[k:v]map[]\n"),
        ("inspect -f {{.Name}} data --type volume", "data\n"),
        ("version -f {{.Server.Os}}/{{.Client.Os}}", "linux/linux\n"),
    ],
)
def test_what_is_asked_for(three: Host, line: str, text: str) -> None:
    told = three.ok(*(word.replace("_", " ") if "{{" in word else word for word in line.split()))
    assert told[: len(text)] == text


def test_json_is_written_for_programs(three: Host) -> None:
    assert [each["Name"] for each in json.loads(three.ok("inspect", "-f", "json", "web", "net"))] == ["/web", "net"]
    assert json.loads(three.ok("version", "--format", "json"))["Client"]["Os"] == "linux"
    for form in ("{{json .}}", "json"):
        rows = [json.loads(row) for row in three.ok("ps", "-a", "--format", form).splitlines()]
        assert [(row["Names"], row["State"], row["Networks"], row["Mounts"], len(row)) for row in rows] == [
            ("db", "running", "net", "", 14), ("web", "running", "bridge", "/usr", 14), ("old", "exited", "bridge", "", 14)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        ("ps --format {{.Nope}}", 1, 'executing "" at <.Nope>: can\'t evaluate field Nope'),
        ("ps --format {{.Names", 1, "template: :1: unclosed action"),
        ("ps --filter foo", 125, "filter: foo: expected KEY=VALUE (keys: ancestor, "),
        ("ps --filter foo=x", 1, "filter: foo: not known (keys: ancestor, "),
        ("ps -f since=nobody", 1, "no such container: nobody"),
        ("inspect -f {{.Nope}} web", 1, 'map has no entry for key "Nope"'),
        ("inspect -f {{.Nope web", 64, "template: :1: unclosed action"),
        ("inspect -f {{ nobody", 64, "template: :1: unclosed action"),
        ("inspect --type container net", 1, "no such container: net"),
        ("inspect --type image web", 1, "type: image: expected one of container, network, volume"),
        ("inspect nobody", 1, "no such object: nobody"),
        ("network ls -f type=x", 1, "filter: type=x: expected one of builtin, custom"),
        ("network ls --format {{.Nam}}", 1, "did you mean .Name?"),
        ("version -f {{.Clint}}", 1, "did you mean .Client?"),
    ],
)
def test_what_cannot_be_told_is_one_line(three: Host, line: str, code: int, complaint: str) -> None:
    done = three.pyrun(*line.split())
    assert (done.returncode, done.stderr.count(b"\n"), complaint in done.stderr.decode()) == (code, 1, True), done


def test_one_that_is_missing_does_not_hide_the_others(three: Host) -> None:
    done = three.pyrun("inspect", "nobody", "web", "-f", "{{.Name}}")
    assert (done.returncode, done.stdout) == (1, b"/web\n")


def test_the_host_is_not_measured(three: Host) -> None:
    """A container on @host tells what it has written alone: all of the host would take minutes."""
    three.ok("run", "--name", "own", "@host", "true")
    try:
        assert "virtual" not in three.ok("ps", "-as", "-f", "name=own", "--format", "{{.Size}}")
    finally:
        three.ok("rm", "own")


def test_sizes_count_each_file_once_and_follow_nothing(three: Host) -> None:
    script = "mkdir -p /d/e; echo 123 > /d/f; ln /d/f /d/e/g; ln -s /usr /d/e/h; ln -s / /d/e/i"
    three.ok("run", "--name", "linked", BUSYBOX, "sh", "-c", script)
    try:
        assert three.ok("inspect", "-s", "-f", "{{.SizeRw}}", "linked") == f"{4 + len('/usr') + len('/')}\n"
    finally:
        three.ok("rm", "linked")


def test_a_paused_container_is_told_and_removed(three: Host) -> None:
    three.ok("run", "-d", "--name", "still", BUSYBOX, "sleep", "600")
    three.ok("pause", "still")
    assert three.ok("ps", "-f", "status=paused", "--format", "{{.Names}} {{.State}}") == "still paused\n"
    assert three.ok("ps", "-f", "name=still", "--format", "{{.Status}}").endswith(" (Paused)\n")
    three.ok("rm", "-f", "still")


def test_a_terminal_gets_colours(three: Host) -> None:
    ours, theirs = pty.openpty()
    shown = three.start(["env", "TERM=xterm", *PYRUN, "ps", "-f", "name=web"], stdout=theirs)
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 4096):
            text += chunk
    except OSError:
        pass  # the other side has ended
    os.close(ours)
    assert (shown.wait(20), b"\x1b[32mUp " in text) == (0, True)
