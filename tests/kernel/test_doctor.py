"""`pyrun doctor` names what is broken, why, and what helps; its fix makes it well; and it changes nothing itself."""

import json
import os
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, PYRUN, TYPED, Done, Host

_TYPED = f'pyrun() {{ {TYPED} "$@"; }};'
_AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]


def _look(done: Done) -> list[dict[str, str]]:
    assert done.stderr == b"", done
    return [json.loads(line) for line in done.stdout.splitlines()]


def troubles(host: Host) -> list[dict[str, str]]:
    """Give what is not as it should be."""
    return _look(host.pyrun("doctor", "-q", "--format", "json"))


def spoken(host: Host, verdict: str, about: str) -> dict[str, str]:
    found = [line for line in troubles(host) if (line["Verdict"], line["About"]) == (verdict, about)]
    assert len(found) == 1, troubles(host)
    return found[0]


@pytest.fixture(scope="module")
def inhabited(shared_host: Host) -> Iterator[Host]:
    """A host with a container on the bridge and one on a network of somebody's own."""
    shared_host.ok("network", "create", "lab")
    shared_host.ok("run", "-d", "--name", "web", BUSYBOX, "sleep", "600")
    shared_host.ok("run", "-d", "--name", "db", "--net", "lab", BUSYBOX, "sleep", "600")
    shared_host.ok("ps")
    yield shared_host
    shared_host.ok("rm", "-f", "web", "db")


@pytest.fixture(scope="module")
def usual(inhabited: Host) -> list[dict[str, str]]:
    """What of the machine itself is not as it might be, as swap that is not counted: no failure is among it."""
    found = troubles(inhabited)
    assert [line for line in found if line["Verdict"] != "warn"] == []
    return found


def test_a_clean_host_is_well_and_is_left_as_it_was(inhabited: Host, usual: list[dict[str, str]]) -> None:
    before = _lasting(inhabited)
    done = inhabited.pyrun("doctor")
    assert (done.returncode, done.stderr) == (1 if usual else 0, b""), done
    assert done.stdout.decode().endswith("\nAll is well.\n") or usual
    assert _lasting(inhabited) == before


def _lasting(host: Host) -> dict[str, str]:
    """Give a snapshot without processes: a monitor executes something smaller after a while."""
    return {name: content for name, content in host.snapshot().items() if name != "processes"}


# What is broken, how it is undone where the fix is no command that does it; the line that has to be there.
_BROKEN = {
    "packets, addresses and strays": [
        ("sysctl -qw net.ipv4.ip_forward=0", "", "fail", "ip_forward", "is off"),
        ("iptables -F PYRUN-FORWARD", "", "fail", "own rules", "missing"),
        ("iptables-legacy -A FORWARD -s 192.0.2.1 -j DROP", "iptables-legacy -F", "warn", "variants", "legacy"),
        (
            "ip link add over0 type veth peer name over1; ip addr add 172.17.5.1/24 dev over0; ip link set over0 up",
            "ip link delete over0",
            "fail",
            "overlaps",
            "172.17.5.0/24",
        ),
        ("ip route delete default", "ip route add default via 198.51.100.1", "warn", "default route", "not there"),
        (
            "echo nameserver 127.0.0.1 > /run/resolv && mount --bind /run/resolv /etc/resolv.conf",
            "umount /etc/resolv.conf",
            "warn",
            "name servers",
            "only 127.0.0.1",
        ),
        (
            "ip link add lost0 type veth peer name lost1; ip link set lost0 alias pyrun-lost",
            "",
            "warn",
            "strays",
            "link lost0",
        ),
        ("ln -s /proc/1/ns/net /run/netns/pyrun-nobody", "", "warn", "strays", "/run/netns/pyrun-nobody"),
        (
            f"for top in $(find /sys/fs/cgroup -type d -name pyrun); do mkdir $top/{'a' * 64}; done",
            "",
            "warn",
            "strays",
            "control group aaaaaaaaaaaa",
        ),
        ("mkdir -p /run/pyrun/containers/gone", "", "warn", "strays", "directory /run/pyrun/containers/gone"),
    ],
    "a bridge switched off, and a rule of nft": [
        ("ip link set pyrun0 down", "", "fail", "network bridge", "is cut off"),
        (
            "nft 'add table inet odd; add chain inet odd way { type filter hook forward priority 1; };"
            ' add rule inet odd way iifname "up0" reject\'',
            "nft delete table inet odd",
            "fail",
            "forwarding of lab",
            "back from the outside",
        ),
    ],
    "a lost gateway, and a rule of legacy iptables": [
        ("ip addr flush dev pyrun0 scope global", "", "fail", "network bridge", "has no gateway"),
        ("iptables-legacy -A FORWARD -j DROP", "iptables-legacy -F", "fail", "forwarding of lab", "are stopped"),
    ],
    "what is missing": [
        (
            "mount -t tmpfs -o size=1M full /mnt && cp -a /var/lib/pyrun/names /var/lib/pyrun/networks /mnt &&"
            " for c in $(ls /var/lib/pyrun/containers); do mkdir -p /mnt/containers/$c;"
            " cp /var/lib/pyrun/containers/$c/*.json /mnt/containers/$c; done && mount --bind /mnt /var/lib/pyrun",
            "umount /var/lib/pyrun /mnt",
            "fail",
            "space",
            "are free under /var/lib/pyrun",
        ),
        ("mount --bind /dev/null /usr/sbin/nft", "umount /usr/sbin/nft", "warn", "tool", "nft is not there"),
        (
            "mount -t tmpfs no /proc/sys/kernel/seccomp",
            "umount /proc/sys/kernel/seccomp",
            "fail",
            "seccomp",
            "cannot be loaded",
        ),
    ],
}


