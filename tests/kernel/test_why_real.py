"""What `network why` says is what a real connection finds: rules and settings that are easily overlooked."""

from collections.abc import Iterator

import pytest
import walls
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, Host, fresh_host, wait_until
from town import why


@pytest.fixture(scope="module")
def street(private_host: None) -> Iterator[Host]:
    """A host with a server in a container, whose port is published."""
    with fresh_host() as host:
        host.ok("run", "-d", "--name", "c1", "-p", "8080:80", BUSYBOX, "httpd", "-f", "-p", "80")
        yield host


def connects(host: Host, address: str, port: int) -> bool:
    """Let the internet try."""
    return host.internet(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/{port}'").returncode == 0


def told(host: Host, source: str, target: str, *options: str) -> "tuple[object, object]":
    """Give what it says, and whether its probe agrees."""
    found = why(host, source, target, *options)
    probe = found["Probe"]
    return found["Reachable"], probe["Confirmed"] if isinstance(probe, dict) else None


def where(found: "dict[str, object]") -> str:
    """Give the place of the rule that decided."""
    rule = found["Decider"]
    return f"{rule['Tool']} {rule['Table']} {rule['Chain']} {rule['Number']}" if isinstance(rule, dict) else ""


@pytest.mark.parametrize(("standard", "other"), [("iptables", "iptables-legacy"), ("legacy", "iptables-nft")])
def test_a_rule_of_the_other_variant_bears_its_name(
    host: Host, standard: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each variant shows only its own rules: number 1 of FORWARD is another rule in the plain one."""
    walls.use(host, standard, monkeypatch)
    host.ok("run", "-d", "--name", "c1", BUSYBOX, "sleep", "600")
    host.out(f"{other} -I FORWARD -d {INTERNET_ADDRESS} -j DROP")
    found = why(host, "c1", INTERNET_ADDRESS, "--probe")
    assert (found["Reachable"], where(found)) == (False, f"{other} filter FORWARD 1")
    assert isinstance(found["Probe"], dict) and found["Probe"]["Confirmed"] is True
    assert [each["Tool"] for each in found["Probe"]["Moved"] if each["Number"] == 1 and "DROP" in each["Rule"]] == [
        other
    ]
    host.out(f"{other} -D FORWARD -d {INTERNET_ADDRESS} -j DROP; iptables -I PYRUN-USER -d {INTERNET_ADDRESS} -j DROP")
    assert where(why(host, "c1", INTERNET_ADDRESS)) == "iptables filter PYRUN-USER 1"


def test_a_redirect_leads_to_the_link_by_which_a_packet_came(street: Host) -> None:
    """Where the server is bound decides who gets to it."""
    street.out(f"cd /; nohup python3 -m http.server -b {HOST_ADDRESS} 9999 >/dev/null 2>&1 & echo $! > /run/server")
    wait_until(lambda: street.shell("ss -Hltn sport = 9999").stdout)
    street.out("iptables -t nat -I PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 9999")
    found = why(street, INTERNET_ADDRESS, f"{HOST_ADDRESS}:9000")
    assert (found["Reachable"], connects(street, HOST_ADDRESS, 9000)) == (True, True), found
    assert found["Packet"] == {"Source": INTERNET_ADDRESS, "Target": HOST_ADDRESS, "Port": 9999}
    assert told(street, "c1", f"{HOST_ADDRESS}:9000", "--probe") == (False, True)  # the bridge's address has no server
    street.out(
        "kill $(cat /run/server); cd /; nohup python3 -m http.server 9999 >/dev/null 2>&1 & echo $! > /run/server"
    )
    wait_until(lambda: "0.0.0.0:9999" in street.out("ss -Hltn sport = 9999"))
    assert told(street, "c1", f"{HOST_ADDRESS}:9000", "--probe") == (True, True)
    street.out("kill $(cat /run/server); iptables -t nat -D PREROUTING -p tcp --dport 9000 -j REDIRECT --to-ports 9999")
