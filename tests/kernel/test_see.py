"""The network drawn, explained and inspected: ip, bridge, ping and the tools' own listings are the witnesses."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator

import pytest
from lab import BUSYBOX, HOST_ADDRESS, INTERNET_ADDRESS, PYRUN, TYPED, Host, fresh_host, wait_until

SVG = "{http://www.w3.org/2000/svg}"


@contextlib.contextmanager
def _town(tool: str) -> Iterator[Host]:
    """Give a host with networks of all kinds, a neighbour's bridge and an IPv6 uplink, its rules made with *tool*."""
    former = os.environ.get("PYRUN_FIREWALL", "")
    os.environ["PYRUN_FIREWALL"] = tool
    try:
        with fresh_host() as host:
            _build(host)
            yield host
            host.shell("kill $(cat /run/neighbour)")
    finally:
        os.environ["PYRUN_FIREWALL"] = former


def _build(host: Host) -> None:
    host.out("ip addr add 2001:db8:1::2/64 dev up0 nodad; ip -6 route add default via 2001:db8:1::1")
    host.internet("ip addr add 2001:db8:1::1/64 dev up0 nodad")
    host.ok("network", "create", "--ipv6", "web")
    host.ok("network", "create", "--internal", "shut")
    host.ok("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "apart")
    for name, *options in (
        ("con1",),
        ("con2",),
        ("con3", "--network", "web", "-p", "8080:80", "-p", f"{HOST_ADDRESS}:8081:80"),
        ("both", "--network", "web", "--network", "shut"),
        ("in1", "--network", "shut"),
        ("ap1", "--network", "apart"),
        ("ap2", "--network", "apart"),
        ("bare", "--network", "none"),
        ("side", "--network", "container:con1"),
    ):
        host.ok("run", "-d", "--name", name, *options, BUSYBOX, "sh", "-c", "httpd -p 80; sleep 1000")
    host.out(
        "ip link add docker0 type bridge; ip addr add 172.31.0.1/16 dev docker0; ip link set docker0 up;"
        "unshare -n sleep 1000 >/dev/null 2>&1 & echo $! > /run/neighbour; sleep 0.1; P=$(cat /run/neighbour);"
        "ip link add vethn type veth peer name eth0 netns $P; ip link set vethn master docker0 up;"
        "nsenter -t $P -n sh -c 'ip addr add 172.31.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.31.0.1'"
    )


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def town(request: pytest.FixtureRequest, private_host: None) -> Iterator[Host]:
    """Give the town with each tool."""
    with _town(request.param) as host:
        yield host


def _inside(host: Host, name: str) -> dict[str, dict[str, object]]:
    return {link["ifname"]: link for link in json.loads(host.out(f"ip -n pyrun-{name} -j addr"))}


def _outside(host: Host) -> dict[int, dict[str, object]]:
    return {link["ifindex"]: link for link in json.loads(host.out("ip -j -d addr"))}


def why(host: Host, source: str, target: str, *options: str) -> "dict[str, object]":
    done = host.pyrun("network", "why", source, target, "--format", "json", *options)
    told: dict[str, object] = json.loads(done.stdout)
    assert done.returncode == (0 if told["Reachable"] else 1), done
    return told


def decider(told: "dict[str, object]") -> str:
    rule = told["Decider"]
    assert isinstance(rule, dict)
    return f"{rule['Chain']}: {rule['Rule']}"


def pings(host: Host, source: str, target: str) -> bool:
    """Ask ping of the host, in the source's namespace."""
    where = "" if source == "host" else f"ip netns exec pyrun-{source} "
    return host.shell(f"{where}ping -c 1 -W 1 {target}").returncode == 0


def address(host: Host, name: str, link: str = "eth0") -> str:
    return next(str(a["local"]) for a in _inside(host, name)[link]["addr_info"] if a["family"] == "inet")  # type: ignore[attr-defined]


def test_the_drawing_has_each_cable_with_both_ends(town: Host) -> None:
    drawn, links = town.ok("network", "diagram"), _outside(town)
    for name, link in (
        ("con1", "eth0"),
        ("con2", "eth0"),
        ("con3", "eth0"),
        ("both", "eth0"),
        ("both", "eth1"),
        ("ap1", "eth0"),
    ):
        inner = _inside(town, name)[link]
        outer = links[inner["link_index"]]  # type: ignore[index]
        row = f"{outer['ifname']} ({outer['ifindex']}) ═══ {link} ({inner['ifindex']})"
        assert re.search(rf"{re.escape(row)} +{name}( \+ side)?\b", drawn), (row, drawn)
        assert f"{address(town, name, link)}/16" in drawn


def test_the_drawing_says_what_leads_out_and_what_is_published(town: Host) -> None:
    drawn = town.ok("network", "diagram")
    assert f"default via {INTERNET_ADDRESS}, 2001:db8:1::1" in drawn
    assert "host  passes IPv4 and IPv6 on" in drawn
    assert "0.0.0.0:8080 → 80/tcp" in drawn and "[::]:8080 → 80/tcp" in drawn
    assert re.search(r"network shut, internal ", drawn) and re.search(r"network apart, icc off ", drawn)
    shut = address(town, "in1").rsplit(".", 2)[0] + ".0.0/16"
    web = address(town, "con3").rsplit(".", 2)[0] + ".0.0/16"
    nat = drawn.partition("NAT:")[2].partition("host  ")[0]
    assert web in nat and shut not in nat and "172.31.0.0/16" not in nat
    pid = json.loads(town.ok("inspect", "con1"))[0]["State"]["Pid"]
    inode = town.out("stat -Lc %i /run/netns/pyrun-con1").strip()
    assert f"pid {pid}, netns {inode}" in drawn
    assert re.search(r"\(no cable\)  bare ", drawn)
    assert "also eth1 on shut" in drawn and "also eth0 on web" in drawn


def test_what_is_not_pyruns_is_greyed_on_a_terminal(town: Host) -> None:
    drawn = town.ok("network", "diagram")
    assert re.search(r"docker0 \(\d+\)  \(Docker's, not pyrun's\)  172.31.0.1/16", drawn)
    assert re.search(r"vethn \(\d+\) ═══ if\d+  in another namespace", drawn)
    assert "\033" not in drawn
    shown = town.shell(f"script -qec {shlex.quote(f'{TYPED} network diagram')} /dev/null").stdout.decode()
    grey = [line for line in shown.splitlines() if "\033[2m" in line]
    assert any("docker0" in line for line in grey) and any("vethn" in line for line in grey)
    assert not any("con1" in line for line in grey)


def test_no_line_is_longer_than_80_columns(town: Host) -> None:
    assert [line for line in town.ok("network", "diagram").splitlines() if len(line) > 80] == []


def test_an_empty_host_is_drawn(host: Host) -> None:
    drawn = host.ok("network", "diagram")
    assert "up0 (" in drawn and "no bridges, no containers" in drawn
    ElementTree.fromstring(host.ok("network", "diagram", "--format", "svg"))
    assert host.ok("network", "diagram", "--format", "mermaid").startswith("flowchart LR\n")


def test_thirty_containers_are_drawn(host: Host) -> None:
    for at in range(30):
        host.ok("run", "-d", "--name", f"many{at}", BUSYBOX, "sleep", "1000")
    drawn = host.ok("network", "diagram")
    assert [line for line in drawn.splitlines() if len(line) > 80] == []
    for at in range(30):
        assert re.search(rf"═══ eth0 \(2\) +many{at}\n", drawn)
    picture = ElementTree.fromstring(host.ok("network", "diagram", "--format", "svg"))
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height")) for box in _of_class(picture, "box")
    ]
    assert len(boxes) == 30
    assert all(low[1] + low[3] <= high[1] for low, high in zip(sorted(boxes), sorted(boxes)[1:], strict=False))


