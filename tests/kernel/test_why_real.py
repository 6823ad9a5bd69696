"""What `network why` says is what a real connection finds: rules and settings that are easily overlooked."""

import pytest
import walls
from lab import BUSYBOX, INTERNET_ADDRESS, Host
from town import why


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
