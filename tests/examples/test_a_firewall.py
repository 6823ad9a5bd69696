"""Test firewall rules: on a host of the test's own, as root, and the machine's rules stay as they are."""

import pytest

TWO_SERVERS = ["sh", "-c", "python3 -m http.server 80 & exec python3 -m http.server 81"]


@pytest.fixture
def server(container, assert_reachable):
    made = container("@host", TWO_SERVERS, name="server", ports={80: 8080, 81: 8081})
    for port in (8080, 8081):
        assert_reachable("internet", "host", port=port)
    return made


def test_a_rule_closes_one_port(netlab, server, assert_reachable, assert_unreachable):
    netlab.call("iptables -I PYRUN-USER -i up0 -p tcp --dport 80 -j DROP", check=True)

    assert_unreachable("internet", "host", port=8080, timeout=0.3)
    assert_reachable("internet", "host", port=8081)
    assert_reachable("host", server, port=80)


def test_a_failure_names_the_rule(netlab, server, assert_reachable):
    netlab.call("iptables -I PYRUN-USER -i up0 -p tcp --dport 80 -j REJECT", check=True)

    with pytest.raises(AssertionError, match=r"(?s)tcp port 8080: is not reached.*PYRUN-USER 1: .*-j REJECT"):
        assert_reachable("internet", "host", port=8080, timeout=0)
