"""Links: names, states and sizes of both ends of the cables, of the bridges, and what is left of them."""

from pyrun.parity.catalogue.phrases import inside, kept, network, pid
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "links"
_NAMED = "-o com.docker.network.bridge.name=named0"
_LINKS = "ip -o link | grep -vE ': (tunl|gre|erspan|ip_vti|ip6|sit)' | cut -d' ' -f2 | sed 's/@.*//; s/://'"

SCENARIOS = (
    Scenario(
        _AREA,
        "links inside",
        "names, flags, sizes and queues of the links that a container sees",
        inside(
            'ip -o link | sed "s/^[0-9]*: //; s/@[^:]*//; s/ link.*//" | grep -E "^(lo|eth)";'
            " cd /sys/class/net/eth0; for f in mtu tx_queue_len type operstate carrier addr_len; "
            "do echo $f $(cat $f); done"
        ),
        deviations=(
            Deviation(
                "Docker makes cables without a queue, so that one that is put there with tc has no room; "
                "pyrun leaves the kernel's length",
                lines="^eth0: |^tx_queue_len",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "links without a network",
        "--network none: what links there are, and their addresses",
        inside(
            f'{_LINKS.replace(chr(39), chr(34))} | sort; ip -o addr | cut -d" " -f2-7; ip route | wc -l',
            "--network none",
        ),
        deviations=(
            Deviation(
                "20.10 switches IPv6 off in each sandbox; "
                "pyrun, as current releases, leaves it on where no network says otherwise",
                until="26",
                lines="inet6 ::1/128",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "the host's own",
        "--network host: one network with the host, its links and addresses, and what inspect calls it",
        f"{kept('c1', '--network host')}; readlink /proc/{pid('c1')}/ns/net | cmp - <(readlink /proc/$$/ns/net) "
        "&& echo shared;"
        'E exec c1 ip -o -4 addr | grep -o "$HOST/[0-9]*"; E exec c1 cat /sys/class/net/lo/operstate;'
        "E inspect -f '{{.HostConfig.NetworkMode}} [{{.NetworkSettings.IPAddress}}] {{range $n, $x := "
        ".NetworkSettings.Networks}}{{$n}}: [{{$x.IPAddress}}]{{end}}' c1",
    ),
    Scenario(
        _AREA,
        "another container's",
        "--network container:NAME: one sandbox for both, with its address, name and files",
        f"{kept('c1', '--hostname h --add-host x:1.2.3.4')}; readlink /proc/{pid('c1')}/ns/net >first;"
        f"{kept('c2', '--network container:c1')}; readlink /proc/{pid('c2')}/ns/net | cmp - first && echo shared;"
        "for f in hostname resolv.conf hosts; do E exec c2 cat /etc/$f >two; "
        "E exec c1 cat /etc/$f | cmp - two && echo same $f; done;"
        "E exec c2 hostname; grep -c 1.2.3.4 two; "
        "E inspect -f '{{.HostConfig.NetworkMode | len}} {{len .NetworkSettings.Networks}}' c2",
    ),
    Scenario(
        _AREA,
        "both ends of the cable",
        "the host's end is known by the number behind the @ of the container's: its name, bridge and state",
        f"{network(options=_NAMED)}; {kept('c1', '--network n1')};"
        "N=$(E exec c1 ip -o link show eth0 | sed 's/.*@if//; s/:.*//');"
        'ip -d -o link | grep "^$N: " | grep -oE \'veth[0-9a-f]{7}@|master [a-z0-9]*|state [A-Z]*|mtu '
        "[0-9]*|veth$|bridge_slave state [a-z]*|hairpin [a-z]*|learning [a-z]*|flood [a-z]*'",
        normalise=(("veth[0-9a-f]{7}", "veth + 7 digits"),),
    ),
    Scenario(
        _AREA,
        "link-layer address of choice",
        "--mac-address inside, and in inspect; words that are none are refused",
        "quiet E run -d --name c1 --mac-address 02:42:01:02:03:04 TREE sleep 300; "
        "E exec c1 cat /sys/class/net/eth0/address;"
        "E inspect -f '{{.NetworkSettings.Networks.bridge.MacAddress}}' c1;"
        "for m in 02:42 nothing 02-42-01-02-03-09; do no run --rm --mac-address $m TREE true; done",
    ),
    Scenario(
        _AREA,
        "link-layer address by the engine",
        "how it follows from the IPv4 address",
        f"{network()}; {inside('cat /sys/class/net/eth0/address', '--network n1')}",
        deviations=(
            Deviation(
                "it follows from the address up to 27, and is random since; pyrun keeps to the former", since="28"
            ),
        ),
    ),
    Scenario(
        _AREA,
        "MTU of a network",
        "the option com.docker.network.driver.mtu: inside, on the bridge, and what a large packet meets",
        f"{network(options='-o com.docker.network.driver.mtu=1400 ' + _NAMED)}; {kept('c1', '--network n1')};"
        "E exec c1 cat /sys/class/net/eth0/mtu; ip -o link show named0 | grep -o 'mtu [0-9]*';"
        "E exec c1 ping -c 1 -W 1 -s 1372 10.77.0.1 | grep -c ttl; E exec c1 ip route get 10.77.0.1 | grep -c dev",
    ),
    Scenario(
        _AREA,
        "a bridge of one's own",
        "the option com.docker.network.bridge.name: link, address, sizes and settings of the bridge",
        f"{network(options=_NAMED)}; {kept('c1', '--network n1')};"
        "ip -o -4 addr show named0 | awk '{ print $4, $5, $6, $8 }'; ip -o link show named0 | grep -o '<.*>';"
        "ip -d -o link show named0 | grep -oE ' "
        "(mtu|state|stp_state|vlan_filtering|mcast_snooping|ageing_time|forward_delay|nf_call_iptables|qlen) "
        "[A-Za-z0-9]*';"
        "ip -o link show master named0 | wc -l",
        deviations=(Deviation("Docker makes links without a queue; pyrun leaves the kernel's length", lines="^ qlen"),),
    ),
    Scenario(
        _AREA,
        "a bridge without containers",
        "there it is, with its address, and down as far as carriers go",
        f"{network(options=_NAMED)}; ip -br link show named0 | awk '{{ print $1, $2 }}'; "
        f"ip -br -4 addr show named0 | awk '{{ print $3 }}'",
    ),
    Scenario(
        _AREA,
        "a bridge's name by the engine",
        "br- and the first twelve digits of the network's id",
        "ID=$(E network create n1); ip -br link show br-${ID:0:12} | cut -d' ' -f1 | wc -c; E network rm n1; "
        "ip -br link show br-${ID:0:12} 2>&1 | grep -c 'not exist'",
    ),
    Scenario(
        _AREA,
        "links that are left",
        "links of a network and of its containers are gone when these are removed",
        f"L() {{ ip -br link | grep -E 'named0|^veth' | cut -d' ' -f1 | cut -d@ -f1 | sort; }}; L >before; "
        f"{network(options=_NAMED)}; {kept('c1', '--network n1')};"
        'V=$(ip -br link show master named0 | cut -d@ -f1); L | comm -13 before - | grep -cE "$V|named0"; '
        "quiet E rm -f c1; soon eval '! ip link show $V';"
        "ip link show $V 2>&1 | grep -c 'not exist'; ip -br link show named0 | cut -d' ' -f1; E network rm n1; "
        "ip link show named0 2>&1 | grep -c 'not exist'",
    ),
    Scenario(
        _AREA,
        "plugged in and out",
        "connect makes eth1 in a container that runs, disconnect of the first network takes eth0, connect makes "
        "another",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')};"
        "L() { E exec c1 ip -o -4 addr | awk '{ print $2, $4 }'; }; E network connect n2 c1; L; "
        "E network disconnect n1 c1; L; E network connect n1 c1; L",
        deviations=(
            Deviation(
                "Docker counts on, seen with 20.10 and 26; pyrun takes the lowest number that is free",
                until="28",
                lines="^eth[02] 10.77",
            ),
        ),
    ),
)
