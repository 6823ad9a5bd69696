"""Who reaches whom: containers, the host and the internet, by address and protocol."""

from pyrun.parity.catalogue.phrases import asks_from, kept, network, pid, pings, serving
from pyrun.parity.catalogue.servers import WHO_OUTSIDE
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "reachability"
_NO_ICC = "-o com.docker.network.bridge.enable_icc=false"
_TCP = 'T() { echo "$1 to $2:$3: $(E exec $1 sh -c "timeout 1 nc $2 $3 </dev/null || echo none")"; }'

SCENARIOS = (
    Scenario(
        _AREA,
        "one network",
        "neighbours, gateway, host and internet from a network of one's own",
        f"{network()}; {kept('c1', '--network n1')}; {kept('c2', '--network n1')}; "
        f"{pings('c1', '10.77.0.3', '10.77.0.1', '$HOST', '$INTERNET', '127.0.0.1')}",
    ),
    Scenario(
        _AREA,
        "from the default bridge",
        "neighbours, gateway, host and internet from the default bridge",
        f"{kept('c1')}; {kept('c2')}; A=$(E inspect -f '{{{{.NetworkSettings.Networks.bridge.IPAddress}}}}' c2);"
        f"G=$(E inspect -f '{{{{.NetworkSettings.Networks.bridge.Gateway}}}}' c2); "
        f"{pings('c1', '$A', '$G', '$HOST', '$INTERNET')}; ping -c 1 -W 1 $A | grep -c ttl",
    ),
    Scenario(
        _AREA,
        "matrix of three networks",
        "everybody with everybody, on two networks of their own and on the default bridge, and the host with all",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; "
        f"{kept('c2', '--network n2')}; {kept('c3')};"
        "A=$(E inspect -f '{{.NetworkSettings.Networks.bridge.IPAddress}}' c3);"
        f"{pings('c1', '10.78.0.2', '$A')}; {pings('c2', '10.77.0.2', '$A')}; {pings('c3', '10.77.0.2', '10.78.0.2')};"
        "for a in 10.77.0.2 10.78.0.2 $A; do echo host to $a: $(ping -c 1 -W 1 $a | grep -c ttl); done",
    ),
    Scenario(
        _AREA,
        "gateways of other networks",
        "a container reaches the host under each of its addresses",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; "
        f"{kept('c2', '--network n2')}; {pings('c1', '10.78.0.1', '10.77.0.1')}",
    ),
    Scenario(
        _AREA,
        "on both networks",
        "a container that is connected to a second network reaches it, and its neighbours do not by way of it",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; "
        f"{kept('c2', '--network n2')}; {kept('c3', '--network n1')}; quiet E network connect n2 c3;"
        f"{pings('c3', '10.77.0.2', '10.78.0.2', '$INTERNET')}; {pings('c1', '10.78.0.3', '10.78.0.2')}; "
        f"quiet E network disconnect n2 c3; {pings('c3', '10.78.0.2', '10.77.0.2')}",
    ),
    Scenario(
        _AREA,
        "internal network",
        "neighbours and the host are reached, others and the internet are not, in neither direction",
        f"{network(options='--internal')}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; "
        f"{kept('c2', '--network n1')}; {kept('c3', '--network n2')};"
        f"{pings('c1', '10.77.0.3', '10.77.0.1', '10.78.0.2', '$INTERNET')}; {pings('c3', '10.77.0.2')}; "
        "echo host: $(ping -c 1 -W 1 10.77.0.2 | grep -c ttl)",
    ),
    Scenario(
        _AREA,
        "neighbours without icc",
        "neighbours do not reach each other, the gateway and the internet they do",
        f"{network(options=_NO_ICC)}; {kept('c1', '--network n1')}; {kept('c2', '--network n1')}; "
        f"{pings('c1', '10.77.0.3', '10.77.0.1', '$INTERNET')}",
        needs=("br_netfilter",),
    ),
    Scenario(
        _AREA,
        "TCP among neighbours",
        "a port that nobody published is there for neighbours and the host, and not for other networks",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {serving('c1', '--network n1')}; "
        f"{kept('c2', '--network n1')}; {kept('c3', '--network n2')};"
        f"{_TCP}; T c2 10.77.0.2 80; T c2 10.77.0.2 81; T c3 10.77.0.2 80; "
        "timeout 1 $NC nc 10.77.0.2 80 </dev/null || echo none",
    ),
    Scenario(
        _AREA,
        "routed from outside",
        "who routes to the containers' subnet by way of the host: does he reach a published port there, and one "
        "that is not",
        f"{network()}; {serving('c1', '--network n1 -p 8080:80')}; {serving('c2', '--network n1')}; "
        "FAR ip route add 10.77.0.0/24 via $HOST;"
        "for a in 2 3; do echo $a: $(FAR timeout 1 $NC nc 10.77.0.$a 80 </dev/null || echo none); done; "
        "FAR ip route del 10.77.0.0/24",
        deviations=(
            Deviation(
                "a published port is reached through the host's port only, as since 28", until="28", lines="^2: "
            ),
        ),
    ),
    Scenario(
        _AREA,
        "seen outside as the host",
        "packets of containers leave under the host's address",
        f"{WHO_OUTSIDE}; {network()}; {kept('c1', '--network n1')}; {kept('c2')}; "
        "E exec c1 sh -c 'nc $0 80 </dev/null' $INTERNET; echo; "
        "E exec c2 sh -c 'nc $0 80 </dev/null' $INTERNET; echo",
        needs=("python3",),
    ),
    Scenario(
        _AREA,
        "loopback",
        "127.0.0.1 of a container is its own, and with --network container:NAME that of both",
        f"{serving('c1')}; {kept('c2')}; {kept('c3', '--network container:c1')}; {_TCP}; T c1 127.0.0.1 80; "
        "T c2 127.0.0.1 80; T c3 127.0.0.1 80; timeout 1 $NC nc 127.0.0.1 80 </dev/null || echo none",
    ),
    Scenario(
        _AREA,
        "none and host",
        "nothing is reached without a network, all that the host reaches with the host's",
        f"{kept('c1', '--network none')}; {kept('c2', '--network host')}; "
        f"{pings('c1', '127.0.0.1', '$HOST', '$INTERNET')}; {pings('c2', '127.0.0.1', '$HOST', '$INTERNET')}",
    ),
    Scenario(
        _AREA,
        "a link by hand",
        "a namespace that is plugged into an engine's bridge by hand takes part as a container does",
        f"{network(options='-o com.docker.network.bridge.name=named0')}; {kept('c1', '--network n1')}; "
        "ip netns add byhand; ip link add hand0 type veth peer name eth0 netns byhand;"
        "ip link set hand0 master named0 up; ip -n byhand addr add 10.77.0.99/24 dev eth0; "
        "ip -n byhand link set eth0 up; ip -n byhand route add default via 10.77.0.1;"
        "for a in 10.77.0.2 10.77.0.1 $INTERNET; do ip netns exec byhand ping -c 1 -W 1 $a | grep -c ttl; "
        f"done; {pings('c1', '10.77.0.99')}; ip netns del byhand",
    ),
    Scenario(
        _AREA,
        "a packet without a way",
        "what ping says of an address that nobody has, and of an isolated neighbour",
        f"{network()}; {kept('c1', '--network n1')}; "
        f"E exec c1 ping -c 1 -W 4 10.77.0.200 2>&1 | tail -n 2 | head -n 1; {asks_from('c1', '10.77.0.1', 9)}; "
        f"ls /proc/{pid('c1')}/ns | grep -c net",
    ),
)
