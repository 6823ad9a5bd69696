"""A networking tutorial's steps, typed with both engines: two containers on the default bridge, one on a network of its own.

Then the steps by hand, with nothing but iproute2 and iptables: a namespace, a cable, the bridge, forwarding, masquerade, DNS.
"""

from typing import TYPE_CHECKING

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, PYRUN, Host

if TYPE_CHECKING:
    from conftest import Docker


class Engine:
    """One of the two, with what each calls in its own way."""

    def __init__(self, host: Host, command: list[str], tree: str, bridge: str, isolation: str) -> None:
        self.host, self.command, self.tree = host, command, tree
        self.bridge, self.isolation = bridge, isolation

    def ok(self, *arguments: str) -> str:
        done = self.host.run([*self.command, *arguments])
        assert done.returncode == 0, done
        return done.stdout.decode()

    def pings(self, source: str, target: str) -> bool:
        return self.host.run([*self.command, "exec", source, "ping", "-c", "1", "-W", "1", target]).returncode == 0

    def sandbox(self, name: str) -> str:
        """Give the network namespace of a container, which only one of the two names."""
        return f"/proc/{self.host.out(self._pid(name)).strip()}/ns/net"

    def _pid(self, name: str) -> str:
        script = "import json, sys; print(json.load(sys.stdin)[0]['State']['Pid'])"
        return f"{' '.join(map(_quoted, [*self.command, 'inspect', name]))} | python3 -c {_quoted(script)}"


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\"'\"'") + "'"


@pytest.fixture(params=["docker", "pyrun"])
def lesson(request: pytest.FixtureRequest, docker: "Docker") -> Engine:
    """con1 and con2 on the default bridge, con3 on testnet."""
    if request.param == "docker":
        engine = Engine(docker.host, docker.command, "tree", "docker0", "DOCKER-ISOLATION-STAGE-2")
    else:
        engine = Engine(docker.host, PYRUN, BUSYBOX, "pyrun0", "PYRUN-ISOLATION-STAGE-2")
    engine.ok("network", "create", "testnet")
    for name, network in (("con1", "bridge"), ("con2", "bridge"), ("con3", "testnet")):
        engine.ok(
            "run", "-d", "--name", name, "--network", network, "--cap-add", "NET_ADMIN", engine.tree, "sleep", "300"
        )
    yield engine
    engine.ok("rm", "-f", "con1", "con2", "con3")
    engine.ok("network", "rm", "testnet")


def _address(engine: Engine, name: str) -> str:
    return engine.host.out(f"nsenter --net={engine.sandbox(name)} ip -o -4 addr show eth0").split()[3].partition("/")[0]


# As it is typed there, for the three containers.
_FILTER = """
filter='Name={{.Name}} Hostname={{.Config.Hostname}} ' &&
filter+='IP={{or .NetworkSettings.IPAddress .NetworkSettings.Networks.testnet.IPAddress}} ' &&
filter+='Mac={{or .NetworkSettings.MacAddress .NetworkSettings.Networks.testnet.MacAddress}} ' &&
filter+='Bridge={{if .NetworkSettings.IPAddress}} docker0 {{else}} testnet {{end}}' &&
docker inspect con1 con2 con3 --format "$filter" | sed 's/=\\//=/g'
"""


def test_the_first_look(lesson: Engine) -> None:
    """The lesson's first command, unchanged."""
    engine = " ".join(map(_quoted, lesson.command))
    told = lesson.host.out(f'docker() {{ {engine} "$@"; }}; {_FILTER}')
    expected = ""
    for name in ("con1", "con2", "con3"):
        address = _address(lesson, name)
        mac = lesson.host.out(f"nsenter --net={lesson.sandbox(name)} ip -br link show eth0").split()[2]
        hostname = lesson.ok("exec", name, "hostname").strip()
        bridge = "testnet" if name == "con3" else "docker0"
        expected += f"Name={name} Hostname={hostname} IP={address} Mac={mac} Bridge= {bridge} \n"
    assert told == expected


def test_each_container_has_a_cable_to_its_bridge(lesson: Engine) -> None:
    """The host's end is known by the number that the container's end shows behind the @, whatever that number is."""
    host = lesson.host
    bridges = {}
    for name in ("con1", "con2", "con3"):
        row = host.out(f"nsenter --net={lesson.sandbox(name)} ip -o link show eth0")
        number = row.split("@if")[1].partition(":")[0]
        port = next(each for each in host.out("ip -o link").splitlines() if each.startswith(f"{number}: "))
        bridges[name] = port.split(" master ")[1].split(" ")[0]
        address = _address(lesson, name)
        mac = "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))
        assert mac in host.out(f"nsenter --net={lesson.sandbox(name)} ip -o link show eth0")
    assert bridges["con1"] == bridges["con2"] == lesson.bridge
    assert bridges["con3"].startswith("br-")


