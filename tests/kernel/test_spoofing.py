"""T-E8: a container sends under its own addresses only. Frames are made by hand, the victim's kernel is the witness."""

import json
import subprocess
from collections.abc import Iterator

import pytest
import walls
from lab import BUSYBOX, Host, fresh_host, wait_until, without

_FRAMES = """
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(("eth0", 0))
own = s.getsockname()[4]
def mac(text): return bytes.fromhex(text.replace(":", ""))
def ip(text): return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
def arp(sender, address, target, to, source=own, tag=b""):
    body = struct.pack("!HHBBH", 1, 0x800, 6, 4, 2) + sender + ip(address) + mac(to) + ip(target)
    s.send((mac(to) + source + tag + b"\\x08\\x06" + body).ljust(60, b"\\0"))
def total(data):
    data += bytes(len(data) % 2)
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    value = (value & 0xFFFF) + (value >> 16)
    return ~(value + (value >> 16)) & 0xFFFF
def udp(address, target, to, source=own):
    load = struct.pack("!HHHH", 9, 7001, 12, 0) + b"fake"
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(load), 1, 0, 64, 17, 0) + ip(address) + ip(target)
    head = head[:10] + struct.pack("!H", total(head)) + head[12:]
    s.send((mac(to) + source + b"\\x08\\x00" + head + load).ljust(60, b"\\0"))
def six(address, target, to, kind, load, at, hops=255):
    pseudo = ip(address) + ip(target) + struct.pack("!II", len(load), kind)
    load = load[:at] + struct.pack("!H", total(pseudo + load)) + load[at + 2 :]
    head = struct.pack("!IHBB", 6 << 28, len(load), kind, hops) + ip(address) + ip(target)
    s.send(mac(to) + own + b"\\x86\\xdd" + head + load)
def udp6(address, target, to):
    six(address, target, to, 17, struct.pack("!HHHH", 9, 7001, 12, 0) + b"fake", 6)
def advertise(address, target, to, about):
    six(address, target, to, 58, struct.pack("!BBHI", 136, 0, 0, 0x60000000) + ip(about) + b"\\x02\\x01" + own, 2)
def router(address, target, to):
    six(address, target, to, 58, struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), 2)
"""
_WITNESS = """
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
s.bind(("::", 7001))
print("ready", flush=True)
while True: print(s.recvfrom(100)[1][0], flush=True)
"""


class Alley:
    """A network with somebody evil, a victim, and a third whose addresses are claimed."""

    def __init__(self, host: Host, guarded: bool) -> None:
        self.host, self.guarded = host, guarded
        walls.give_ipv6(host)
        options = ["--subnet", "10.1.0.0/16", "--subnet", "fd00:1::/64", "-o", f"antispoofing={guarded}"]
        host.ok("network", "create", "--ipv6", *options, "alley")
        for name in ("evil", "victim", "third"):
            host.ok("run", "-d", "--name", name, "--net", "alley", BUSYBOX, "sleep", "900")
        host.out(f"ip netns exec pyrun-victim ping -c 1 {self.address('third', 4)}")
        host.out(f"ip netns exec pyrun-victim ping -c 1 {self.address('third', 6)}")

    def address(self, name: str, family: int) -> str:
        return walls.address(self.host, name, family)

    def mac(self, name: str) -> str:
        return str(json.loads(self.host.out(f"ip -n pyrun-{name} -j link show dev eth0"))[0]["address"])

    def send(self, call: str) -> None:
        """Send a frame as evil, then an honest ping, which arrives later than the frame would have."""
        done = self.host.run(["ip", "netns", "exec", "pyrun-evil", "python3", "-c", f"{_FRAMES}\n{call}"])
        assert done.returncode == 0, done
        self.host.out(f"ip netns exec pyrun-evil ping -c 1 -W 5 {self.address('victim', 4)}")

    def believed(self, address: str) -> str:
        """Give the link-layer address that the victim takes an address to be at."""
        found = json.loads(self.host.out("ip -n pyrun-victim -j neigh show dev eth0"))
        return next((str(each["lladdr"]) for each in found if each["dst"] == address and "lladdr" in each), "")


@pytest.fixture(scope="module", params=[True, False], ids=["guarded", "open"])
def alley(private_host: None, request: pytest.FixtureRequest) -> Iterator[Alley]:
    """Each attack is tried where it is stopped, and where it is not: so it is one."""
    with fresh_host() as host:
        yield Alley(host, request.param)