def _of_class(picture: ElementTree.Element, name: str) -> "list[ElementTree.Element]":
    return [box for box in picture.iter(f"{SVG}rect") if box.get("class") == name]


def test_the_picture_is_one_file_with_everything_in_it(town: Host) -> None:
    text = town.ok("network", "diagram", "--format", "svg")
    picture = ElementTree.fromstring(text)
    words = [element.text for element in picture.iter(f"{SVG}text")]
    assert {"con1 + side", "con2", "con3", "both", "in1", "ap1", "ap2", "bare", "host"} <= set(words)
    assert (
        "http" not in text.replace("http://www.w3.org/2000/svg", "") and "<image" not in text and "@import" not in text
    )
    assert len([path for path in picture.iter(f"{SVG}path") if path.get("class") == "cable"]) == 8
    assert any(word and word.startswith("docker0") for word in words)
    assert _of_class(picture, "foreign")
    wide, high = float(picture.attrib["width"]), float(picture.attrib["height"])
    for element in picture.iter(f"{SVG}rect"):
        right = float(element.get("x", "0")) + float(element.attrib["width"])
        bottom = float(element.get("y", "0")) + float(element.attrib["height"])
        assert right <= wide and bottom <= high


_NODE = r"[a-z]+\d*"
_LABEL = r'"[^"<>&#|\n]*(?:(?:<br/>|#\w+;)[^"<>&#|\n]*)*"'
_MERMAID = re.compile(
    rf"flowchart LR|  subgraph host\[{_LABEL}\]|  end|  outside\(\[{_LABEL}\]\)|    router\{{\{{{_LABEL}\}}\}}"
    rf"|    {_NODE}\[{_LABEL}\]|  {_NODE}\[{_LABEL}\]|  {_NODE} ---(\|{_LABEL}\|)? {_NODE}"
    r"|  classDef foreign [a-z:#0-9,]+|  class [a-z0-9,]+ foreign"
)


