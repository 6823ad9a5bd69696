"""The network drawn, explained and inspected: ip, bridge, ping and the tools' own listings are the witnesses."""

import json
import re
import shlex
import subprocess
import time
import xml.etree.ElementTree as ElementTree

from lab import BUSYBOX, INTERNET_ADDRESS, PYRUN, TYPED, Host
from town import address, inside, outside

SVG = "{http://www.w3.org/2000/svg}"


def test_the_drawing_has_each_cable_with_both_ends(town: Host) -> None:
    drawn, links = town.ok("network", "diagram"), outside(town)
    for name, link in (
        ("con1", "eth0"),
        ("con2", "eth0"),
        ("con3", "eth0"),
        ("both", "eth0"),
        ("both", "eth1"),
        ("ap1", "eth0"),
    ):
        inner = inside(town, name)[link]
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


def test_a_namespace_made_by_hand_is_drawn_by_its_name(town: Host) -> None:
    town.out(
        "ip netns add hand; ip netns add bare2; ip link add hand0 type bridge;"
        "ip link add hand1 type veth peer name eth0 netns hand; ip link set hand1 master hand0;"
        "ip -n hand addr add 10.1.1.2/24 dev eth0"
    )
    drawn, links = town.ok("network", "diagram"), outside(town)
    number = next(number for number, link in links.items() if link["ifname"] == "hand1")
    inode, bare = (town.out(f"stat -Lc %i /run/netns/{name}").strip() for name in ("hand", "bare2"))
    assert f"hand1 ({number}) ═══ eth0 (2)  hand  [switched off]" in drawn
    assert re.search(rf"10\.1\.1\.2/24\n.* eth0 is switched off\n\W+netns {inode}\n", drawn)
    assert re.search(rf"\(no cable\)  bare2  netns {bare}\n.*links: lo \(1\)\n", drawn)
    assert "internet" not in drawn  # the far end of the uplink is the outside
    assert f'netns{inode}["hand<br/>netns {inode}<br/>eth0 10.1.1.2/24"]' in town.ok(
        "network", "diagram", "--format", "mermaid"
    )
    assert f">netns {inode}</text>" in town.ok("network", "diagram", "--format", "svg")
    assert town.pyrun("network", "why", "10.1.1.2", "con1").returncode in (0, 1)  # it is a stranger there, as ever
    town.out("ip netns del bare2; ip link del hand0")
    drawn = town.ok("network", "diagram")
    assert re.search(
        rf"\(no bridge\)  hand  netns {inode}\n.*links: lo \(1\), hand1 \({number}\) ═══ eth0 \(2\) 10.1.1.2/24\n",
        drawn,
    )
    edge = f'router ---|"hand1 ({number}) ═ eth0 (2)<br/>switched off"| netns{inode}'
    assert edge in town.ok("network", "diagram", "--format", "mermaid")
    assert f"hand1 ({number}) ═ eth0 (2) 10.1.1.2/24</text>" in town.ok("network", "diagram", "--format", "svg")
    town.out("ip netns del hand")


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
    town.ok("create", "--name", "idle", BUSYBOX, "true")
    for name in ("nobody", "idle"):
        assert town.pyrun("netns", "exec", name, "true").returncode == 125  # 1 is what programs end with
    town.ok("rm", "idle")
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
            inner = inside(town, port["Name"])[port["Interface"]]
            assert (port["InterfaceIndex"], port["HostInterfaceIndex"]) == (inner["ifindex"], inner["link_index"])


def _cables(host: Host, name: str) -> dict[str, tuple[int, int]]:
    told = json.loads(host.ok("inspect", name))[0]["NetworkSettings"]["Networks"].values()
    return {each["Interface"]: (each["InterfaceIndex"], each["HostInterfaceIndex"]) for each in told}


def test_inspect_tells_both_ends_of_a_cable_while_it_leads_to_the_container(town: Host) -> None:
    town.ok("run", "-d", "--name", "two", "--network", "web", "--network", "bridge", BUSYBOX, "sleep", "600")
    links = {name: (link["ifindex"], link["link_index"]) for name, link in inside(town, "two").items() if name != "lo"}
    assert len(links) == 2
    assert _cables(town, "two") == links
    outer = next(each for each in json.loads(town.out("ip -j link")) if each["ifindex"] == links["eth1"][1])["ifname"]
    pid = town.ok("inspect", "-f", "{{.State.Pid}}", "con1").strip()
    town.out(f"ip -n pyrun-two link set eth1 netns {pid} name lent")
    assert _cables(town, "two") == {**links, "eth1": (0, 0)}
    town.out(f"ip link del {outer} && ip link add {outer} type bridge")
    assert _cables(town, "two") == {**links, "eth1": (0, 0)}
    town.out(f"ip link del {outer}")
    assert _cables(town, "two") == {**links, "eth1": (0, 0)}
    town.ok("rm", "-f", "two")


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
