"""What the shells make of a TAB: each is typed into on a terminal, with containers and networks on its host."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, TYPED, Host
from shells import Shell


@pytest.fixture(scope="module")
def inhabited(shared_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, str]]:
    """A host with containers, a network and root file systems, and a directory with pyrun and files."""
    place = tmp_path_factory.mktemp("bin")
    (place / "pyrun").write_text(f'#!/bin/sh\nexec {TYPED} "$@"\n')
    (place / "pyrun").chmod(0o755)
    (place / "profile one.json").write_text("{}")
    (place / "tree").mkdir()
    shared_host.ok("network", "create", "backend")
    shared_host.out(f"mkdir -p /var/lib/pyrun/rootfs && ln -s {BUSYBOX} /var/lib/pyrun/rootfs/minimal-rootfs")
    shared_host.ok("run", "-d", "--name", "webserver", BUSYBOX, "sleep", "600")
    shared_host.ok("run", "-d", "--name", "ended", BUSYBOX, "true")
    shared_host.ok("wait", "ended")
    yield shared_host, str(place)
    shared_host.ok("rm", "-f", "webserver", "ended")


@pytest.fixture(scope="module", params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest, inhabited: tuple[Host, str]) -> Iterator[Shell]:
    host, place = inhabited
    shell = Shell(host, request.param, place)
    shell.run(f"cd {place}")
    yield shell
    shell.close()


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("pyrun ins", "pyrun inspect "),
        ("pyrun network disc", "pyrun network disconnect "),
        ("pyrun container insp", "pyrun container inspect "),
        ("pyrun run --net ba", "pyrun run --net backend "),
        ("pyrun run --net=ba", "pyrun run --net=backend "),
        ("pyrun run --net container:we", "pyrun run --net container:webserver "),
        ("pyrun run --net=container:we", "pyrun run --net=container:webserver "),
        ("pyrun run --net=cont", "pyrun run --net=container:"),
        ("pyrun run --hostn", "pyrun run --hostname "),
        ("pyrun run -it --rm min", "pyrun run -it --rm minimal-rootfs "),
        ("pyrun exec we", "pyrun exec webserver "),
        ("pyrun exec en", "pyrun exec en"),
        ("pyrun rm en", "pyrun rm ended "),
        ("pyrun rm -f we", "pyrun rm -f webserver "),
        ("pyrun kill -s HU", "pyrun kill -s HUP "),
        ("pyrun cp webserver:/et", "pyrun cp webserver:/etc/"),
        ("pyrun cp webserver:/etc/hostn", "pyrun cp webserver:/etc/hostname "),
        ("pyrun cp tree webserver:/tm", "pyrun cp tree webserver:/tmp/"),
        ("pyrun cp ended:/et", "pyrun cp ended:/etc/"),
        ("pyrun cp webserver:/nosuch/", "pyrun cp webserver:/nosuch/"),
        ("pyrun run --cap-add NET_AD", "pyrun run --cap-add NET_ADMIN "),
        ("pyrun run -v ./tr", "pyrun run -v ./tree/"),
        ("pyrun run tr", "pyrun run tree/"),
        ("pyrun run minimal-rootfs tr", "pyrun run minimal-rootfs tree/"),
        ("pyrun run --security-opt secc", "pyrun run --security-opt seccomp="),
        ("pyrun run --security-opt seccomp=prof", "pyrun run --security-opt seccomp=profile one.json "),
    ],
)
def test_a_tab_completes(shell: Shell, typed: str, becomes: str) -> None:
    assert shell.completed(typed) == becomes


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_scripts_are_understood_by_their_shells(name: str, inhabited: tuple[Host, str], tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(inhabited[0].ok("completion", name))
    done = inhabited[0].run([name, "-n", str(script)])
    assert (done.returncode, done.stderr) == (0, b"")
