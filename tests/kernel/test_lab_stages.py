"""`pyrun lab start bridge`, as a learner goes through it: commands typed on a terminal, and what is said of them."""

import os
from collections.abc import Iterator

import pytest
from lab import PYRUN, Host, wait_until
from learner import Learner, graded, stage

_STAGES = ["namespace", "veth", "bridge", "addresses", "up", "route", "forwarding", "masquerade", "dns"]
_RESOLV = "mkdir -p /etc/netns/box && echo nameserver {} > /etc/netns/box/resolv.conf"
# A wrong attempt and the reproach that it gets, for each stage, and what makes it right.
_WAYS = [
    ("namespace", "touch /run/netns/box", "a mere file, no namespace", "ip netns delete box; ip netns add box"),
    (
        "veth",
        "ip link add veth0 type veth peer name eth0",
        "both of its ends lie on the host: one of them has to go into box",
        "ip link set eth0 netns box",
    ),
    ("bridge", "ip link add br0 type bridge", "veth0 is no port of br0", "ip link set veth0 master br0"),
    (
        "addresses",
        "ip address add 10.0.0.1/24 dev veth0",
        "veth0 has 10.0.0.1/24, but it is a mere port",
        "ip address flush dev veth0; ip address add 10.0.0.1/24 dev br0; ip -n box address add 10.0.0.2/24 dev eth0",
    ),
    (
        "up",
        "ip link set br0 up; ip link set veth0 up",
        "eth0 in box, the inner end of the cable, is switched off",
        "ip -n box link set eth0 up; ip -n box link set lo up",
    ),
    (
        "route",
        "ip -n box route add default via 10.0.0.9",
        "names 10.0.0.9, which nobody has (the bridge has 10.0.0.1)",
        "ip -n box route replace default via 10.0.0.1",
    ),
    (
        "forwarding",
        "sysctl -w net.ipv4.conf.br0.forwarding=1",
        "what comes in by up0 is not passed on",
        "sysctl -w net.ipv4.ip_forward=1",
    ),
    (
        "masquerade",
        "iptables -t nat -A POSTROUTING -s 10.9.0.0/24 -j MASQUERADE",
        "rule 1 does not match a packet from 10.0.0.2 to 203.0.113.80",
        "iptables -t nat -A POSTROUTING -s 10.0.0.0/24 -o up0 -j MASQUERADE",
    ),
    ("dns", _RESOLV.format("10.0.0.1"), "the name server 10.0.0.1: connection refused", _RESOLV.format("203.0.113.53")),
]
# Mistakes beside those, made when everything before is right: how they are made, what is said, and how they are mended.
_MISTAKES = [
    (
        "veth",
        "ip link delete veth0; ip -n box link add in0 type veth peer name in1",
        "both ends of the cable lie in box (in1, in0)",
        "ip -n box link delete in0",
    ),
    (
        "veth",
        "ip link delete veth0; ip link add link up0 name t0 type macvlan",
        "t0 is of the kind macvlan: it has no other end",
        "ip link delete t0",
    ),
    ("bridge", "ip link set up0 master br0", "up0, the way out, is a port of a bridge", "ip link set up0 nomaster"),
    (
        "addresses",
        "ip -n box address flush dev eth0; ip -n box address add 10.0.1.2/24 dev eth0",
        "are not in the same subnet",
        "ip -n box address flush dev eth0",
    ),
    (
        "addresses",
        "ip -n box address add 10.0.0.1/24 dev eth0",
        "both have 10.0.0.1",
        "ip -n box address flush dev eth0; ip -n box address add 10.0.0.2/24 dev eth0",
    ),
    (
        "route",
        "ip -n box route replace default dev eth0",
        "leads to eth0 without a gateway",
        "ip -n box route replace default via 10.0.0.1",
    ),
    (
        "route",
        "ip -n box route add blackhole 203.0.113.0/24",
        "203.0.113.80 is not sent there: refused: a blackhole",
        "ip -n box route delete blackhole 203.0.113.0/24",
    ),
    (
        "forwarding",
        "iptables -A FORWARD -i up0 -j DROP",
        "a rule stops packets from up0 to br0: iptables filter FORWARD, rule 1: -i up0 -j DROP",
        "iptables -F FORWARD",
    ),
    (
        "masquerade",
        "iptables -t nat -I POSTROUTING -s 10.0.0.2 -j SNAT --to-source 192.0.2.7",
        "gives packets the source 192.0.2.7, and the host's on up0 is 198.51.100.2",
        "iptables -t nat -D POSTROUTING 1",
    ),
    (
        "masquerade",
        "ip route delete default",
        "the host's own default route by 198.51.100.1 is gone",
        "ip route add default via 198.51.100.1",
    ),
    (
        "dns",
        "rm -r /etc/netns/box",
        "box asks 127.0.0.53: that is the loopback of box itself",
        _RESOLV.format("203.0.113.53"),
    ),
]


