"""Which address a container gets: on the default bridge, on networks of one's own, by choice, once others have gone."""

from pyrun.parity.catalogue.phrases import inside, kept, network
from pyrun.parity.scenario import Deviation, Scenario

_SHOW = 'ip -o -4 addr show eth0 | awk "{ print \\$4, \\$5, \\$6 }"'
_AREA = "addressing"

SCENARIOS = (
    Scenario(
        _AREA,
        "addresses on the default bridge",
        "runs two containers; their addresses, broadcast addresses and prefix",
        f"{kept('c1')}; {inside(_SHOW)}; E exec c1 sh -c '{_SHOW}'",
    ),
    Scenario(
        _AREA,
        "lowest free address",
        "removes the first of three containers; the next one gets its address, the one after it a new one",
        f"{network()}; for c in c1 c2 c3; do quiet E run -d --name $c --network n1 TREE sleep 300; done; "
        "quiet E rm -f c1;"
        f"{kept('c4', '--network n1')}; {kept('c5', '--network n1')};"
        "for c in c2 c3 c4 c5; do E inspect -f '{{.Name}} {{.NetworkSettings.Networks.n1.IPAddress}}' $c; done",
    ),
    Scenario(
        _AREA,
        "stopped and started",
        "another container takes the address of one that is stopped; started again it gets the next one",
        f"{network()}; {kept('c1', '--network n1')}; quiet E stop -t 0 c1;"
        "E inspect -f 'stopped: [{{.NetworkSettings.Networks.n1.IPAddress}}]' c1;"
        f"{kept('c2', '--network n1')}; quiet E start c1;"
        "for c in c1 c2; do E inspect -f '{{.Name}} {{.NetworkSettings.Networks.n1.IPAddress}}' $c; done",
    ),
    Scenario(
        _AREA,
        "gateway and range",
        "a network with a gateway and a range of choice; address and route of a container",
        f"{network(options='--gateway 10.77.0.254 --ip-range 10.77.0.128/25')};"
        + inside('ip -o -4 addr show eth0 | cut -d" " -f7; ip route', "--network n1"),
    ),
    Scenario(
        _AREA,
        "auxiliary address",
        "an address that a network keeps for another machine is given to nobody",
        f"{network(options='--aux-address router=10.77.0.2')}; {inside(_SHOW, '--network n1')}",
    ),
    Scenario(
        _AREA,
        "address of choice",
        "--ip on a network of one's own: the address, and the link-layer address",
        f"{network()}; " + inside(_SHOW + "; cat /sys/class/net/eth0/address", "--network n1 --ip 10.77.0.77"),
        deviations=(
            Deviation(
                "link-layer addresses follow from IPv4 addresses up to 27, and are random since",
                since="28",
                lines="^([0-9a-f]{2}:){5}[0-9a-f]{2}$",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "address of choice, kept",
        "--ip is there again after stop and start, whoever came in between",
        f"{network()}; {kept('c1', '--network n1 --ip 10.77.0.2')}; quiet E stop -t 0 c1; {kept('c2', '--network n1')};"
        "E start c1 2>/dev/null; echo $?; E inspect -f '{{.NetworkSettings.Networks.n1.IPAddress}}' c2;"
        "E inspect -f '{{json .NetworkSettings.Networks.n1.IPAMConfig}}' c1",
    ),
    Scenario(
        _AREA,
        "address of choice on the default bridge",
        "--ip without a network of one's own is refused",
        "E run --rm --ip 172.17.0.99 TREE true 2>/dev/null; echo $?",
        deviations=(
            Deviation(
                "20.10 takes --ip on the default bridge and ignores it; "
                "pyrun refuses it, as Docker's documentation says",
                until="23",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "address outside of the subnet",
        "--ip of another subnet, the gateway's, and one that is taken are refused",
        f"{network()}; {kept('c1', '--network n1')};"
        "for a in 10.78.0.7 10.77.0.1 10.77.0.2 10.77.0.3; "
        "do E run --rm --network n1 --ip $a TREE true 2>/dev/null; echo $a $?; done",
    ),
    Scenario(
        _AREA,
        "first and last address",
        "--ip of the subnet's own address, its broadcast address, and no address at all",
        f"{network()}; for a in 10.77.0.0 10.77.0.255 10.77.0.254 x 10.77.0 fd00::5; do"
        " E run --rm --network n1 --ip $a TREE true 2>/dev/null; echo $a $?; done",
    ),
    Scenario(
        _AREA,
        "no address left",
        "a subnet of four addresses has room for one container",
        f"{network(subnet='10.77.0.0/30')}; {kept('c1', '--network n1')};"
        "E inspect -f '{{.NetworkSettings.Networks.n1.IPAddress}}' c1;"
        "E run --rm --network n1 TREE true 2>/dev/null; echo $?; quiet E rm -f c1; "
        "E run --rm --network n1 TREE true; echo $?",
    ),
    Scenario(
        _AREA,
        "subnet of choice of the engine",
        "networks without --subnet: that they differ, and that the gateway is the first address",
        "quiet E network create n1; quiet E network create n2;"
        "for n in n1 n2; do E network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{.Gateway}}{{end}}' $n; "
        "done >both;"
        "sort -u both | wc -l; sed 's/^[0-9]*\\.[0-9]*\\./X.Y./; s/ [0-9]*\\.[0-9]*\\./ X.Y./' both",
        # 20.10 goes on to the next of its pools each time, of which the later ones are smaller and begin elsewhere.
        normalise=((r"^X\.Y\.\d+\.0/(16|20) X\.Y\.\d+\.1$", "a pool of the engine's, gateway first"),),
    ),
    Scenario(
        _AREA,
        "IPv6",
        "a network with a subnet of each family: addresses, routes and the answer of the gateway",
        "quiet E network create --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64 n1;"
        + inside(
            'ip -o addr show eth0 | awk "{ print \\$3, \\$4 }" | grep -v fe80; '
            'ip -6 route | grep -v fe80 | cut -d" " -f1-5; for n in 1 2 3 4 5; do ping -c 1 -W 1 fd00:77::1 | grep ttl && break; done | grep -c ttl',
            "--network n1",
        ),
        needs=("IPv6",),
    ),
    Scenario(
        _AREA,
        "IPv6 address of choice",
        "--ip6 and --ip together, and what inspect says of it",
        "quiet E network create --ipv6 --subnet 10.77.0.0/24 --subnet fd00:77::/64 n1;"
        f"{kept('c1', '--network n1 --ip 10.77.0.9 --ip6 fd00:77::9')};"
        "E inspect -f '{{with .NetworkSettings.Networks.n1}}{{.IPAddress}} "
        "{{.GlobalIPv6Address}}/{{.GlobalIPv6PrefixLen}} {{.IPv6Gateway}} {{json .IPAMConfig}}{{end}}' c1",
        needs=("IPv6",),
    ),
    Scenario(
        _AREA,
        "several networks",
        "a container on three networks has an address on each, in the order of their connection",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n2')}; E network connect n1 c1; "
        "E network connect bridge c1;"
        "E exec c1 sh -c 'ip -o -4 addr | awk \"{ print \\$2, \\$4 }\"'",
    ),
)