@pytest.mark.parametrize("tag", ["", "0", "00"], ids=["plain", "tagged", "tagged-twice"])
def test_arp_for_another(alley: Alley, tag: str) -> None:
    """A priority tag is taken off by whoever gets the frame, so it must not hide what is inside."""
    third = alley.address("third", 4)
    alley.host.out(f"ip -n pyrun-victim neigh replace {third} lladdr {alley.mac('third')} nud stale dev eth0")
    tags = {"": 'b""', "0": 'b"\\x81\\x00\\0\\0"', "00": 'b"\\x81\\x00\\0\\0\\x81\\x00\\0\\0"'}[tag]
    to = f'"{alley.address("victim", 4)}", "{alley.mac("victim")}"'
    alley.host.out("ip netns exec pyrun-victim sysctl -qw net.ipv4.neigh.eth0.locktime=0")
    alley.send(f'arp(own, "{third}", {to}, tag={tags})')
    assert alley.believed(third) == alley.mac("third" if alley.guarded else "evil")


def test_a_frame_from_anothers_link_layer_address_moves_nothing(alley: Alley) -> None:
    """The bridge would send what is for the third to evil from now on, whatever the frame is of."""
    third = alley.mac("third")
    alley.send(f's.send(mac("{alley.mac("victim")}") + mac("{third}") + b"\\x88\\xb5" + bytes(46))')  # of an experiment
    shown = json.loads(alley.host.out(f"bridge -j fdb show br {_bridge(alley.host)}"))
    port = next(entry["ifname"] for entry in shown if entry["mac"] == third)
    owner = next(
        link["ifname"] for link in json.loads(alley.host.out("ip -j link")) if link.get("ifalias") == "pyrun:third"
    )
    assert (port == owner) == alley.guarded
    alley.host.out("ip -n pyrun-victim neigh flush dev eth0")
    alley.host.out(f"ip netns exec pyrun-third ping -c 1 -W 5 {alley.address('victim', 4)}")  # and all is well again


def _bridge(host: Host) -> str:
    return str(json.loads(host.out("ip -j link show type bridge"))[0]["ifname"])


@pytest.mark.parametrize(("call", "family"), [("udp", 4), ("udp6", 6)])
def test_packets_from_anothers_address(alley: Alley, call: str, family: int) -> None:
    third, victim = alley.address("third", family), alley.address("victim", family)
    enter = ["ip", "netns", "exec", "pyrun-victim"]
    witness = alley.host.start([*enter, "python3", "-c", _WITNESS], stdout=subprocess.PIPE)
    assert witness.stdout
    assert witness.stdout.readline() == b"ready\n"
    alley.send(f'{call}("{third}", "{victim}", "{alley.mac("victim")}")')
    own = alley.address("evil", family)
    alley.send(f'{call}("{own}", "{victim}", "{alley.mac("victim")}")')  # the same frame, but true
    expected = [own] if alley.guarded else [third, own]
    got = [witness.stdout.readline().decode().strip().removeprefix("::ffff:") for _ in expected]
    witness.kill()
    witness.communicate()
    assert got == expected


def test_neighbour_advertisement_for_another(alley: Alley) -> None:
    third, victim = alley.address("third", 6), alley.address("victim", 6)
    alley.host.out(f"ip -n pyrun-victim neigh replace {third} lladdr {alley.mac('third')} nud stale dev eth0")
    alley.send(f'advertise("{alley.address("evil", 6)}", "{victim}", "{alley.mac("victim")}", "{third}")')
    assert alley.believed(third) == alley.mac("third" if alley.guarded else "evil")


def test_router_advertisement_reaches_no_neighbour(alley: Alley) -> None:
    local = walls.address(alley.host, "evil", 6, scope="link")
    alley.send(f'router("{local}", "ff02::1", "33:33:00:00:00:01")')
    routes = alley.host.out("ip -n pyrun-victim -6 route show default")
    assert ("proto ra" in routes) == (not alley.guarded)


def test_asking_whether_an_address_is_free_gets_an_answer(alley: Alley) -> None:
    """Probes without an address of one's own (RFC 5227, RFC 4862) pass: a taken address is found to be so."""
    third = alley.address("third", 6)
    alley.host.out("ip netns exec pyrun-evil sysctl -qw net.ipv6.conf.eth0.accept_dad=1 net.ipv6.conf.all.accept_dad=1")
    alley.host.out(f"ip -n pyrun-evil addr add {third}/64 dev eth0")
    wait_until(lambda: "dadfailed" in alley.host.out("ip -n pyrun-evil -6 addr show dev eth0"))
    alley.host.out(f"ip -n pyrun-evil addr del {third}/64 dev eth0")


