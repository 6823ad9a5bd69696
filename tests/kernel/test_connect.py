"""Plugs put in and taken out of containers that run: what the kernel, the container and its record show afterwards."""

import json

import pytest
from lab import BUSYBOX, INTERNET_ADDRESS, TYPED, Host


@pytest.fixture
def box(host: Host) -> Host:
    """Give a host with two created networks and a container on `bridge`."""
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "300")
    host.ok("network", "create", "--subnet", "10.1.0.0/24", "one")
    host.ok("network", "create", "--subnet", "10.2.0.0/24", "--subnet", "fd00:2::/64", "--ipv6", "two")
    return host


def _links(host: Host, name: str = "box") -> dict[str, list[str]]:
    """Give the addresses of a container's links, as iproute2 sees them; link-local ones left out."""
    shown = json.loads(host.out(f"ip -n pyrun-{name} -j addr"))
    return {
        link["ifname"]: [a["local"] for a in link["addr_info"] if a["scope"] == "global"]
        for link in shown
        if link["ifname"].startswith("eth")
    }


def _defaults(host: Host, name: str = "box") -> list[str]:
    found = []
    for version in ("-4", "-6"):
        routes = json.loads(host.out(f"ip -n pyrun-{name} {version} -j route show default") or "[]")
        found += [f"{route['gateway']} {route['dev']}" for route in routes]
    return found


def _record(host: Host, name: str = "box") -> list[str]:
    """Name the networks of a container's durable record."""
    config = json.loads(host.out(f"cat /var/lib/pyrun/containers/$(readlink /var/lib/pyrun/names/{name})/config.json"))
    return [each["network"] for each in config["attachments"]]


def _state(host: Host) -> dict[str, str]:
    """Give all that could be left behind, without order, what bridges remember, and the log of who served."""
    found = {name: "\n".join(sorted(text.splitlines())) for name, text in host.snapshot().items()}
    found["nft"] = " ".join(sorted(found["nft"].replace(",", " ").split()))
    found["routes"] = found["routes"].replace(" linkdown", "")
    found["files"] = "\n".join(line for line in found["files"].splitlines() if not line.endswith("/services.log"))
    return {**found, "links": found["links"].replace("NO-CARRIER,", ""), "processes": ""}


def _refused(host: Host, *arguments: str) -> str:
    done = host.pyrun("network", *arguments)
    assert (done.returncode, done.stdout) == (1, b""), done
    return done.stderr.decode().removeprefix("pyrun: ").rstrip("\n")


def test_connected_and_disconnected_while_it_runs(box: Host) -> None:
    before = _state(box)
    box.ok("network", "connect", "--ip", "10.1.0.77", "--alias", "db", "one", "box")
    assert _links(box) == {"eth0": ["172.17.0.2"], "eth1": ["10.1.0.77"]}
    assert box.ok("exec", "box", "ping", "-c", "1", "-W", "2", "10.1.0.1")
    assert _record(box) == ["bridge", "one"]
    told = json.loads(box.ok("inspect", "box"))[0]["NetworkSettings"]["Networks"]
    assert sorted(told) == ["bridge", "one"]
    assert "db" in told["one"]["Aliases"]
    assert "10.1.0.77/24" in box.ok("network", "inspect", "one")
    box.ok("network", "disconnect", "one", "box")
    assert _links(box) == {"eth0": ["172.17.0.2"]}
    assert _record(box) == ["bridge"]
    assert _state(box) == before


def test_the_lowest_free_name_inside_is_taken(box: Host) -> None:
    box.out("ip -n pyrun-box link add eth1 type bridge")
    box.ok("network", "connect", "one", "box")
    box.ok("network", "connect", "two", "box")
    assert set(_links(box)) == {"eth0", "eth1", "eth2", "eth3"}
    box.ok("network", "disconnect", "one", "box")
    box.ok("network", "connect", "one", "box")
    assert _links(box)["eth2"] == ["10.1.0.2"]
    box.ok("network", "disconnect", "one", "box")
    option = "com.docker.network.endpoint.ifname=uplink"
    box.ok("network", "connect", "--driver-opt", option, "--mac-address", "02:00:00:00:00:09", "one", "box")
    assert "02:00:00:00:00:09" in box.out("ip -n pyrun-box link show uplink")


