"""Templates and filters, asked of a live Docker and of pyrun: about the same object, and about containers that are alike."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from answered import Answer, ours, record, recorded
from lab import BUSYBOX

from pyrun.cli import shapes

if TYPE_CHECKING:
    from conftest import Docker

_ASKED_LIVE = 70  # of the recorded ones; an answer takes Docker 50 ms
_LONG = "trap exit TERM; while :; do sleep 1; done"
_OPTIONS = [
    "--hostname",
    "hosty",
    "-e",
    "A=1",
    "-e",
    "B=two",
    "--expose",
    "70",
    "--tmpfs",
    "/scratch",
    "-m",
    "64m",
    "--cpus",
    "1.5",
]
_LABELS = ["--label", "k=v", "--label", "num=7", "--label", "we.ird/x=a b"]


@pytest.fixture(scope="module")
def alike(docker: "Docker") -> Iterator["Docker"]:
    """A container that runs and one that has ended, of each engine; a network with labels."""
    for engine, tree, first in ((docker.command, "tree", 8080), (None, BUSYBOX, 9080)):
        ports = ["-p", f"{first}:80", "-p", f"{first + 1}-{first + 3}:9000-9002/udp"]
        labels = _LABELS if engine else []
        lines = [
            ["network", "create", "--internal", "--label", "a=b", "--label", "c", "inner"],
            ["run", "-d", "--name", "con1", "-v", "/usr:/mnt:ro", *_OPTIONS, *ports, *labels, tree, "sh", "-c", _LONG],
            ["run", "--name", "gone", tree, "sh", "-c", "echo hi > /x; exit 3"],
        ]
        for line in lines:
            done = docker.docker(*line) if engine else docker.host.pyrun(*line)
            assert done.returncode == (3 if "gone" in line else 0), done
    yield docker
    docker.host.ok("rm", "-f", "con1", "gone")
    docker.host.ok("network", "rm", "inner")


def _answer(docker: "Docker", *arguments: str) -> Answer:
    done = docker.docker(*arguments)
    return done.stdout.decode(), done.stderr.decode(), done.returncode


def test_answers_about_the_same_container(alike: "Docker") -> None:
    """Output, error with its position, exit code: pyrun is given what Docker says of its container."""
    _, answers = recorded()
    recording = bool(os.environ.get("PYRUN_TEST_RECORD"))
    inspected = json.loads(alike.docker("inspect", "con1").stdout)[0]
    asked = list(answers)[: None if recording else _ASKED_LIVE]
    theirs = {template: _answer(alike, "inspect", "-f", template, "con1") for template in asked}
    if recording:
        record(inspected, theirs)
    assert {template: ours(template, inspected) for template in asked} == theirs


_OF_NETWORKS = (
    "{{.Name}} {{.ID}} {{.Scope}} {{.Driver}} {{.Internal}} {{.Labels}} {{.Options}}",
    "{{.Created}} {{.ConfigFrom}} {{.Containers}} {{.IPAM}}",
    "{{range .IPAM.Config}}{{.Subnet}}|{{.Gateway}}{{end}} {{json .IPAM}} {{.Peers}} {{.Services}}",
    "{{.Id}} {{.Created}} {{json .}}",
    '{{range .Containers}}{{.Name}}{{else}}nobody{{end}} {{index .Labels "a"}} {{.Labels.nope}}',
    "{{.Nope}}",
)


def test_answers_about_the_same_network(alike: "Docker") -> None:
    inspected = json.loads(alike.docker("network", "inspect", "inner").stdout)[0]
    theirs = {template: _answer(alike, "network", "inspect", "-f", template, "inner") for template in _OF_NETWORKS}
    assert {template: ours(template, inspected, shapes.NETWORK) for template in _OF_NETWORKS} == theirs


_LISTINGS = (
    "ps -a --format {{.Names}}|{{.State}}|{{.Networks}}|{{.LocalVolumes}}|{{.Mounts}}|{{.Label \"x\"}}|{{.Size}}",
    r"ps -a --format table {{.Names|upper}} {{.Label \"k.a-b\"}} {{truncate .Names 2}}\t{{json .State}}\t{{split .Names \"o\"}}",
    r"ps -a --format x\ty {{.Command}}",
    r"ps -a --format table {{.State}}\t{{if eq .State \"running\"}}{{.Names}}\tup{{else}}-{{end}}",
    "ps -a --no-trunc --format {{.Command}}",
    r"ps --format table {{.Command}}\t{{.Mounts}}\t{{.Networks}}\t{{.Label \"x\"}}",
    "ps -q --filter status=removing",
    "ps --format raw -f name=nobody",
    "ps -f name=nobody",
    *(
        f"ps --format {{{{.Names}}}} {rest}"
        for rest in (
            "-l", "-n 2", "-n 0", "-l -n 2", "-n 1 -f name=con1", "-f name=CON -a", "-f name=^con1$", "-f name=^/con[0-9]$",
            "-f name=[", "-f exited=3", "-a -f exited=3", "-f status=exited", "-f status=exited -f status=running",
            "-a -f before=gone", "-a -f since=con1", "-a -f before=con1", "-f publish=80", "-f expose=80", "-f expose=9000-9001/udp",
            "-f expose=9000", "-f volume=/mnt", "-f volume=/usr", "-f volume=/scratch", "-a -f network=bridge", "-f network=host",
            "-f health=none", "-f health=healthy", "-f label=nope", "-f id=zz", "-aq",
        )
    ),
    r"network ls --format table {{.Name}}\t{{.Driver}}\t{{.Scope}}\t{{.IPv6}}\t{{.Internal}}\t{{.Label \"a\"}}",
    *(
        f"network ls --format {{{{.Name}}}} {rest}"
        for rest in (
            "-f name=inn", "-f name=^inner$", "-f driver=null -f driver=host", "-f driver=x", "-f label=a", "-f label=a=b -f label=c",
            "-f label=a=c", "-f type=custom", "-f type=builtin", "-f scope=local", "-f id=zz",
        )
    ),
    "inspect -f {{.Name}}|{{.State.ExitCode}}|{{.SizeRw}}|{{.Config.Hostname}}|{{.HostConfig.Tmpfs}}|{{.HostConfig.CapAdd}} con1",
    "inspect -s -f {{.SizeRw}} gone",
    "inspect -f {{json_.HostConfig.Binds}}{{json_.HostConfig.Ulimits}}{{json_.Mounts}} con1",
    "inspect -f {{json_(index_.NetworkSettings.Networks_\"bridge\").IPAMConfig}} con1",
    "inspect -f {{.Name}} inner",
)  # fmt: skip


def _words(line: str) -> list[str]:
    """Cut a line at its blanks, but for those in a template, which goes on to the next option."""
    verb, dash, rest = line.replace('\\"', '"').partition(" --format ")
    if not dash:
        return [word.replace("_", " ") if "{{" in word else word for word in line.split()]
    template, at, options = rest.partition(" -")
    return [*verb.split(), "--format", template, *f"{at.strip(' ')}{options}".split()]


def test_listings_and_filters_of_containers_that_are_alike(alike: "Docker") -> None:
    theirs = {line: _answer(alike, *_words(line)) for line in _LISTINGS}
    found = {}
    for line in _LISTINGS:
        done = alike.host.pyrun(*_words(line))
        found[line] = (done.stdout.decode(), done.stderr.decode(), done.returncode)
    assert found == theirs


@pytest.mark.parametrize(
    "line", ["-f foo=bar", "-f status=bogus", "-f exited=x", "-f health=x", "-f before=nobody", "-f publish=x"]
)
def test_filters_that_are_refused(alike: "Docker", line: str) -> None:
    """In one line, with Docker's exit code."""
    theirs, found = alike.docker("ps", *line.split()), alike.host.pyrun("ps", *line.split())
    assert (
        (found.returncode, found.stdout, found.stderr.count(b"\n"))
        == (theirs.returncode, theirs.stdout, 1)
        == (1, b"", 1)
    )
