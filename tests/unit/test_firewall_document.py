"""What is written about the rules is what they are; and lists of nft are read as they are meant."""

import firewall_document

from pyrun.firewall import guard, nftables


def test_the_document_shows_the_rules() -> None:
    assert firewall_document.FILE.read_text() == firewall_document.text()


def test_each_rule_says_why() -> None:
    lines = [line for at in range(1, 9) for line in firewall_document.shown(at, "iptables") if line.startswith("-A")]
    assert len(lines) > 100
    assert [line for line in lines if not line.partition("  # ")[2]] == []
    lines = [line for at in range(1, 9) for line in firewall_document.shown(at, "nftables") if line.startswith("    ")]
    assert len(lines) > 100
    assert [line for line in lines if not line.endswith('"') or ' comment "' not in line] == []


def test_elements_are_read_whole() -> None:
    """80 is not 8080, and a set is not its neighbour."""
    text = """table inet pyrun {
\tmap published4 {
\t\ttype inet_proto . inet_service : ipv4_addr . inet_service
\t\telements = { tcp . 8080 : 10.1.0.2 . 8080,
\t\t\t     udp . 53 : 10.1.0.2 . 53 }
\t}

\tmap leaving {
\t\ttype ifname : verdict
\t\telements = { "red0" : jump leaving_red0 }
\t}

\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
\t\tiifname vmap @leaving comment "from a network"
\t}
}
"""
    assert nftables.elements(text) == {
        "published4": ["tcp . 8080 : 10.1.0.2 . 8080", "udp . 53 : 10.1.0.2 . 53"],
        "leaving": ['"red0" : jump leaving_red0'],
    }
    assert nftables.rules(text) == [("forward", 'iifname vmap @leaving comment "from a network"')]
    part = nftables.AddPart("add element inet pyrun published4 { tcp . 8080 : 10.1.0.2 . 80 }\n", "", "")
    assert nftables.missing([part], text) == [part]


def test_link_local_addresses_are_the_kernels() -> None:
    assert guard.link_local("02:42:ac:11:00:02") == "fe80::42:acff:fe11:2"
    assert guard.link_local("02:00:00:00:00:01") == "fe80::ff:fe00:1"
