"""What no network can be is refused in one line, with nothing changed; what is odd but possible is made."""

import json

import pytest
from lab import BUSYBOX, TYPED, Host, without

_NAME = "com.docker.network.bridge.name"
_LOST = "from pyrun.network import design; design._bridge_name = lambda text: 'lo'"  # as if one came meanwhile


def _refused(host: Host, *arguments: str) -> str:
    before = host.snapshot(), host.out("find /run")
    done = host.pyrun(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1), done
    assert (host.snapshot(), host.out("find /run")) == before
    return done.stderr.decode().removeprefix("pyrun: ").rstrip("\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--subnet 0.0.0.0/0", "subnet: 0.0.0.0/0: pool overlaps with every other address"),
        ("--ipv6 --subnet ::/0", "subnet: ::/0: pool overlaps with every other address"),
        ("--subnet 224.1.0.0/24", "subnet: 224.1.0.0/24: has addresses that no container can have"),
        ("--subnet 0.0.0.0/8", "subnet: 0.0.0.0/8: has addresses that no container can have"),
        ("--ipv6 --subnet ff05::/64", "subnet: ff05::/64: has addresses that no container can have"),
        ("--subnet 10.1.0.4/32", "subnet: 10.1.0.4/32: has no address for a container"),
        ("--subnet 10.1.0.4/32 --gateway 10.1.0.4", "subnet: 10.1.0.4/32: has no address for a container"),
        ("--ipv6 --subnet fd00:4::4/128", "subnet: fd00:4::4/128: has no address for a container"),
    ],
)
def test_a_subnet_that_no_container_could_use_is_refused(shared_host: Host, line: str, words: str) -> None:
    assert words in _refused(shared_host, "network", "create", *line.split(), "x")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a=10.1.0.0", "a=10.1.0.0"),
        ("a=10.1.0.7", "a=10.1.0.7"),
        ("a=10.1.0.1", "a=10.1.0.1"),
        ("a=10.1.0.3 --gateway 10.1.0.3", "a=10.1.0.3"),
        ("a=10.1.0.4 --ip-range 10.1.0.4/30", "a=10.1.0.4"),
        ("a=10.1.0.2 --aux-address b=10.1.0.2", "b=10.1.0.2"),
        ("a=fd00:4:: --ipv6 --subnet fd00:4::/64", "a=fd00:4::"),
        ("a=fd00:4::1 --ipv6 --subnet fd00:4::/64", "a=fd00:4::1"),
    ],
)
def test_an_auxiliary_address_that_somebody_has_is_refused(shared_host: Host, line: str, words: str) -> None:
    told = _refused(shared_host, "network", "create", "--subnet", "10.1.0.0/29", "--aux-address", *line.split(), "x")
    assert told == f"aux-address: {words}: the address is already in use"


def test_the_addresses_of_a_network_add_up_beside_auxiliary_ones(host: Host) -> None:
    """Of one name the last is meant, as with Docker; the bridge has the address that it would have without them."""
    line = "--subnet 10.1.0.0/29 --aux-address a=10.1.0.2 --aux-address a=10.1.0.3 --aux-address b=10.1.0.4 x"
    host.ok("network", "create", *line.split())
    told = json.loads(host.ok("network", "inspect", "x"))[0]
    assert told["IPAM"]["Config"][0]["Gateway"] == "10.1.0.1"
    assert told["IPAM"]["Config"][0]["AuxiliaryAddresses"] == {"a": "10.1.0.3", "b": "10.1.0.4"}
    use = told["Status"]["IPAM"]["Subnets"]["10.1.0.0/29"]
    assert (use["IPsInUse"], use["DynamicIPsAvailable"]) == (5, 3)
    assert use["FreeAddresses"] == ["10.1.0.2", "10.1.0.5-10.1.0.6"]


@pytest.mark.parametrize("line", ["--subnet 10.1.0.4/31", "--ipv6 --subnet fd00:4::4/127", "--subnet 10.1.0.4/30"])
def test_a_subnet_for_one_container_is_made(host: Host, line: str) -> None:
    host.ok("network", "create", *line.split(), "x")
    host.ok("run", "--rm", "--network", "x", BUSYBOX, "true")
    host.ok("network", "rm", "x")


def test_the_name_of_a_bridge_that_another_network_has_is_refused(host: Host) -> None:
    """Whether that one stands or not: after a reboot none does, and `bridge` stands while containers are on it."""
    line = ("network", "create", "-o")
    assert f"opt: {_NAME}: pyrun0: network bridge has it" in _refused(host, *line, f"{_NAME}=pyrun0", "x")
    host.ok(*line, f"{_NAME}=foo", "first")
    assert f"opt: {_NAME}: foo: network first has it" in _refused(host, *line, f"{_NAME}=foo", "x")
    host.out("rm -rf /run/pyrun; ip link del foo; nft flush ruleset")
    assert f"opt: {_NAME}: foo: network first has it" in _refused(host, *line, f"{_NAME}=foo", "x")
    host.ok("run", "--rm", "--network", "first", BUSYBOX, "true")


@pytest.mark.parametrize("tool", ["iptables", "nftables"])
def test_names_of_bridges_mean_nothing_to_the_tools_for_rules(host: Host, tool: str) -> None:
    """What does is refused with either of them: a network may be made anew with the other one."""
    before = host.settled()
    for name in ("a,b", "a#b", "#ab", "a@b", "a=b", "a(b", "a&b", "a|b", "a?b", "a~b", "a<b", "a[1]", "^x", "all", "ä"):
        done = host.shell(f"PYRUN_FIREWALL={tool} {TYPED} network create -o '{_NAME}={name}' x")
        assert (done.returncode, done.stdout) == (1, b""), done
        words = f"pyrun: opt: {_NAME}: not a name for a link: at most 15 of [a-zA-Z0-9_.-]\n"
        assert done.stderr.decode() == words
    for name in ("a.b", "a-b", "a_b", ".x", "0"):
        host.out(f"PYRUN_FIREWALL={tool} {TYPED} network create -o {_NAME}={name} x")
        host.ok("run", "--rm", "--network", "x", BUSYBOX, "true")
        host.ok("network", "rm", "x")
    assert host.settled() == before


def test_nothing_is_left_of_a_network_that_cannot_be_made(host: Host) -> None:
    before = host.settled()
    done = host.run([*without(_LOST), "network", "create", "x"])
    assert (done.returncode, done.stderr) == (1, b"pyrun: network: lo: a link of that name exists and is not ours\n")
    assert host.snapshot() == before
    assert host.shell("ls /run/pyrun").returncode != 0


def test_nothing_is_left_of_a_network_that_cannot_be_written_down(host: Host) -> None:
    host.out("mount -o remount,size=64k /var/lib/pyrun")
    before = host.settled()
    host.shell("head -c 1m /dev/zero > /var/lib/pyrun/full")
    done = host.pyrun("network", "create", "x")
    assert done.returncode != 0, done
    assert b"no space left on device" in done.stderr
    host.out("rm /var/lib/pyrun/full")
    assert host.snapshot() == before
    assert host.shell("ls /run/pyrun").returncode != 0
