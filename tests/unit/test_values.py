"""Values that people type and files hold: what is accepted means itself, everything else is one clear line."""

import ipaddress
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrun import options, records
from pyrun.cli import commands, names, reader
from pyrun.cli.declared import every
from pyrun.errors import Corrupt, PyrunError, UsageError
from pyrun.kernel import accounts, capabilities, files
from pyrun.network import addresses, hostfiles, ipam
from pyrun.options import devices, mounts
from pyrun.plan import resources
from pyrun.spec import ContainerConfig, Mount, Pool, Resources, Ulimit

VERBS = every()

ANY_TEXT = st.text(max_size=40) | st.sampled_from(
    ["", "-1", "٠", "0_0", " 0", "+0", "²", "x\n", "\x1b[2J", "%\\$š", "9" * 30]
)


@given(ANY_TEXT)
@settings(max_examples=300)
def test_no_value_raises_anything_but_a_usage_error(text: str) -> None:
    parsers = [
        options.cpus, options.ulimit, options.signal_number, options.container_name, options.hostname, options.add_host,
        mounts.volume, mounts.mount, mounts.tmpfs, mounts.volumes_from, options.user, options.cpuset, accounts.as_number,
        lambda value: options.size("memory", value), lambda value: options.whole("number", value),
        lambda value: options.address("dns", value), lambda value: options.word("dns-search", value), lambda value: options.pairs("label", (value,)),
        lambda value: mounts.driver_options("opt", (value,)), lambda value: mounts.volume_name("volume", value),
        devices.device, devices.rule, devices.weight_of, lambda value: devices.rate("device-read-bps", value),
        lambda value: devices.rate("device-write-iops", value), lambda value: options.cpuset(value, "cpuset-mems"),
    ]  # fmt: skip
    for parse in parsers:
        try:
            parse(text)
        except PyrunError as problem:
            assert "\n" not in problem.message, (parse, text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("6m", 6 << 20), ("1.5g", 3 << 29), ("2GB", 2 << 30), ("10kb", 10240), ("7b", 7), ("1MiB", 1 << 20)],
)
def test_sizes(text: str, size: int) -> None:
    assert options.size("memory", text) == size


