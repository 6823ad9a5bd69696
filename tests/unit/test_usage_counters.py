"""What control files say is counted, whichever version of control groups has them, each controller by itself."""

from pathlib import Path

import pytest

from pyrun.cli.load_tables import binary
from pyrun.kernel.cgroups import Hierarchy
from pyrun.kernel.usage import Usage, measure

_V1 = {
    "cpuacct": {"cpuacct.usage": "5000000123\n"},
    "memory": {
        "memory.usage_in_bytes": "1000000\n",
        "memory.limit_in_bytes": "9223372036854771712\n",
        "memory.stat": "cache 5\ninactive_file 7\ntotal_inactive_file 400000\n",
    },
    "pids": {"pids.current": "3\n"},
    "blkio": {
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 100\n8:0 Total 4196\n8:16 Read 1\nTotal 4197\n"
    },
}
_V2 = {
    "cpu": {"cpu.stat": "usage_usec 5000000\nuser_usec 1\n"},
    "memory": {
        "memory.current": "1000000\n",
        "memory.max": "2000000\n",
        "memory.stat": "anon 1\ninactive_file 400000\n",
    },
    "pids": {"pids.current": "3\n"},
    "io": {"io.stat": "8:0 rbytes=4096 wbytes=100 rios=1 wios=1 dbytes=0 dios=0\n8:16 rbytes=1\n253:0\n"},
}
_ID = "a" * 64


def _tree(place: Path, files: dict[str, str]) -> str:
    (place / "pyrun" / _ID).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (place / "pyrun" / _ID / name).write_text(content)
    return str(place)


def _v1(top: Path, *names: str) -> list[Hierarchy]:
    return [Hierarchy(_tree(top / name, _V1[name]), 1, (name,), "pyrun") for name in names]


def _v2(top: Path, *names: str) -> Hierarchy:
    files = {name: content for controller in names for name, content in _V2[controller].items()}
    return Hierarchy(_tree(top / "unified", files), 2, names, "pyrun")


def test_version_1(tmp_path: Path) -> None:
    groups = tuple(_v1(tmp_path, *_V1))
    assert measure(groups, _ID, 0, 8_000_000) == Usage(5000000123, 600000, 8_000_000, 4097, 100, 0, 0, 3)


def test_version_2(tmp_path: Path) -> None:
    groups = (_v2(tmp_path, *_V2),)
    assert measure(groups, _ID, 0, 8_000_000) == Usage(5000000000, 600000, 2_000_000, 4097, 100, 0, 0, 3)


def test_both_versions_each_with_some_controllers(tmp_path: Path) -> None:
    groups = (*_v1(tmp_path, "cpuacct", "blkio"), _v2(tmp_path, "memory", "pids"))
    assert measure(groups, _ID, 0, 8_000_000) == Usage(5000000123, 600000, 2_000_000, 4097, 100, 0, 0, 3)


def test_nothing_is_there(tmp_path: Path) -> None:
    assert measure((), _ID, 0, 8_000_000) == Usage(limit=8_000_000)
    assert measure(tuple(_v1(tmp_path, "memory")), "b" * 64, 0, 8_000_000) == Usage(limit=8_000_000)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1KiB"),
        (577536, "564KiB"),
        (25276502016, "23.54GiB"),
        (104857600, "100MiB"),
        (1 << 80, "1YiB"),
        (1 << 90, "1024YiB"),
    ],
)
def test_sizes_are_said_as_docker_says_them(count: int, said: str) -> None:
    assert binary(count) == said