def test_what_was_dropped_is_counted_by_the_rule_that_names_it(alley: Alley) -> None:
    if not alley.guarded:
        assert alley.host.shell("nft list table bridge pyrun").returncode != 0
        return
    alley.send(f'udp("10.1.0.99", "{alley.address("victim", 4)}", "{alley.mac("victim")}")')
    rules = alley.host.out("nft list chain bridge pyrun prerouting")
    counts = [line for line in rules.splitlines() if "from another's IPv4 address" in line]
    assert len(counts) == 1
    assert "packets 0 " not in counts[0]


def test_elements_come_with_the_plug_and_go_with_it(host: Host) -> None:
    before = host.settled()
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "900")
    veth = json.loads(host.out("ip -j link show master pyrun0"))[0]["ifname"]
    elements = host.out("nft list table bridge pyrun")
    assert f'"{veth}" . 02:42:ac:11:00:02 . 172.17.0.2' in elements
    assert '"AntiSpoofing": true' in host.ok("network", "inspect", "bridge")
    host.ok("run", "-d", "--name", "other", BUSYBOX, "sleep", "900")
    host.ok("rm", "-f", "box")
    left = host.out("nft list table bridge pyrun")
    assert veth not in left
    assert "172.17.0.3" in left
    host.ok("rm", "-f", "other")
    assert host.settled() == before


# Writes down each cable that is there while its elements are not, before each operation of this process.
_LOOK = """
from pyrun import operation
import subprocess
def look(side, made):
    if side != "host":
        return
    links = subprocess.run(["ip", "-o", "link", "show", "type", "veth"], capture_output=True, text=True).stdout
    names = {line.split()[1].partition("@")[0] for line in links.splitlines()}
    listed = subprocess.run(["nft", "list", "set", "bridge", "pyrun", "cables"], capture_output=True, text=True).stdout
    for name in names:
        if name.startswith("veth"):
            open("/run/seen", "a").write(f"{name in listed} {type(made).__name__} {name}\\n")
operation.observers.append(look)
"""


def test_a_cable_is_watched_from_before_it_is_there_until_it_is_gone(host: Host) -> None:
    """Else there were a moment in which it may send what it likes; ip and nft are the witnesses."""
    watching = without(_LOOK)
    host.ok("network", "create", "net1")
    for words in (
        ["run", "-d", "--name", "one", "--net", "bridge", BUSYBOX, "sleep", "300"],
        ["network", "connect", "net1", "one"],
        ["network", "disconnect", "net1", "one"],
    ):
        done = host.run([*watching, *words])
        assert done.returncode == 0, done
    seen = host.out("cat /run/seen").splitlines()
    assert {line.split()[0] for line in seen} == {"True"}
    assert {"SetUp", "DeleteLink"} <= {line.split()[1] for line in seen}
    host.ok("rm", "-f", "one")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_plug_begins_to_be_watched_nothing_is_left(host: Host, moment: str) -> None:
    """SIGKILL of the monitor right before or after its elements are added: the journal names them already."""
    host.ok("network", "create", "net1")
    before = host.settled()
    order = {"before": "(end(), whole(self))", "after": "(whole(self), end())"}[moment]
    injected = "import os; from pyrun.firewall.guard import AddSenders as made; whole = made.apply"
    killed = without(f"{injected}; end = lambda: os.kill(os.getpid(), 9); made.apply = lambda self: {order}")
    assert host.run([*killed, "run", "-d", "--name", "one", "--net", "net1", BUSYBOX, "sleep", "300"]).returncode == 125
    assert ('"veth' in host.out("nft list set bridge pyrun cables")) == (moment == "after")
    host.ok("ps", "-a")
    assert host.settled() == before


@pytest.mark.parametrize(
    "broken",
    [
        "nft delete table bridge pyrun",
        "nft flush chain bridge pyrun prerouting",
        "nft flush set bridge pyrun holders4",
        'nft "add element bridge pyrun cables { \\"vethdead\\" }"',
    ],
)
def test_the_next_command_repairs(host: Host, broken: str) -> None:
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "900")
    before = host.out("nft -s list table bridge pyrun")
    host.out(broken)
    assert host.shell("nft -s list table bridge pyrun").stdout.decode() != before
    host.ok("ps")
    assert host.out("nft -s list table bridge pyrun") == before
    assert host.ok("exec", "box", "ping", "-c", "1", "-W", "5", "172.17.0.1")


def test_without_nft_it_is_said_that_nothing_is_watched(host: Host) -> None:
    host.out("mount --bind /dev/null /usr/sbin/nft")
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "900")
    assert '"AntiSpoofing": false' in host.ok("network", "inspect", "bridge")