@pytest.mark.parametrize("text", ["", "m", "1x", "-1", "1..5g", "0x10", "1 0", "٣m"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        options.size("memory", text)


@given(st.integers(0, 2**31 - 1))
def test_whole_numbers_mean_themselves(number: int) -> None:
    assert options.whole("n", str(number)) == number


def test_signals() -> None:
    assert [options.signal_number(s) for s in ("TERM", "SIGKILL", "9", "rtmin+1", "SIGRTMAX-1", "usr1")] == [
        15,
        9,
        9,
        35,
        63,
        10,
    ]


@pytest.mark.parametrize(
    "target", ["/", "/proc", "/proc/self", "/sys/fs", "/a/../proc", "//proc//self", "/dev/pts/0", "relative"]
)
def test_kernel_file_systems_are_no_targets(target: str) -> None:
    with pytest.raises(UsageError):
        mounts.target("volume", target)


@pytest.mark.parametrize("value", ["fe80::1%eth0\nnameserver 6.6.6.6", "1.2.3", "1.2.3.4 ", "::1%lo", "host"])
def test_addresses_that_would_inject(value: str) -> None:
    with pytest.raises(UsageError):
        options.address("dns", value)


def test_pools_are_dockers() -> None:
    assert len(ipam.POOLS) == 31
    assert [str(pool) for pool in ipam.POOLS[:2]] == ["172.17.0.0/16", "172.18.0.0/16"]
    assert [str(pool) for pool in ipam.POOLS[14:16]] == ["172.31.0.0/16", "192.168.0.0/20"]
    assert str(ipam.POOLS[-1]) == "192.168.240.0/20"
    for pool in ipam.POOLS:
        assert int(ipaddress.ip_network(str(pool)).broadcast_address) == pool.last


@given(st.integers(0, 2**32 - 1), st.integers(8, 32), st.integers(0, 2**32 - 1), st.integers(8, 32))
def test_overlap_agrees_with_ipaddress(a: int, p: int, b: int, q: int) -> None:
    left, right = (ipaddress.ip_network((n, length), strict=False) for n, length in ((a, p), (b, q)))
    ours = addresses.subnet(str(left)).overlaps(addresses.subnet(str(right)))
    assert ours == left.overlaps(right)


def test_lowest_address_is_given_and_reused() -> None:
    pool = Pool("10.0.0.0/29", "10.0.0.1")
    taken: set[str] = set()
    for last in range(2, 7):
        assert ipam.lowest_free(pool, taken) == f"10.0.0.{last}"
        taken.add(f"10.0.0.{last}")
    with pytest.raises(PyrunError, match=r"10.0.0.0/29 \(5 of 5 used\)"):
        ipam.lowest_free(pool, taken)
    assert ipam.lowest_free(pool, taken - {"10.0.0.4"}) == "10.0.0.4"
    assert addresses.container_mac("172.17.0.2") == "02:42:ac:11:00:02"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("nameserver 127.0.0.1\n", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
        ("nameserver 10.0.0.1\nnameserver ::1\nsearch a b\n", "nameserver 10.0.0.1\nsearch a b\n"),
        (
            "# c\nnameserver 10.0.0.1 # x\noptions ndots:1\nsearch x\nsearch y z\n",
            "nameserver 10.0.0.1\nsearch y z\noptions ndots:1\n",
        ),
        ("", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"),
    ],
)
def test_resolv_conf(host: str, expected: str) -> None:
    assert hostfiles.resolv_conf(host) == expected


def test_resolv_conf_overrides() -> None:
    host = "nameserver 10.0.0.1\nsearch a\noptions b\n"
    assert hostfiles.resolv_conf(host, ("127.0.0.1",), (".",), ("c",)) == "nameserver 127.0.0.1\noptions c\n"


def test_hosts() -> None:
    text = hostfiles.hosts("web.example", ["172.17.0.2"], ("db:10.0.0.5", "gw:host-gateway"), "172.17.0.1", False)
    assert text == "127.0.0.1\tlocalhost\n10.0.0.5\tdb\n172.17.0.1\tgw\n172.17.0.2\tweb.example web\n"


def test_names_are_many_and_valid() -> None:
    found = {names.random_name() for _ in range(2000)}
    assert len(found) > 1990
    for name in found:
        assert options.container_name(name) == name


def test_capabilities_are_resolved_as_docker_does() -> None:
    every = frozenset(capabilities.NAMES)
    resolve = capabilities.resolve
    assert sum(1 << capabilities.NAMES.index(name) for name in resolve((), (), False, every)) == 0xA80425FB
    assert resolve(("ALL",), ("CAP_SYS_ADMIN",), False, every) == every - {"SYS_ADMIN"}
    assert resolve(("net_admin",), ("ALL",), False, every) == {"NET_ADMIN"}
    assert resolve((), (), True, every) == every
    with pytest.raises(UsageError, match="not available"):
        resolve(("SYS_RESOURCE",), (), False, every - {"SYS_RESOURCE"})
    with pytest.raises(UsageError, match="unknown"):
        resolve(("NET_EVERYTHING",), (), False, every)


def test_swap_and_weight_are_dockers() -> None:
    assert [resources.weight(shares) for shares in (2, 1024, 262144)] == [1, 39, 10000]
    limits = Resources(memory=100)
    assert [resources.swap_limit(limits._replace(memory_swap=s)) for s in (0, 150, -1)] == [200, 150, -1]


def _config() -> ContainerConfig:
    return ContainerConfig(
        "ab" * 32,
        "box",
        "bb",
        "/r",
        ("sh", "\udce9"),
        ("A=1",),
        1.5,
        mounts=(Mount("bind", "/a", "/b"),),
        ulimits=(Ulimit("nofile", 1, 2),),
    )


def test_records_come_back_as_they_went(tmp_path: Path) -> None:
    path = str(tmp_path / "config.json")
    records.write_config(path, _config(), False)
    assert records.read_config(path) == _config()
    assert (tmp_path / "config.json").stat().st_mode & 0o777 == 0o600


@given(st.integers(0, 3000), st.integers(0, 255))
@settings(max_examples=150)
def test_a_damaged_record_is_corrupt_or_valid_never_a_crash(at: int, byte: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = f"{directory}/config.json"
        records.write_config(path, _config(), False)
        content = bytearray(Path(path).read_bytes())
        content[at % len(content)] = byte
        Path(path).write_bytes(content if byte % 2 else content[: at % len(content)])
        try:
            assert isinstance(records.read_config(path), ContainerConfig)
        except Corrupt:
            pass


@pytest.mark.parametrize(
    "content", ['{"version": 1, "version": 1}', '{"version": NaN}', "[" * 100000, "null", "\ufeff{}"]
)
def test_strange_json_is_corrupt(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(Corrupt):
        records.read_config(str(path))


def test_quoting_survives_a_shell() -> None:
    import subprocess

    for word in ("a b", "it's", "$(id)", "x;y", "", "ü", "-n", 'q"'):
        done = subprocess.run(["sh", "-c", f"printf %s {files.quote(word)}"], capture_output=True, check=True)
        assert done.stdout.decode() == word


def _lines() -> "st.SearchStrategy[list[str]]":
    verb = st.sampled_from(sorted(VERBS))

    def line(name: str) -> "st.SearchStrategy[list[str]]":
        value = st.sampled_from(["x", "1", "a=b", "-x", "/p:/q", "é"])
        flags = [f for option in VERBS[name].options for f in option.flags]
        word = (
            st.sampled_from(flags or ["-z"])
            | value
            | st.sampled_from(["--", "-", "-it", "--nope", "--name=y", "-aq", "-t5", "--help"])
            | st.sampled_from(["--rm=false", "--sig-proxy=F", "-it=0", "-a=true", "-q=T", "-e=a=b", "-fi=false"])
        )
        return st.lists(word, max_size=7).map(lambda words: [*name.split(), *words])

    return verb.flatmap(line)


@given(_lines())
@settings(max_examples=400)
def test_the_reader_and_click_read_the_same(line: list[str]) -> None:
    read = reader.read(line)
    if read is not None:
        assert commands.parse(line) == read


def test_config_json_is_plain(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    records.write_config(str(path), _config(), False)
    assert json.loads(path.read_text())["version"] == 1
