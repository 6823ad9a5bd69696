"""Names that a network does not know: who is asked outside, how, and what of it is believed; a server in the internet tells."""

import re
from pathlib import Path

from lab import BUSYBOX, INTERNET_ADDRESS, Host, wait_until
from named import SECOND_ADDRESS, NameServer, address, dig, short, status, use


def test_unknown_names_are_asked_for_outside(net: Host, server: NameServer) -> None:
    """By the protocol that the question came by; what does not fit is cut, and asked for again by TCP."""
    assert short(net, "two", "x.test") == ["203.0.113.7"]
    assert short(net, "two", "single") == ["203.0.113.7"]
    assert status(dig(net, "two", "x.unknown")) == ("NXDOMAIN", "qr rd ra")
    assert status(dig(net, "two", "+ignore", "big.test")) == ("NOERROR", "qr tc rd ra")
    assert len(short(net, "two", "big.test")) == 60
    assert {line.split()[1] for line in server.asked()} == {"198.51.100.2"}  # from the host, not masqueraded
    assert {line.split()[0] for line in server.asked("big.test")} == {"udp", "tcp"}
    assert net.ok("exec", "two", "getent", "hosts", "x.test").split() == ["203.0.113.7", "x.test"]


def test_what_was_said_outside_is_kept_as_long_as_it_lives(net: Host, server: NameServer) -> None:
    for _ in range(3):
        assert short(net, "two", "+noedns", "x.test") == ["203.0.113.7"]
    assert len(server.asked("x.test")) == 1
    assert short(net, "two", "+noedns", "short.test") == ["203.0.113.7"]
    wait_until(lambda: short(net, "two", "+noedns", "short.test") and len(server.asked("short.test")) == 2)
    lived = dig(net, "two", "+noedns", "x.test")
    assert int(re.findall(r"^x\.test\.\s+(\d+)", lived, re.M)[0]) < 60
    assert len(server.asked("x.test")) == 1


def test_only_the_answer_to_the_question_counts(net: Host, server: NameServer) -> None:
    """Wrong number, another question, a question, nonsense, another port: all passed over."""
    assert short(net, "two", "spoofed.test") == ["203.0.113.7"]


def test_the_next_server_is_asked_when_one_fails(net: Host, server: NameServer, tmp_path: Path) -> None:
    """One that refuses, one whose host refuses, one that says nothing at all."""
    net.internet(f"ip addr add {SECOND_ADDRESS}/24 dev up0")
    use(net, SECOND_ADDRESS, INTERNET_ADDRESS)
    assert short(net, "two", "a.test") == ["203.0.113.7"]  # nobody is there
    silent = NameServer(net.internet_pid, tmp_path / "second", SECOND_ADDRESS)
    try:
        assert short(net, "two", "b.test") == ["203.0.113.7"]
        assert (len(silent.asked("b.test")), len(server.asked("b.test"))) == (1, 0)
        assert status(dig(net, "two", "fail.test"))[0] == "SERVFAIL"
        assert (len(silent.asked("fail.test")), len(server.asked("fail.test"))) == (1, 1)
        assert status(dig(net, "two", "refused.test"))[0] == "REFUSED"
        assert (len(silent.asked("refused.test")), len(server.asked("refused.test"))) == (1, 1)
        net.internet(f"iptables -A INPUT -d {SECOND_ADDRESS} -p udp -j DROP")
        assert short(net, "two", "c.test") == ["203.0.113.7"]  # after its patience of four seconds
        assert (len(silent.asked("c.test")), len(server.asked("c.test"))) == (0, 1)
    finally:
        silent.stop()


def test_who_gets_no_answer_is_told_so(net: Host, server: NameServer) -> None:
    """SERVFAIL, when the only server is silent, gone, or there is none."""
    assert status(dig(net, "two", "drop.test")) == ("SERVFAIL", "qr rd ra")
    server.stop()
    assert status(dig(net, "two", "x.test")) == ("SERVFAIL", "qr rd ra")
    use(net)
    assert status(dig(net, "two", "x.test", "+tcp")) == ("SERVFAIL", "qr rd ra")
    assert short(net, "two", "one") == [address(net, "one")]


def test_an_internal_network_asks_nobody_outside(host: Host, server: NameServer) -> None:
    """CVE-2024-29018: its own names have answers, and the server in the internet was asked nothing."""
    host.ok("network", "create", "--internal", "inside")
    host.ok("network", "create", "outside")
    host.ok("run", "-d", "--name", "one", "--net", "inside", BUSYBOX, "sleep", "300")
    assert short(host, "one", "one") == [address(host, "one")]
    for name in ("x.test", "single", "secret-1234.test"):
        assert status(dig(host, "one", name))[0] == "SERVFAIL"
        assert status(dig(host, "one", name, "+tcp"))[0] == "SERVFAIL"
    assert server.asked() == []
    host.ok("run", "-d", "--name", "two", "--net", "inside", "--net", "outside", BUSYBOX, "sleep", "300")
    assert short(host, "two", "x.test") == ["203.0.113.7"]


def test_given_servers_are_asked_from_the_container(net: Host, server: NameServer, tmp_path: Path) -> None:
    """--dns may be another container; it is asked from the container's own address, by UDP and TCP."""
    one = address(net, "one")
    given = NameServer(int(net.out("ip netns pids pyrun-one").split()[0]), tmp_path / "given", one)
    try:
        net.ok("run", "-d", "--name", "asks", "--net", "net1", "--dns", one, BUSYBOX, "sleep", "300")
        assert one not in net.ok("exec", "asks", "cat", "/etc/resolv.conf")
        for at in range(40):  # more than are made at a time
            assert short(net, "asks", f"n{at}.test") == ["203.0.113.7"]
        assert len(short(net, "asks", "big.test")) == 60
        assert {line.split()[1] for line in given.asked()} == {address(net, "asks")}
        assert server.asked() == []
    finally:
        given.stop()


def test_names_without_dots_stay_here_where_dots_were_chosen(net: Host, server: NameServer) -> None:
    """As Docker: who sets ndots has single names searched for, not asked for."""
    options = ["--dns-option", "ndots:2", "--dns-search", "x.test"]
    net.ok("run", "-d", "--name", "dots", "--net", "net1", *options, BUSYBOX, "sleep", "300")
    text = net.ok("exec", "dots", "cat", "/etc/resolv.conf")
    assert text == "search x.test\nnameserver 127.0.0.11\noptions ndots:2\n"
    assert status(dig(net, "dots", "single")) == ("NOERROR", "qr rd ra")
    assert server.asked() == []
    assert short(net, "dots", "one") == [address(net, "one")]


def test_the_hosts_own_stub_resolver_is_asked(net: Host, tmp_path: Path) -> None:
    """systemd-resolved's address is loopback of the host, which only the host reaches."""
    stub = NameServer(net.pid, tmp_path / "stub", "127.0.0.53")
    try:
        use(net, "127.0.0.53")
        assert short(net, "two", "x.test") == ["203.0.113.7"]
        assert stub.asked() == ["udp 127.0.0.1 x.test 1"]
    finally:
        stub.stop()
