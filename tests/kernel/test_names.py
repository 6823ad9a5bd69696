"""Names on networks that somebody created: getent, nslookup and dig are the witnesses, and a server in the internet."""

import re

from lab import BUSYBOX, DEBIAN, Host
from named import NameServer, address, dig, short, status


def test_every_name_of_a_container_leads_to_it(net: Host) -> None:
    """By UDP and TCP, in any case, with Docker's time to live and flags."""
    identity = net.ok("inspect", "one")
    identity = re.findall(r'"Id": "([0-9a-f]{12})', identity)[0]
    expected = [address(net, "one")]
    for name in ("one", "ONE", "first.host", identity, "one.net1", "One.Net1", "first.host.net1", f"{identity}.net1"):
        for protocol in ("+notcp", "+tcp"):
            assert short(net, "two", name, protocol) == expected, (name, protocol)
    said = dig(net, "two", "OnE")
    assert status(said) == ("NOERROR", "qr rd ra")
    assert re.search(rf"^OnE\.\s+600\s+IN\s+A\s+{expected[0]}$", said, re.M)


def test_getent_nslookup_and_dig_agree(net: Host) -> None:
    one, two = address(net, "one"), address(net, "two")
    for name, addresses in (("one", [one]), ("one.net1", [one]), ("web", sorted([one, two]))):
        assert short(net, "two", name) == addresses
        given = net.ok("exec", "two", "getent", "ahostsv4", name).splitlines()
        assert sorted({line.split()[0] for line in given}) == addresses
        said = net.pyrun("exec", "one", "nslookup", f"{name}.").stdout.decode()
        assert sorted(re.findall(r"^Address:\s+([\d.]+)$", said, re.M)) == addresses


def test_addresses_lead_back_to_names(net: Host) -> None:
    one = address(net, "one")
    assert short(net, "two", "-x", one) == ["one.net1."]
    assert net.ok("exec", "two", "getent", "hosts", one).split() == [one, "one.net1"]
    assert "name = one.net1" in net.pyrun("exec", "one", "nslookup", one).stdout.decode()


def test_an_alias_of_two_leads_to_both_beginning_with_either(net: Host) -> None:
    both = sorted([address(net, "one"), address(net, "two")])
    said = [dig(net, "two", "+short", "web").splitlines() for _ in range(8)]
    assert all(sorted(each) == both for each in said)
    assert {each[0] for each in said} == set(both)


def test_a_name_without_such_records_exists_all_the_same(net: Host, server: NameServer) -> None:
    for kind in ("AAAA", "TXT", "MX", "HTTPS"):
        assert status(dig(net, "two", "one", kind)) == ("NOERROR", "qr rd ra")
        assert short(net, "two", "one", kind) == []
    assert server.asked() == []


def test_ipv6_addresses_have_names_too(host: Host) -> None:
    host.ok("network", "create", "--ipv6", "--subnet", "fd00:1::/64", "six")
    host.ok("run", "-d", "--name", "one", "--net", "six", BUSYBOX, "sleep", "300")
    assert short(host, "one", "one", "AAAA") == ["fd00:1::2"]
    assert short(host, "one", "-x", "fd00:1::2") == ["one.six."]


def test_who_comes_and_goes_is_known_at_once(net: Host) -> None:
    """The first question after run, and the first after rm, also when the name had another address before."""
    for _ in range(3):
        net.ok("run", "-d", "--name", "new", "--net", "net1", BUSYBOX, "sleep", "300")
        assert short(net, "two", "+noedns", "new") == [address(net, "new")]  # the same bytes each time
        net.ok("rm", "-f", "new")
        assert short(net, "two", "+noedns", "new") == []


def test_a_program_finds_names_from_its_first_moment(net: Host) -> None:
    for _ in range(3):
        said = net.ok("run", "--rm", "--name", "self", "--net", "net1", DEBIAN, "getent", "hosts", "one", "self.net1")
        assert [line.split()[1] for line in said.splitlines()] == ["one", "self.net1"]


def test_networks_do_not_see_each_others_names(net: Host) -> None:
    net.ok("network", "create", "net2")
    net.ok("run", "-d", "--name", "both", "--net", "net1", "--net", "net2", BUSYBOX, "sleep", "300")
    net.ok("run", "-d", "--name", "far", "--net", "net2", BUSYBOX, "sleep", "300")
    assert short(net, "far", "one") == []
    assert short(net, "both", "one") == [address(net, "one")]
    assert short(net, "both", "far") == [address(net, "far")]
    assert short(net, "far", "both.net2") == short(net, "far", "both") != short(net, "one", "both")
    assert short(net, "both", "both.net1") == short(net, "one", "both")


def test_a_running_container_gets_names_with_its_first_network(net: Host) -> None:
    """Connected live, also when somebody serves its ports already; renamed there, and gone with disconnect."""
    for name, options in (("plain", []), ("ports", ["-p", "8080:80"])):
        net.ok("run", "-d", "--name", name, "--hostname", f"{name}.host", *options, BUSYBOX, "sleep", "300")
        net.ok("network", "connect", "--alias", f"{name}-alias", "net1", name)
        assert "127.0.0.11" in net.ok("exec", name, "cat", "/etc/resolv.conf")
        assert short(net, name, "one") == [address(net, "one")]
        there = net.out(f"ip -n pyrun-{name} -br -4 addr show eth1").split()[2].partition("/")[0]
        for called in (name, f"{name}-alias", f"{name}.host", f"{name}.net1"):
            assert short(net, "two", called) == [there]
        net.ok("network", "disconnect", "net1", name)
        assert short(net, "two", name) == []
        net.ok("network", "connect", "net1", name)
        assert short(net, name, "one") == [address(net, "one")]
        assert short(net, "two", f"{name}-alias") == []
    assert b":8080 " in net.shell("ss -Hlnt").stdout