@pytest.mark.parametrize("what", _BROKEN)
def test_what_is_broken_is_named_and_its_fix_mends_it(inhabited: Host, what: str, usual: list[dict[str, str]]) -> None:
    for broken, *_ in _BROKEN[what]:
        inhabited.out(broken)
    found = troubles(inhabited)
    for _, undone, verdict, about, word in _BROKEN[what]:
        told = [line for line in found if (line["Verdict"], line["About"]) == (verdict, about) and word in line["Text"]]
        inhabited.out(undone or f"{_TYPED} {told[0]['Fix'] if told else 'pyrun ps'}")
        assert len(told) == 1, (about, found)
        assert told[0]["Cause"]
        assert told[0]["Fix"]
    assert troubles(inhabited) == usual


def test_rules_that_stop_packets_are_named_and_let_them_pass_after_the_fix(inhabited: Host) -> None:
    """The way that doctor tells is the way that packets go: a container is the witness."""
    inhabited.out(
        "nft 'add table inet strange; add chain inet strange way { type filter hook forward priority 1; policy drop; }'"
    )
    ping = ("exec", "web", "ping", "-c1", "-W")
    try:
        found = spoken(inhabited, "fail", "forwarding of bridge")
        assert found["Cause"] == "nft inet strange way, policy: policy drop"
        assert inhabited.pyrun(*ping, "1", INTERNET_ADDRESS).returncode == 1
        inhabited.out(found["Fix"])
        assert inhabited.pyrun(*ping, "10", INTERNET_ADDRESS).returncode == 0
    finally:
        inhabited.out("nft delete table inet strange")


def test_without_root_it_says_what_it_cannot_see(inhabited: Host) -> None:
    done = inhabited.run([*_AS_NOBODY, *PYRUN, "doctor", "--format", "json"])
    found = _look(done)
    assert done.returncode == 1, done
    assert {line["Verdict"] for line in found if line["About"] == "root"} == {"warn"}
    assert {"namespaces", "records", "left-overs", "forwarding"} <= {
        line["About"] for line in found if line["Verdict"] == "unseen"
    }
    assert not [line for line in found if line["Verdict"] == "fail"]


def test_without_a_capability_it_says_which_feature_is_missing(inhabited: Host) -> None:
    bound = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    done = inhabited.run([*bound, *PYRUN, "doctor", "-q", "--format", "json"])
    assert done.returncode == 2
    assert {"bridge", "veth", "rules"} <= {line["About"] for line in _look(done) if line["Verdict"] == "fail"}


def test_without_control_groups_it_says_so(inhabited: Host) -> None:
    inhabited.out("mount -t tmpfs none /sys/fs/cgroup")
    try:
        assert spoken(inhabited, "fail", "mode")["Text"] == "none"
    finally:
        inhabited.out("umount /sys/fs/cgroup")


def test_damaged_records_are_named_and_stop_nothing(inhabited: Host, usual: list[dict[str, str]]) -> None:
    identity = inhabited.ok("run", "-d", "--name", "spoiled", BUSYBOX, "true").strip()
    inhabited.ok("wait", "spoiled")
    inhabited.out(f"echo '{{' > /var/lib/pyrun/containers/{identity}/config.json")
    inhabited.out("echo x > /var/lib/pyrun/networks/torn.json; echo 'abc: busy' > /var/lib/pyrun/problems.log")
    found = [line for line in troubles(inhabited) if line not in usual]
    assert [line["Verdict"] for line in found] == ["warn"] * 3, found
    for line in found:
        inhabited.out(f'pyrun() {{ {TYPED} "$@"; }}; {line["Fix"]}')
    inhabited.out("rm /root/torn.json")
    assert troubles(inhabited) == usual


def test_left_overs_are_told_and_stay_until_the_fix(inhabited: Host, usual: list[dict[str, str]]) -> None:
    identity = inhabited.ok("run", "-d", "--name", "orphan", "--rm", BUSYBOX, "sleep", "600").strip()
    inhabited.kill_monitor("orphan")
    inhabited.kill_programs(identity)
    found = spoken(inhabited, "warn", "left-overs")
    assert identity[:12] in found["Text"]
    assert os.path.exists(f"/proc/{inhabited.pid}/root/run/pyrun/containers/{identity}")
    assert found["Fix"] == "pyrun ps"
    inhabited.ok("ps")
    assert troubles(inhabited) == usual


def test_a_mount_of_nobody_is_named(inhabited: Host, usual: list[dict[str, str]]) -> None:
    inhabited.out("mkdir -p /run/pyrun/containers/gone/root; mount -t tmpfs no /run/pyrun/containers/gone/root")
    for line in [line for line in troubles(inhabited) if line["About"] == "strays"]:
        inhabited.out(line["Fix"])
    assert troubles(inhabited) == usual


def test_colours_are_for_terminals_alone(inhabited: Host) -> None:
    inhabited.out("sysctl -qw net.ipv4.ip_forward=0")
    line = f"script -qec '{TYPED.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))} doctor -q' /dev/null"
    try:
        assert "\x1b[31mFAIL" in inhabited.shell(f"TERM=xterm {line}").stdout.decode()
        assert "\x1b" not in inhabited.shell(f"NO_COLOR=1 TERM=xterm {line}").stdout.decode()
        assert "\x1b" not in inhabited.pyrun("doctor").stdout.decode()
    finally:
        inhabited.ok("ps")
