"""Published ports that pyrun relays, explained: that the relay takes a connection says nothing of the container."""

from collections.abc import Iterator

import pytest
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host, wait_until
from town import address, decider, why


@pytest.fixture(scope="module")
def served(town: Host) -> Iterator[Host]:
    """The town with one that serves on port 80 for all, on 86 for itself, and nothing on 81."""
    ports = [word for port in ("8090:80", "8091:81", "8096:86", "8053:53/udp") for word in ("-p", port)]
    serve = "httpd -p 80; httpd -p 127.0.0.1:86; touch /up; sleep 1000"
    town.ok("run", "-d", "--name", "served", *ports, BUSYBOX, "sh", "-c", serve)
    wait_until(lambda: town.pyrun("exec", "served", "test", "-e", "/up").returncode == 0)
    yield town
    town.ok("rm", "-f", "served")


def _gets(host: Host, source: str, target: str, port: int) -> bool:
    """Ask for a page, from where the source is."""
    ask = f'exec 3<>/dev/tcp/{target}/{port} && printf "GET / HTTP/1.0\\r\\n\\r\\n" >&3 && read -t 3 -u 3'
    if source == INTERNET_ADDRESS:
        return host.internet(f"timeout 4 bash -c '{ask}'").returncode == 0
    where = "" if source == "host" else f"ip netns exec pyrun-{source} "
    return host.shell(f"{where}timeout 4 bash -c '{ask}'").returncode == 0


@pytest.mark.parametrize(("source", "target"), [("host", "127.0.0.1"), ("con1", HOST_ADDRESS)])
@pytest.mark.parametrize(("port", "reachable"), [(8090, True), (8091, False), (8096, False)])
def test_a_relayed_port_is_followed_into_the_container(
    served: Host, source: str, target: str, port: int, reachable: bool
) -> None:
    told, real = why(served, source, f"{target}:{port}", "--probe"), _gets(served, source, target, port)
    probe, packet = told["Probe"], told["Packet"]
    assert isinstance(probe, dict) and isinstance(packet, dict)
    expected = (reachable, reachable, reachable, True)
    assert (told["Reachable"], probe["Reachable"], real, probe["Confirmed"]) == expected, told
    assert (packet["Target"], packet["Port"]) == (address(served, "served"), port - 8010)


def test_nobody_listens_behind_a_relayed_datagram_port(served: Host) -> None:
    assert why(served, "host", "127.0.0.1:8053/udp")["Reason"] == "nobody listens on udp port 53 of served"


@pytest.mark.parametrize(("source", "target"), [("host", "127.0.0.1"), ("2001:db8:1::1", "2001:db8:1::2")])
def test_a_rule_between_the_relay_and_the_container_is_named(served: Host, source: str, target: str) -> None:
    """IPv6 is relayed as well to a container that has none."""
    asked = f"[{target}]:8090" if ":" in target else f"{target}:8090"
    where = INTERNET_ADDRESS if ":" in source else source
    assert (why(served, source, asked)["Reachable"], _gets(served, where, target, 8090)) == (True, True)
    rule = "OUTPUT -o pyrun0 -p tcp --dport 80 -j DROP"
    served.out(f"iptables -I {rule}")
    told, real = why(served, source, asked), _gets(served, where, target, 8090)
    probed = why(served, source, asked, "--probe") if source == "host" else {}
    served.out(f"iptables -D {rule}")
    assert (told["Reachable"], real, decider(told).partition(":")[0]) == (False, False, "OUTPUT"), told
    probe = probed.get("Probe", {"Confirmed": True})
    assert isinstance(probe, dict) and probe["Confirmed"] is True, probed


def test_a_container_whose_link_is_off_is_not_reached_by_its_relay(served: Host) -> None:
    served.out("ip -n pyrun-served link set eth0 down")
    told = why(served, "host", "127.0.0.1:8090", "--probe")
    served.out("ip -n pyrun-served link set eth0 up")
    probe = told["Probe"]
    assert isinstance(probe, dict) and (told["Reachable"], probe["Confirmed"]) == (False, True), told
    assert told["Reason"] == "eth0 is switched off"
