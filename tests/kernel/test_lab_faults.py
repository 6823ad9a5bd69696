"""`pyrun lab start broken`: each fault as a learner lives through it: seen, mended by commands that are typed, named.

All of them are gone through at once, on a few hosts side by side, because most of the time is spent in waiting for
answers that do not come.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, NamedTuple

import pytest
from lab import Host, fresh_host
from learner import Learner, graded

from pyrun.lab import faults

_SIDE_BY_SIDE = 4
# What a learner types to mend each fault, and what is wrong before.
_MENDS = {
    "dnat": (
        "iptables -t nat -F PREROUTING; iptables -t nat -A PREROUTING -i up0 -p tcp --dport 8080 -j DNAT --to 10.10.1.10:80",
        ["the internet opens http://198.51.100.2:8080: 198.51.100.2 does not answer"],
    ),
    "route": (
        "ip -n client route replace default via 10.10.1.1",
        ["client opens http://www.example.test: www.example.test (203.0.113.80) does not answer"],
    ),
    "detached": ("ip link set db-back master br-back", ["app connects to db:5432: db (10.10.2.10) does not answer"]),
    "forwarding": (
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        [
            "web opens http://www.example.test: www.example.test (203.0.113.80) does not answer",
            "the internet opens http://198.51.100.2:8080: 198.51.100.2 does not answer",
        ],
    ),
    "mtu": (
        "iptables -F OUTPUT",  # the other half is no fault as long as senders learn of it
        ["then the rest did not come"],
    ),
    "hosts": (
        "sed -i /web/d /etc/netns/client/hosts",
        ["client opens http://web: web (10.10.1.99) does not answer"],
    ),
    "masquerade": (
        "nft add table ip m; nft 'add chain ip m o { type nat hook postrouting priority 101; }';"
        " nft add rule ip m o oifname up0 masquerade",
        ["client opens http://www.example.test: www.example.test (203.0.113.80) does not answer"],
    ),
    "netmask": (
        "ip -n db address flush dev eth0; ip -n db address add 10.10.2.10/24 dev eth0",
        ["web connects to db:5432: db (10.10.2.10) does not answer"],
    ),
    "isolation": (
        "iptables -D FORWARD 1",
        ["app opens http://www.example.test: www.example.test (203.0.113.80) does not answer"],
    ),
    "arp": (
        "ip -n client neigh flush all nud permanent",
        ["client opens http://web: web (10.10.1.10) does not answer"],
    ),
    "rp_filter": (
        "ip netns exec web sysctl -qw net.ipv4.conf.all.rp_filter=0",
        ["the internet opens http://198.51.100.2:8080: 198.51.100.2 does not answer"],
    ),
    "clash": (
        "ip -n app address delete 10.10.2.10/24 dev eth0; ip -n web neigh flush dev eth1",
        ["app connects to db:5432: db (10.10.2.10): connection refused"],
    ),
    "dns": ("iptables -F INPUT", ["client opens http://web: the name server 10.10.1.1 does not answer"]),
    "blackhole": (
        "ip -n app route flush type blackhole",
        ["app opens http://www.example.test: www.example.test (203.0.113.80): invalid argument"],
    ),
    "mac": (
        "ip -n client link set eth0 address 02:00:00:00:01:20",
        ["client opens http://web: "],  # whom the bridge took for the owner last, decides what else fails
    ),
    "resolver": (
        "echo nameserver 10.10.2.1 > /etc/netns/web/resolv.conf",
        ["web connects to db:5432: the name server 10.10.2.53 does not answer"],
    ),
    "port-state": (
        "ip link set db-back nomaster; ip link set db-back master br-back",
        ["web connects to db:5432: db (10.10.2.10) does not answer"],
    ),
    "bridge-address": (
        "ip address add 10.10.1.1/24 dev br-front",
        ["client opens http://www.example.test: the name server 10.10.1.1 does not answer"],
    ),
}


class Story(NamedTuple):
    """How one fault was lived through."""

    told: str  # when the lab was opened
    before: dict[str, Any]
    typed: str
    after: dict[str, Any]
    named: str
    again: dict[str, Any]  # after a reset
    solved: str
    finally_: dict[str, Any]


def _live_through(host: Host, name: str) -> Story:
    seed = str(faults.seed_of(name))
    learner = Learner(host, "start", "--seed", seed, "broken")
    try:
        before = graded(host)
        typed = learner.types(_MENDS[name][0])
        after = graded(host)
        named = " ".join(learner.types("pyrun lab check").split())
        host.ok("lab", "reset", "all")
        again = graded(host)
        solved = host.ok("lab", "solve")
        return Story(learner.greeting, before, typed, after, named, again, solved, graded(host))
    finally:
        host.pyrun("lab", "stop")
        learner.gone()
        learner.close()


@pytest.fixture(scope="module")
def stories(private_host: None) -> Iterator[dict[str, "Story | BaseException"]]:
    """Every fault, lived through."""
    waiting: SimpleQueue[Host] = SimpleQueue()

    def live(name: str) -> "Story | BaseException":
        host = waiting.get()
        try:
            return _live_through(host, name)
        except BaseException as problem:
            return problem
        finally:
            waiting.put(host)

    hosts = [fresh_host() for _ in range(_SIDE_BY_SIDE)]
    for host in hosts:
        waiting.put(host.__enter__())
    try:
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            yield dict(zip(faults.FAULTS, pool.map(live, faults.FAULTS), strict=True))
    finally:
        for host in hosts:
            host.__exit__(None, None, None)


@pytest.mark.parametrize("name", faults.FAULTS)
def test_a_fault_is_seen_mended_and_named(stories: "dict[str, Story | BaseException]", name: str) -> None:
    story = stories[name]
    assert isinstance(story, Story), story
    fault = faults.find(name)
    assert fault.symptom in " ".join(story.told.split())
    assert (story.before["Done"], story.before["Fault"], story.before["Points"]) == (False, None, 0)
    wrong = story.before["Stages"][0]["Wrong"]
    for expected in _MENDS[name][1]:
        assert [text for text in wrong if expected in text], wrong
    assert "=0=" in story.typed
    assert (story.after["Stages"][0]["Wrong"], story.after["Fault"], story.after["Points"]) == ([], name, 10)
    assert f"The fault was: {name}." in story.named


@pytest.mark.parametrize("name", faults.FAULTS)
def test_reset_brings_the_fault_back_and_solve_mends_it(stories: "dict[str, Story | BaseException]", name: str) -> None:
    story = stories[name]
    assert isinstance(story, Story), story
    assert not story.again["Done"]
    assert "host$ " in story.solved
    assert (story.finally_["Stages"][0]["Wrong"], story.finally_["Points"]) == ([], 0)


def test_the_way_a_learner_went_wrong_is_told(shared_host: Host) -> None:
    """Who flushes all rules has mended nothing: the published port, the way out and the isolation are gone."""
    shared_host.ok("lab", "start", "--fault", "isolation", "broken")
    try:
        shared_host.ok("lab", "shell", "iptables", "-P", "FORWARD", "ACCEPT")
        shared_host.ok("lab", "shell", "iptables", "-F", "FORWARD")
        told = shared_host.pyrun("lab", "check")
        assert told.returncode == 1
        assert b"client does not reach db in the other network: 10.10.2.10 took the connection" in told.stdout
        assert b"1 of 9 are not as they should be" in told.stdout
        texts = [shared_host.ok("lab", "hint") for _ in range(4)]
        assert "Hint 1 of 3" in texts[0]
        assert "iptables -vS FORWARD" in texts[1]
        assert "iptables -D FORWARD -s 10.10.2.20 -j DROP" in texts[2]
        assert texts[3] == texts[2]
        assert graded(shared_host)["Stages"][0]["Hints"] == 3
    finally:
        shared_host.ok("lab", "stop")


def test_faults_are_listed_for_instructors(shared_host: Host) -> None:
    found = json.loads(shared_host.ok("lab", "faults", "--format", "json"))
    assert [(each["Seed"], each["Name"]) for each in found] == list(enumerate(faults.FAULTS, 1))
    assert len(shared_host.ok("lab", "faults").splitlines()) == len(faults.FAULTS) + 1
