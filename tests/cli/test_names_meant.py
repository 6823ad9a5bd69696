"""Names that nobody has, and beginnings of ids that several have: what is said of them on a host that has others."""

import os
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, Host


@pytest.fixture(scope="module")
def inhabited(shared_host: Host) -> Iterator[Host]:
    for name in ("web", "database"):
        shared_host.ok("run", "-d", "--net", "none", "--name", name, BUSYBOX, "true")
        shared_host.ok("wait", name)
    shared_host.ok("network", "create", "backend")
    shared_host.ok("volume", "create", "files")
    yield shared_host
    shared_host.ok("rm", "web", "database")


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        ("logs wbe", 1, "no such container: wbe (did you mean web?)"),
        ("exec datbase true", 1, "no such container: datbase (did you mean database?)"),
        ("rm nobody", 1, "no such container: nobody"),
        ("inspect data", 1, "no such object: data (did you mean database?)"),
        ("network inspect bakcend", 1, "no such network: bakcend (did you mean backend?)"),
        ("network connect backend wbe", 1, "no such container: wbe (did you mean web?)"),
        ("network rm frobnicate", 1, "no such network: frobnicate (see pyrun network ls)"),
        ("run --net bakcend @host true", 125, "network bakcend not found (did you mean backend?)"),
        (
            "run --net none debain-rootfs true",
            125,
            "rootfs: debain-rootfs: no such directory or name (did you mean debian-rootfs?)",
        ),
        (
            "run --net none docker.io/library/debian:12 true",
            125,
            "rootfs: docker.io/library/debian:12: no such directory or name (did you mean debian-rootfs?)",
        ),
        ("volume inspect fiels", 1, "no such volume: fiels (did you mean files?)"),
        ("completion fihs", 125, "completion: fihs: unknown shell (did you mean fish?)"),
    ],
)
def test_the_nearest_is_named(inhabited: Host, line: str, code: int, complaint: str) -> None:
    if "rootfs" in line:
        inhabited.out("mkdir -p /var/lib/pyrun/rootfs/debian-rootfs")
    done = inhabited.pyrun(*line.split())
    assert (done.returncode, done.stderr.decode()) == (code, f"pyrun: {complaint}\n")


def test_beginnings_of_ids_that_several_have_name_them(inhabited: Host) -> None:
    """A second directory, its record damaged, stands for an id that chance would have to make."""
    first = inhabited.ok("inspect", "web").split('"Id": "')[1][:64]
    second = first[:20] + first[:20:-1] + "0"
    os.mkdir(f"/proc/{inhabited.pid}/root/var/lib/pyrun/containers/{second}")
    inhabited.out(f"cp /var/lib/pyrun/containers/{first}/start.json /var/lib/pyrun/containers/{second}")
    done = inhabited.pyrun("logs", first[:16])
    inhabited.out(f"rm -r /var/lib/pyrun/containers/{second}")
    assert done.returncode == 1
    assert done.stderr.decode().startswith(f"pyrun: container: {first[:16]}: several ids begin so (which of ")
    assert f"web ({first[:12]})" in done.stderr.decode()


def test_beginnings_of_network_ids_that_several_have_name_them(inhabited: Host) -> None:
    """A second definition under another name and nearly the same id stands for what chance would have to make."""
    first = inhabited.out('sed -n \'s/.*"id": "\\(.*\\)",/\\1/p\' /var/lib/pyrun/networks/backend.json').strip()
    second = first[:20] + first[:20:-1] + "0"
    change = f's/{first}/{second}/; s/"name": "backend"/"name": "other"/'
    inhabited.out(f"cd /var/lib/pyrun/networks && sed '{change}' backend.json > other.json")
    done = inhabited.pyrun("network", "inspect", first[:16])
    inhabited.out("rm /var/lib/pyrun/networks/other.json")
    expected = f"which of backend ({first[:12]}), other ({first[:12]})?"
    assert done.stderr.decode() == f"pyrun: network: {first[:16]}: several ids begin so ({expected})\n"