@pytest.fixture(scope="module")
def learner(shared_host: Host) -> Iterator[Learner]:
    """Somebody in a lab, whom start has brought there."""
    before = shared_host.snapshot()
    learner = Learner(shared_host, "start", "bridge")
    yield learner
    shared_host.pyrun("lab", "stop")
    learner.close()
    assert shared_host.snapshot() == before


def _reach(host: Host, name: str) -> None:
    """Let all stages before this one be done."""
    grade = graded(host)
    for each in grade["Stages"][: _STAGES.index(name)]:
        if not each["Done"]:
            host.ok("lab", "solve", each["Name"])


def test_start_tells_what_to_do_and_the_prompt_shows_the_way(learner: Learner) -> None:
    assert "In nine stages you make" in learner.greeting
    assert "Stage 1: A network of its own" in learner.greeting
    assert "lab bridge 0/9" in learner.greeting


def test_there_is_one_lab_and_it_is_named(learner: Learner, shared_host: Host) -> None:
    done = shared_host.pyrun("lab", "start", "broken")
    assert (done.returncode, b"lab: bridge is running already" in done.stderr) == (1, True), done


@pytest.mark.parametrize(("name", "wrong", "reproach", "right"), _WAYS)
def test_a_stage_by_hand(learner: Learner, name: str, wrong: str, reproach: str, right: str) -> None:
    _reach(learner.host, name)
    learner.types(wrong)
    told = " ".join(learner.types(f"pyrun lab check {name}").split())
    assert reproach in told, told
    assert not stage(learner.host, name)["Done"]

    learner.types(right)
    found = stage(learner.host, name)
    assert (found["Done"], found["Wrong"], found["Points"]) == (True, [], 10), found
    assert f"lab bridge {found['Number']}/9" in learner.types("true") + learner.until("# ")


def test_in_the_end_a_page_opens_by_its_name(learner: Learner) -> None:
    _reach(learner.host, "dns")
    if not stage(learner.host, "dns")["Done"]:
        learner.host.ok("lab", "solve", "dns")
    get = "exec 3<>/dev/tcp/www.example.test/80; echo GET / >&3; cat <&3"
    assert "It works." in learner.types(f"ip netns exec box bash -c '{get}'")
    assert "All nine stages are done." in learner.types("pyrun lab check")


@pytest.mark.parametrize(("name", "wrong", "reproach", "right"), _MISTAKES)
def test_a_mistake_is_told(learner: Learner, name: str, wrong: str, reproach: str, right: str) -> None:
    learner.host.ok("lab", "solve", "all")
    shown = learner.types(wrong)
    found = stage(learner.host, name)
    learner.types(right)
    assert [text for text in found["Wrong"] if reproach in text], (found["Wrong"], shown)


def test_any_way_is_right(learner: Learner) -> None:
    """Other names, another order, the other tool, a resolver of one's own: the kernel's state counts."""
    learner.host.ok("lab", "reset", "all")
    for line in (
        "sysctl -w net.ipv4.conf.all.forwarding=1",
        "nft add table ip mine; nft 'add chain ip mine last { type nat hook postrouting priority 100; }'",
        "nft add rule ip mine last ip saddr 192.168.7.0/26 masquerade",
        "ip link add sw type bridge; ip address add 192.168.7.1/26 dev sw; ip link set sw up",
        "ip netns add home; ip link add left type veth peer name right; ip link set right netns home",
        "ip netns exec home ip link set right name lan0; bridge link; ip link set left up master sw",
        "ip -n home link set lo up; ip -n home link set lan0 up; ip -n home address add 192.168.7.50/26 dev lan0",
        "ip -n home route add 0.0.0.0/0 via 192.168.7.1",
        "echo nameserver 203.0.113.53 > /etc/resolv.conf",
    ):
        assert "=0=" in learner.types(line), line
    grade = graded(learner.host)
    assert [each["Wrong"] for each in grade["Stages"]] == [[]] * 9
    assert grade["Done"]


def test_every_stage_is_solved_and_taken_back(learner: Learner) -> None:
    host = learner.host
    host.ok("lab", "reset", "all")
    shown = host.ok("lab", "solve", "all")
    assert "$ ip link add veth0 type veth peer name eth0 netns box  #" in shown
    assert graded(host)["Done"]
    for name in reversed(_STAGES):
        host.ok("lab", "reset", name)
        done = [each["Done"] for each in graded(host)["Stages"]]
        at = _STAGES.index(name)
        assert done == [True] * at + [False] * (9 - at), name