def test_the_mermaid_document_has_only_lines_that_mermaid_knows(town: Host) -> None:
    """The same documents were given to mermaid itself, whose parser takes them."""
    lines = town.ok("network", "diagram", "--format", "mermaid").splitlines()
    assert [line for line in lines if not _MERMAID.fullmatch(line)] == []
    declared = {match.group(1) for line in lines if (match := re.match(rf"\s+({_NODE})[\[({{]", line))}
    for line in lines:
        if edge := re.fullmatch(rf"  ({_NODE}) ---(?:\|{_LABEL}\|)? ({_NODE})", line):
            assert set(edge.groups()) <= declared | {"router"}, line


def test_a_host_program_runs_in_the_containers_network(town: Host) -> None:
    own = town.ok("netns", "exec", "con1", "--", "ip", "-j", "addr")
    assert json.loads(own) == json.loads(town.out("ip -n pyrun-con1 -j addr"))
    assert town.ok("netns", "exec", "con1", "readlink", "/proc/self/ns/mnt") == town.out("readlink /proc/self/ns/mnt")
    assert town.ok("netns", "exec", "con1", "readlink", "/proc/self/ns/net") == town.out(
        "ip netns exec pyrun-con1 readlink /proc/self/ns/net"
    )


def test_its_exit_code_signals_and_umask_are_as_without_us(town: Host) -> None:
    for code, *command in ((7, "sh", "-c", "exit 7"), (127, "nosuchprogram"), (126, "/etc/passwd"), (125,)):
        assert town.pyrun("netns", "exec", "con1", "--", *command).returncode == code, command
    assert town.pyrun("netns", "exec", "nobody", "true").returncode == 1
    script = "umask; grep SigIgn /proc/self/status"
    expected = town.out(f"umask 027; sh -c '{script}'")
    assert town.out(f"umask 027; {TYPED} netns exec con1 sh -c '{script}'") == expected
    assert town.ok("netns", "exec", "con1", "cat", stdin=b"through\n") == "through\n"