def test_the_way_outside_follows_dockers_rule(box: Host) -> None:
    """First by priority, then both families, then the network's name; of both families the routes follow."""
    assert _defaults(box) == ["172.17.0.1 eth0"]
    box.ok("network", "connect", "one", "box")
    assert _defaults(box) == ["172.17.0.1 eth0"]
    box.ok("network", "connect", "two", "box")
    assert _defaults(box) == ["10.2.0.1 eth2", "fd00:2::1 eth2"]
    box.ok("network", "disconnect", "one", "box")
    box.ok("network", "connect", "--gw-priority", "1", "one", "box")
    assert _defaults(box) == ["10.1.0.1 eth1"]
    assert box.ok("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)
    box.ok("network", "disconnect", "one", "box")
    assert _defaults(box) == ["10.2.0.1 eth2", "fd00:2::1 eth2"]
    box.ok("network", "create", "--internal", "within")
    box.ok("network", "connect", "--gw-priority", "9", "within", "box")
    box.ok("network", "disconnect", "two", "box")
    assert _defaults(box) == ["172.17.0.1 eth0"]
    box.ok("network", "disconnect", "bridge", "box")
    assert _defaults(box) == []


def test_a_default_route_made_inside_stays(box: Host) -> None:
    box.out("ip -n pyrun-box route replace default via 172.17.0.9 dev eth0")
    box.ok("network", "connect", "--gw-priority", "1", "one", "box")
    assert _defaults(box) == ["172.17.0.9 eth0"]


def test_hosts_and_resolv_conf_change_in_the_container(box: Host) -> None:
    """They are mounted: the same files get new content, and lines of the container's own stay."""
    name = box.ok("exec", "box", "hostname").strip()
    box.ok("exec", "box", "sh", "-c", "echo 192.0.2.1 mine >> /etc/hosts")
    first = box.ok("exec", "box", "cat", "/etc/resolv.conf")
    assert "127.0.0.11" not in first
    box.ok("network", "connect", "two", "box")
    hosts = box.ok("exec", "box", "cat", "/etc/hosts")
    assert hosts.endswith(f"172.17.0.2\t{name}\n192.0.2.1 mine\n10.2.0.2\t{name}\nfd00:2::2\t{name}\n")
    assert box.ok("exec", "box", "cat", "/etc/resolv.conf").startswith("nameserver 127.0.0.11\n")
    box.ok("network", "disconnect", "two", "box")
    hosts = box.ok("exec", "box", "cat", "/etc/hosts")
    assert hosts.endswith(f"172.17.0.2\t{name}\n192.0.2.1 mine\n")
    assert box.ok("exec", "box", "cat", "/etc/resolv.conf") == first


def test_taken_out_of_every_network_and_put_in_again(box: Host) -> None:
    box.ok("network", "disconnect", "bridge", "box")
    assert _links(box) == {}
    assert b"pyrun0" not in box.shell("ip -br link").stdout
    assert _record(box) == []
    box.ok("network", "connect", "bridge", "box")
    assert box.ok("exec", "box", "ping", "-c", "1", "-W", "2", INTERNET_ADDRESS)


def test_a_container_that_does_not_run_changes_in_its_record_only(box: Host) -> None:
    box.ok("stop", "-t", "0", "box")
    box.settled()
    before = _state(box)
    box.ok("network", "connect", "one", "box")
    box.ok("network", "connect", "--ip", "10.1.0.9", "one", "box")
    assert _record(box) == ["bridge", "one"]
    box.ok("network", "disconnect", "bridge", "box")
    assert _record(box) == ["one"]
    assert "is not connected to network bridge" in _refused(box, "disconnect", "bridge", "box")
    assert _state(box) == before


SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"
NONE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
HOSTS = "container cannot be disconnected from host network or connected to host network"


def test_what_docker_refuses_is_refused_in_its_words(box: Host) -> None:
    for name in ("none", "host", "container:box"):
        box.ok("run", "-d", "--network", name, "--name", name[:4], BUSYBOX, "sleep", "300")
    identity = box.ok("ps", "-q", "--no-trunc", "-a").split()[-1]
    cases = {
        "connect one none": NONE,
        "connect none none": "endpoint with name none already exists in network none",
        "connect none box": NONE,
        "connect host box": HOSTS,
        "connect host host": "endpoint with name host already exists in network host",
        "connect one host": SHARED,
        "connect one cont": SHARED,
        "connect bridge box": "endpoint with name box already exists in network bridge",
        "connect nosuch box": "network nosuch not found (see pyrun network ls)",
        "connect one nosuch": "no such container: nosuch",
        "connect --ip 10.9.9.9 one box": "ip: 10.9.9.9: not in a subnet of network one",
        "connect --ip 10.1.0.1 one box": "ip: 10.1.0.1: the address is already in use",
        "connect --ip 10.1.0.255 one box": "ip: 10.1.0.255: the address is already in use",
        "connect --ip6 fd00::1 one box": "ip: fd00::1: not in a subnet of network one",
        "connect --link-local-ip 169.254.1.1 one box": "link-local-ip: not supported",
        "connect --driver-opt com.docker.network.endpoint.ifname=eth0 one box": "has an interface of that name",
        "connect --driver-opt what=ever one box": "driver-opt: what=ever: expected",
        "disconnect one box": f"container {identity} is not connected to network one",
        "disconnect host host": HOSTS,
        "disconnect nosuch box": "network nosuch not found (see pyrun network ls)",
        "disconnect one nosuch": "no such container: nosuch",
        "disconnect -f one nosuch": "endpoint nosuch not found",
    }
    before = _state(box)
    for line, words in cases.items():
        assert words in _refused(box, *line.split()), line
    assert _state(box) == before
    box.ok("network", "disconnect", "none", "none")
    box.ok("network", "connect", "one", "none")
    assert _links(box, "none") == {"eth0": ["10.1.0.2"]}


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize("line", ["network disconnect -f one lost", "ps"])
def test_what_a_lost_container_left_is_taken_out(box: Host, line: str, changed: bool) -> None:
    """Somebody has removed what is known of a container, not its plug: another process is still in its sandbox."""
    identity = box.ok("run", "-d", "--network", "one", "--name", "lost", BUSYBOX, "sleep", "300").strip()
    cable = box.out("ip -o link | grep -o 'veth[^@:]*' | sort").split()
    cable = next(each for each in cable if "pyrun:lost" in box.out(f"ip link show {each}"))
    within = box.out("nsenter --net=/run/netns/pyrun-lost sleep 300 >/dev/null 2>&1 & echo $!").strip()
    if changed:
        box.out(f"ip link set {cable} address 02:11:22:33:44:55")
    box.kill_monitor("lost")
    box.kill_programs(identity)
    box.out(f"rm -r /var/lib/pyrun/containers/{identity} /var/lib/pyrun/names/lost /run/netns/pyrun-lost")
    box.out(f"rm -r /run/pyrun/containers/{identity} /run/pyrun/locks/{identity}")
    box.forget_groups(identity)
    box.pyrun(*line.split())
    assert "lost" not in box.ok("network", "inspect", "one")
    assert cable not in box.out("ip link")
    box.out(f"kill {within}")
    box.ok("network", "rm", "one")


def test_explained_on_both_sides(box: Host) -> None:
    lines = box.pyrun("network", "connect", "--explain", "two", "box").stderr.decode()
    assert "host$ ip link add veth" in lines
    assert "container$ ip addr add 10.2.0.2/24" in lines
    assert "container$ ip route replace default via 10.2.0.1 dev eth1" in lines
    assert "container$ ip -6 route add default via fd00:2::1 dev eth1" in lines
    lines = box.pyrun("network", "disconnect", "--explain", "two", "box").stderr.decode()
    assert "host$ ip link delete veth" in lines
    assert "container$ ip route add default via 172.17.0.1 dev eth0" in lines
    assert "host$ ip link add name br-" in box.pyrun("network", "create", "--explain", "three").stderr.decode()
    assert "host$ ip link delete br-" in box.pyrun("network", "rm", "--explain", "three").stderr.decode()


def test_connected_twice_at_once_is_connected_once(box: Host) -> None:
    line = f"{TYPED} network connect one box"
    done = box.shell(f"for i in 1 2 3 4; do {line} & done 2>/run/errors; wait; cat /run/errors")
    assert done.stdout.decode().count("already exists in network one") == 3, done
    assert _links(box) == {"eth0": ["172.17.0.2"], "eth1": ["10.1.0.2"]}


def test_connected_to_many_at_once_gets_all(box: Host) -> None:
    for number in range(6):
        box.ok("network", "create", f"n{number}")
    box.out(f"for i in 0 1 2 3 4 5; do {TYPED} network connect n$i box & done; wait")
    assert list(_links(box)) == [f"eth{number}" for number in range(7)]
    assert sorted(_record(box)) == ["bridge", *(f"n{number}" for number in range(6))]
    box.out(f"for i in 0 1 2 3 4 5; do {TYPED} network disconnect n$i box & done; wait")
    assert list(_links(box)) == ["eth0"]


def test_a_network_removed_meanwhile(box: Host) -> None:
    """Either the container is on it, and it stays, or it is gone and the container is not on it."""
    for _ in range(8):
        done = box.shell(f"{TYPED} network connect one box & {TYPED} network rm one & wait")
        if done.stdout != b"one\n":  # the name of what was removed
            assert "eth1" in _links(box), done
            box.ok("network", "disconnect", "one", "box")
            box.ok("network", "rm", "one")
        assert _links(box) == {"eth0": ["172.17.0.2"]}
        assert _record(box) == ["bridge"]
        assert box.shell("ls /run/pyrun/networks").stdout == b"bridge\ntwo\n"
        box.ok("network", "create", "--subnet", "10.1.0.0/24", "one")


def test_a_container_that_ends_meanwhile_leaves_nothing(host: Host) -> None:
    host.ok("network", "create", "one")
    before = _state(host)
    for _ in range(8):
        host.ok("run", "-d", "--rm", "--name", "box", BUSYBOX, "sleep", "300")
        host.shell(f"{TYPED} network connect one box & {TYPED} kill box & wait")
        host.settled()
        assert _state(host) == before


def test_no_descriptor_and_no_process_of_ours_is_left_inside(box: Host) -> None:
    box.ok("network", "connect", "one", "box")
    sandbox = box.ok("exec", "box", "readlink", "/proc/self/ns/net").strip()
    inside = box.out(f'for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" != {sandbox} ] || cat $p/comm; done')
    assert inside == "sleep\n"


def test_disconnected_from_a_network_that_was_removed(box: Host) -> None:
    """As with Docker a container that was made for it starts again, on what it has been connected to instead."""
    box.ok("network", "create", "gone")
    box.ok("create", "--name", "late", "--network", "gone", BUSYBOX, "sleep", "300")
    box.ok("network", "rm", "gone")
    box.ok("network", "connect", "one", "late")
    assert "network gone not found" in box.pyrun("start", "late").stderr.decode()
    assert "network nosuch not found" in _refused(box, "disconnect", "nosuch", "late")
    assert "network nosuch not found" in _refused(box, "disconnect", "nosuch", "nobody")
    box.ok("network", "disconnect", "gone", "late")
    assert _record(box, "late") == ["one"]
    box.ok("start", "late")
    assert _links(box, "late") == {"eth0": ["10.1.0.2"]}
    assert "network gone not found" in _refused(box, "disconnect", "gone", "late")


def test_disconnected_while_it_runs_from_a_network_whose_definition_is_lost(box: Host) -> None:
    box.ok("network", "connect", "one", "box")
    box.out("rm /var/lib/pyrun/networks/one.json")
    box.ok("network", "disconnect", "one", "box")
    assert _links(box) == {"eth0": ["172.17.0.2"]}
    assert "10.1.0.1" not in box.out("ip -o addr")