def test_the_two_reach_each_other_and_the_third_is_kept_apart_by_rules(lesson: Engine) -> None:
    """The host does route between its bridges; it is a rule that drops, and its counter tells."""
    first, second, third = (_address(lesson, name) for name in ("con1", "con2", "con3"))
    assert lesson.pings("con1", second)
    assert lesson.pings("con2", first)
    assert lesson.host.shell(f"ping -c 1 -W 1 {third}").returncode == 0
    assert lesson.host.out("cat /proc/sys/net/ipv4/ip_forward") == "1\n"
    before = _dropped(lesson)
    assert not lesson.pings("con1", third)
    assert _dropped(lesson) == before + 1
    assert not lesson.pings("con3", first)
    assert _dropped(lesson) == before + 2


def test_without_the_rule_that_drops_they_would_reach_each_other(lesson: Engine) -> None:
    """A rule of one's own in front of the engine's, instead of flushing FORWARD."""
    third = _address(lesson, "con3")
    user = "DOCKER-USER" if lesson.bridge == "docker0" else "PYRUN-USER"
    back = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"
    lesson.host.out(f"iptables -I {user} 1 -i {lesson.bridge} -d {third} -j ACCEPT; iptables -I {user} 2 {back}")
    try:
        assert lesson.pings("con1", third)
    finally:
        lesson.host.out(f"iptables -D {user} 1; iptables -D {user} 1")
    assert not lesson.pings("con1", third)


def test_the_same_by_hand(lesson: Engine) -> None:
    """A namespace, a cable, the engine's own bridge: the hand-made one takes part as any container does."""
    host = lesson.host
    subnet = host.out(f"ip -o -4 addr show {lesson.bridge}").split()[3]
    gateway, _, prefix = subnet.partition("/")
    own = gateway.rsplit(".", 2)[0] + ".99.9"
    second = _address(lesson, "con2")
    host.out(
        f"ip netns add byhand; ip link add vethhand type veth peer name ceth0; ip link set ceth0 netns byhand;"
        f"ip link set vethhand master {lesson.bridge}; ip link set vethhand up;"
        f"ip -n byhand addr add {own}/{prefix} dev ceth0; ip -n byhand link set lo up; ip -n byhand link set ceth0 up"
    )
    try:
        inside = "ip netns exec byhand"
        assert host.shell(f"{inside} ping -c 1 -W 2 {second}").returncode == 0
        assert host.shell(f"{inside} ping -c 1 -W 1 {INTERNET_ADDRESS}").returncode != 0  # no route yet
        host.out(f"ip -n byhand route add default via {gateway}")
        assert host.shell(f"{inside} ping -c 1 -W 2 {INTERNET_ADDRESS}").returncode == 0  # the engine's rules serve it
    finally:
        host.out("ip netns del byhand")


def test_all_by_hand(lesson: Engine) -> None:
    """A bridge of one's own beside the engine's: isolation does not know it, FORWARD and masquerade have to be told."""
    host = lesson.host
    policy = host.out("iptables -S FORWARD | head -1").strip()
    host.out(
        "ip link add lesson0 type bridge; ip addr add 192.168.77.1/24 dev lesson0; ip link set lesson0 up;"
        "ip netns add byhand; ip link add vethhand type veth peer name ceth0 netns byhand; ip link set vethhand master lesson0;"
        "ip link set vethhand up; ip -n byhand addr add 192.168.77.2/24 dev ceth0; ip -n byhand link set ceth0 up;"
        "ip -n byhand link set lo up; ip -n byhand route add default via 192.168.77.1"
    )
    inside = "ip netns exec byhand"
    rules = ("FORWARD -i lesson0 -j ACCEPT", "FORWARD -o lesson0 -j ACCEPT")
    masquerade = "POSTROUTING -s 192.168.77.0/24 ! -o lesson0 -j MASQUERADE"
    try:
        assert host.shell(f"{inside} ping -c 1 -W 2 192.168.77.1").returncode == 0
        assert host.shell(f"{inside} ping -c 1 -W 1 {INTERNET_ADDRESS}").returncode != 0  # nobody answers that address
        host.out("; ".join(f"iptables -A {rule}" for rule in rules) + f"; iptables -t nat -A {masquerade}")
        assert host.shell(f"{inside} ping -c 1 -W 2 {INTERNET_ADDRESS}").returncode == 0
    finally:
        host.shell("; ".join(f"iptables -D {rule}" for rule in rules) + f"; iptables -t nat -D {masquerade}")
        host.out("ip netns del byhand; ip link del lesson0")
    assert host.out("iptables -S FORWARD | head -1").strip() == policy


def _dropped(engine: Engine) -> int:
    """Count the packets that the isolation rules of the engine have dropped."""
    rows = engine.host.out(f"iptables -t filter -L {engine.isolation} -v -x -n").splitlines()[2:]
    return sum(int(row.split()[0]) for row in rows if row.split()[2] == "DROP")