def test_a_hosts_tool_sees_the_containers_packets(town: Host) -> None:
    """What tcpdump is run for: a packet socket of the host's python sees a ping arrive."""
    sniff = (
        "import socket,sys\ns = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0x0800 << 0 and socket.htons(0x0800))\n"
        "s.bind(('eth0', 0)); s.settimeout(20); print('ready', flush=True)\n"
        "while True:\n p = s.recv(2000)\n if p[23] == 1: print('.'.join(map(str, p[26:30]))); break"
    )
    with town.start([*PYRUN, "netns", "exec", "con1", "--", "python3", "-c", sniff], stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"ready\n"
        town.ok("exec", "con2", "ping", "-c", "1", address(town, "con1"))
        assert process.stdout.readline().decode().strip() == address(town, "con2")


@pytest.mark.parametrize("source", ["con1", "both", "in1", "ap1", "host"])
def test_what_it_says_is_what_ping_finds(town: Host, source: str) -> None:
    """Every pair, in words and by ping."""
    told, found = {}, {}
    for target, link in (
        ("con2", "eth0"), ("con3", "eth0"), ("both", "eth0"), ("both", "eth1"), ("in1", "eth0"), ("ap2", "eth0")
    ):  # fmt: skip
        if target != source:
            where = address(town, target, link)
            told[target, link] = why(town, source, where)["Reachable"]
            found[target, link] = pings(town, source, where)
    for where in (INTERNET_ADDRESS, "172.31.0.2", "172.31.0.1", HOST_ADDRESS, "198.51.100.77"):
        answer = why(town, source, where)["Reachable"]
        told[where, ""] = answer if where != "198.51.100.77" else False  # nobody is there, which only asking shows
        found[where, ""] = pings(town, source, where)
    assert told == found


def test_isolation_is_the_reason_and_the_probe_confirms_it(town: Host) -> None:
    """What the tutorial's author did not see: why con1 does not reach con3."""
    told = why(town, "con1", "con3", "--probe")
    assert told["Reason"] == "networks do not reach each other"
    assert "PYRUN-ISOLATION-STAGE-2" in decider(told) or "oifname @bridges" in decider(told)
    probe, rule = told["Probe"], told["Decider"]
    assert isinstance(probe, dict) and isinstance(rule, dict)
    assert (probe["Reachable"], probe["Confirmed"]) == (False, True)
    moved = {(each["Chain"], each["Number"]): each["Packets"] for each in probe["Moved"]}
    assert moved[rule["Chain"], rule["Number"]] >= 1
    before = _count(town, rule)
    assert not pings(town, "con1", address(town, "con3"))
    assert _count(town, rule) == before + 1


def _count(host: Host, rule: "dict[str, object]") -> int:
    """Let the tool itself say how often the rule has matched."""
    if rule["Tool"] == "iptables":
        listed = host.out(f"iptables -t {rule['Table']} -vxL {rule['Chain']} {rule['Number']} -n")
        return int(listed.split()[0])
    listed = host.out(f"nft list chain {rule['Table']} {rule['Chain']}")
    text = str(rule["Rule"]).replace("counter", r"counter packets (\d+) bytes \d+", 1)
    found = re.search(re.sub(r"@|\*", lambda m: re.escape(m.group()), text), listed)
    assert found, listed
    return int(found.group(1))


@pytest.mark.parametrize(
    ("source", "target", "options", "reachable", "confirmed"),
    [
        ("con1", "con2", ["--probe"], True, True),
        ("con1", "con2:80", ["--probe"], True, True),
        ("con1", "con2:81", ["--probe"], False, True),
        ("con1", "con2:81/udp", ["--probe"], False, True),
        ("con1", INTERNET_ADDRESS, ["--probe"], True, True),
        ("con1", "host", ["--probe"], True, True),
        ("con1", "con3:80", ["--probe"], False, True),
        ("ap1", "ap2", ["--probe"], False, True),
        ("ap1", INTERNET_ADDRESS, ["--probe"], True, True),
        ("in1", INTERNET_ADDRESS, ["--probe"], False, True),
        ("both", "in1", ["--probe"], True, True),
        ("host", "con3:80", ["--probe"], True, True),
        ("host", f"{HOST_ADDRESS}:8080", ["--probe"], True, True),
        ("host", "127.0.0.1:8080", ["--probe"], True, True),
        ("host", "127.0.0.1:8081", ["--probe"], False, True),
        ("con1", "host:8080", ["--probe"], True, True),
        ("con3", f"{HOST_ADDRESS}:8080", ["--probe"], True, True),
        ("con3", "2001:db8:1::1", ["--probe"], True, True),
        (INTERNET_ADDRESS, "host:8080", [], True, None),
        (INTERNET_ADDRESS, "host:8081", [], True, None),
        (INTERNET_ADDRESS, "host:8082", [], False, None),
        (INTERNET_ADDRESS, "con3:80", [], False, None),
        (INTERNET_ADDRESS, "con1", [], False, None),
        ("2001:db8:1::1", "[2001:db8:1::2]:8080", [], True, None),
        ("172.31.0.2", "con1", [], False, None),
        ("con1", "172.31.0.2", ["--probe"], False, True),
    ],
)  # fmt: skip
def test_it_says_so_and_a_packet_agrees(
    town: Host, source: str, target: str, options: "list[str]", reachable: bool, confirmed: "bool | None"
) -> None:
    told = why(town, source, target, *options)
    probe = told["Probe"]
    assert told["Reachable"] is reachable, told
    assert (probe["Confirmed"] if isinstance(probe, dict) else None) is confirmed, told


def test_a_published_port_is_followed_to_the_container(town: Host) -> None:
    """And the far side, asked to connect, agrees."""
    told = why(town, INTERNET_ADDRESS, "host:8080")
    assert told["Packet"] == {"Source": INTERNET_ADDRESS, "Target": address(town, "con3"), "Port": 80}
    connect = "exec 3<>/dev/tcp/{}/{} && echo there"
    assert town.internet(connect.format(HOST_ADDRESS, 8080)).stdout == b"there\n"
    assert town.internet(connect.format(HOST_ADDRESS, 8082)).stdout == b""


def test_a_rule_of_somebody_else_is_named(town: Host) -> None:
    nft = "nft add table inet foreign; nft add chain inet foreign f '{ type filter hook forward priority 10; }'"
    town.out(f"{nft}; nft add rule inet foreign f ip daddr {INTERNET_ADDRESS} counter drop")
    told = why(town, "con1", INTERNET_ADDRESS, "--probe")
    town.out("nft delete table inet foreign")
    assert told["Reachable"] is False and decider(told) == f"f: ip daddr {INTERNET_ADDRESS} counter drop"
    assert isinstance(told["Probe"], dict) and told["Probe"]["Confirmed"] is True
    town.out(f"iptables -I FORWARD -d {INTERNET_ADDRESS} -j DROP")
    told = why(town, "con1", INTERNET_ADDRESS)
    town.out(f"iptables -D FORWARD -d {INTERNET_ADDRESS} -j DROP")
    assert (told["Reachable"], decider(told)) == (False, f"FORWARD: -d {INTERNET_ADDRESS}/32 -j DROP")


def test_tables_that_are_not_followed_are_named_where_they_have_rules(town: Host) -> None:
    """They may stop what is said to get through, as here; the probe tells."""
    for line in (
        "table bridge empty",
        "table bridge foreign",
        "chain bridge foreign f '{ type filter hook input priority 0; }'",
        "rule bridge foreign f ip protocol icmp drop",
        "table netdev far",
        "chain netdev far f '{ type filter hook ingress device up0 priority 0; }'",
        "rule netdev far f counter",
        "rule netdev far f counter",
    ):
        town.out(f"nft add {line}")
    told = why(town, "con1", INTERNET_ADDRESS)
    words = town.pyrun("network", "why", "con1", INTERNET_ADDRESS, "--probe")
    town.out("nft delete table bridge empty; nft delete table bridge foreign; nft delete table netdev far")
    expected = [
        "table bridge foreign is not followed, and has 1 rule",
        "table netdev far is not followed, and has 2 rules",
    ]
    assert (told["Reachable"], sorted(told["NotFollowed"])) == (True, expected)  # type: ignore[call-overload]
    shown = words.stdout.decode()
    for line in expected:
        assert f"\nNote: {line}\n" in shown
    assert "The probe does not agree with this." in shown
    assert words.stderr == b""
    assert why(town, "con1", INTERNET_ADDRESS)["NotFollowed"] == []


def test_what_cannot_be_judged_is_not_guessed(town: Host) -> None:
    town.out(f"iptables -I FORWARD -d {INTERNET_ADDRESS} -m limit --limit 1/sec -j DROP")
    told = why(town, "con1", INTERNET_ADDRESS)
    words = town.pyrun("network", "why", "con1", INTERNET_ADDRESS)
    town.out(f"iptables -D FORWARD -d {INTERNET_ADDRESS} -m limit --limit 1/sec -j DROP")
    assert told["Reachable"] is None and "--limit" in decider(told)
    assert (
        words.returncode == 1
        and b"Cannot be told" in words.stdout
        and b"In doubt: iptables filter FORWARD" in words.stdout
    )


def test_switched_off_things_are_found(town: Host) -> None:
    port = next(p for p in json.loads(town.ok("network", "inspect", "bridge"))[0]["Ports"] if p["Name"] == "con2")
    town.out(f"ip link set {port['HostInterface']} down")
    told = why(town, "con1", "con2")
    town.out(f"ip link set {port['HostInterface']} up")
    assert told["Reachable"] is False and port["HostInterface"] in str(told["Reason"])
    wait_until(lambda: pings(town, "con1", address(town, "con2")))


def test_an_isolated_port_is_the_reason_where_icc_is_off(town: Host) -> None:
    port = next(p for p in json.loads(town.ok("network", "inspect", "apart"))[0]["Ports"] if p["Name"] == "ap2")
    assert str(why(town, "ap1", "ap2")["Reason"]).startswith(f"{port['HostInterface']} is isolated as well")
    town.out(f"bridge link set dev {port['HostInterface']} isolated off")
    told = why(town, "ap1", "ap2")
    town.out(f"bridge link set dev {port['HostInterface']} isolated on")
    assert "isolated" not in str(told["Reason"])


def test_bad_questions_are_one_line(town: Host) -> None:
    for source, target in (("nobody", "con1"), ("con1", "nobody"), ("con1", "con2:0"), ("con1", "con2:65536"),
                           ("con1", "con2:80/xyz"), ("con1", "1.2.3.400"), ("con1", "bare"), ("", "con1")):  # fmt: skip
        done = town.pyrun("network", "why", source, target)
        assert done.returncode != 0 and done.stderr.count(b"\n") == 1 and b"internal" not in done.stderr, (
            source,
            target,
            done,
        )
    assert town.pyrun("network", "why", INTERNET_ADDRESS, "con1", "--probe").returncode == 1
    assert town.pyrun("network", "diagram", "--format", "pdf").returncode == 125


def test_looking_changes_nothing(town: Host) -> None:
    before = town.snapshot()
    for line in ("network diagram", "network why con1 con3", "network why host con3:80", "network inspect web"):
        town.pyrun(*line.split())
    after = town.snapshot()
    assert {key: value for key, value in after.items() if key != "processes"} == {
        key: value for key, value in before.items() if key != "processes"
    }


def test_inspect_tells_the_ports_of_the_bridge(town: Host) -> None:
    for network, isolated in (("web", False), ("apart", True), ("bridge", False)):
        told = json.loads(town.ok("network", "inspect", network))[0]
        listed = json.loads(town.out("bridge -j -d link show"))
        links = {link["ifname"]: link for link in listed if link.get("master") == told["Bridge"]}
        assert {port["HostInterface"] for port in told["Ports"]} == set(links)
        for port in told["Ports"]:
            link = links[port["HostInterface"]]
            assert (port["State"], port["HostInterfaceIndex"]) == (link["state"], link["ifindex"])
            assert (port["Isolated"], bool(link["isolated"])) == (isolated, isolated)
            inner = _inside(town, port["Name"])[port["Interface"]]
            assert (port["InterfaceIndex"], port["HostInterfaceIndex"]) == (inner["ifindex"], inner["link_index"])


def test_inspect_tells_rules_with_their_counters_and_reasons(town: Host) -> None:
    told = json.loads(town.ok("network", "inspect", "bridge"))[0]
    leaving = [r for r in told["Rules"] if r["Reason"] == "containers reach the outside"]
    assert len(leaving) == 1 and all(rule["Reason"] for rule in told["Rules"])
    town.ok("exec", "con1", "ping", "-c", "1", INTERNET_ADDRESS)
    again = json.loads(town.ok("network", "inspect", "bridge"))[0]
    moved = next(r for r in again["Rules"] if r["Rule"] == leaving[0]["Rule"] and r["Chain"] == leaving[0]["Chain"])
    assert (moved["Packets"], moved["Bytes"]) == (leaving[0]["Packets"] + 1, leaving[0]["Bytes"] + 84)


def test_inspect_tells_who_has_which_address(town: Host) -> None:
    told = json.loads(town.ok("network", "inspect", "bridge"))[0]
    (subnet, pool), *_ = told["Status"]["IPAM"]["Subnets"].items()
    base = subnet.rsplit(".", 2)[0]
    assert pool["UsedAddresses"] == {f"{base}.0.1": "gateway", f"{base}.0.2": "con1", f"{base}.0.3": "con2"}
    assert pool["FreeAddresses"] == [f"{base}.0.4-{base}.255.254"]
    assert pool["UsedAddresses"][address(town, "con2")] == "con2"


def test_a_container_that_ends_meanwhile_is_left_out(town: Host) -> None:
    """Containers come and go while somebody looks."""
    script = f"for i in 1 2 3 4 5 6; do PYRUN run --rm --name briefAT-$i {BUSYBOX} true; done"
    others = [
        town.start(["bash", "-c", script.replace("AT", str(at)).replace("PYRUN", TYPED)], stderr=subprocess.PIPE)
        for at in (1, 2)
    ]
    deadline = time.monotonic() + 60
    while any(process.poll() is None for process in others) and time.monotonic() < deadline:
        assert "con1" in town.ok("network", "diagram")
    assert [process.communicate()[1] for process in others] == [b"", b""]