_GLANCE = """
import os
from pyrun.kernel import glance, survey

def seen(fd):
    with survey.inside(fd):
        links = [l._replace(port=None, addresses=tuple(sorted(l.addresses))) for l in survey.links()]
        routes = [(gateway, link) for family, gateway, link in survey.default_routes() if family == 4]
    with survey.inside(fd):
        own = [l._replace(addresses=tuple(sorted(l.addresses))) for l in glance.links()]
        assert own == links, (own, links)
        assert [tuple(each) for each in glance.default_routes()] == routes
    return len(links)

fd = os.open("/run/netns/box", os.O_RDONLY)
print(seen(-1), seen(fd), glance.namespace_number(fd=fd) == survey.namespace_number(int(os.environ["BOX"])))
"""


def test_a_glance_sees_what_a_survey_sees(learner: Learner) -> None:
    host = learner.host
    host.ok("lab", "reset", "all")
    host.ok("lab", "solve", "all")
    code = PYRUN[-1].partition("; from pyrun")[0] + "\n" + _GLANCE
    learner.types("ip netns exec box sleep 600 & export BOX=$!")
    script = f"cat > /run/lab/glance.py <<'END'\n{code}END\n"
    assert host.run([*PYRUN, "lab", "shell", "sh", "-c", script]).returncode == 0
    assert "4 2 True" in learner.types(f"{PYRUN[0]} -I -S /run/lab/glance.py")
    learner.types("kill $BOX")


def test_what_solve_shows_can_be_typed(learner: Learner) -> None:
    learner.host.ok("lab", "reset", "all")
    shown = learner.host.ok("lab", "solve", "all").splitlines()
    commands = [line.partition("$ ")[2].partition("  # ")[0] for line in shown if line.startswith("host$ ")]
    assert len(commands) >= 12
    learner.host.ok("lab", "reset", "all")
    for command in commands:
        assert "=0=" in learner.types(command), command
    assert graded(learner.host)["Done"]


def test_reset_mends_what_a_learner_has_wrecked(learner: Learner) -> None:
    host = learner.host
    learner.types("ip -all netns delete; ip link delete up0; nft flush ruleset; rm -r /etc/netns")
    told = host.pyrun("lab", "check")
    assert (told.returncode, told.stderr) == (1, b"")
    host.ok("lab", "reset", "all")
    host.ok("lab", "solve", "all")
    assert graded(host)["Done"]


def test_hints_become_clearer_and_cost_points(learner: Learner) -> None:
    host = learner.host
    host.ok("lab", "stop")
    host.ok("lab", "start", "bridge")
    assert "Hint 1 of 3 for stage 1" in host.ok("lab", "hint")
    assert "ip netns add NAME" in host.ok("lab", "hint")
    assert "    ip netns add box\n" in host.ok("lab", "hint")
    host.ok("lab", "shell", "ip", "netns", "add", "box")
    found = stage(host, "namespace")
    assert (found["Points"], found["Hints"], found["Solved"]) == (5, 3, False)
    host.ok("lab", "solve")
    found = stage(host, "veth")
    assert (found["Points"], found["Solved"]) == (0, True)


def test_stop_from_inside_ends_everything(shared_host: Host, learner: Learner) -> None:
    if shared_host.pyrun("lab", "status").returncode:
        shared_host.ok("lab", "start", "bridge")
    other = Learner(shared_host)
    other.send("pyrun lab stop\r")
    assert "The lab has ended." in other.gone()
    assert shared_host.shell("ls /run/pyrun/lab").returncode != 0


@pytest.mark.parametrize("what", ["the first process", "the shell", "start"])
def test_kill_leaves_nothing(shared_host: Host, learner: Learner, what: str) -> None:
    """Whoever is killed: the next command, whichever it is, finds a lab that lives, or none at all."""
    shared_host.pyrun("lab", "stop")
    clean = shared_host.snapshot()
    shell = Learner(shared_host, "start", "bridge")
    first = int(shared_host.out("grep -o '\"pid\": [0-9]*' /run/pyrun/lab/lab.json").split()[-1])
    shell.types("ip netns add box; ip netns exec box sleep 600 >/dev/null 2>&1 & true")
    if what == "the first process":
        os.kill(first, 9)
        assert "The lab has ended." in shell.gone()
    elif what == "start":
        shell.process.kill()
    else:
        shell.send("kill -9 $$\r")
        shell.gone()
    if what != "the first process":
        assert "box" in shared_host.ok("lab", "shell", "ip", "netns", "list")
        os.kill(first, 9)
    wait_until(lambda: not os.path.exists(f"/proc/{first}"))
    shared_host.ok("ps")
    assert shared_host.snapshot() == clean
    shell.close()
