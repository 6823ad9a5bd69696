"""Firewall rules: what an engine puts into iptables for its networks, and what it leaves alone."""

from pyrun.parity.catalogue.phrases import asks, kept, network, pings, serving
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "firewall"
_OWN, _CLOSED = "-o com.docker.network.bridge.name=OWN", "-o com.docker.network.bridge.name=CLOSED"
_ONLY = "RULES | grep -E '{}'"
_RETURNS = Deviation("20.10 ends its chains with a RETURN, as they do anyway", lines="-j RETURN$")
_FORWARD = Deviation(
    "pyrun's rules are in a chain of their own, as Docker's are since 28", lines="-A FORWARD -j DOCKER-FORWARD$"
)
_CLOSED_IN = Deviation(
    "nothing gets in that is not published, whatever the policy of FORWARD; Docker drops it since 28",
    until="28",
    lines="-A FORWARD -o (BRIDGE|OWN) -j DROP$",
)
_APART = Deviation(
    "pyrun keeps its containers out of Docker's networks, whose chains come later",
    lines="STAGE-2 -o (br-\\+|BRIDGE) -j DROP$",
)
_ANSWERS = Deviation(
    "a neighbour's container that uses a published port gets its answers",
    lines="STAGE-2 -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
)
_LATER = Deviation("since 28 Docker's rules are made of other chains", since="28")
_MEANT = (_RETURNS, _FORWARD, _CLOSED_IN, _APART, _ANSWERS, _LATER)

SCENARIOS = (
    Scenario(
        _AREA,
        "rules of the default bridge",
        "rules of filter and nat while a container runs",
        f"{kept('c1')}; RULES",
        deviations=_MEANT,
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "a published port",
        "rules that a port adds",
        f"{kept('c1', '-p 198.51.100.2:8080:80 -p 8081:81/udp')}; RULES | grep -E 'port'",
        deviations=(
            Deviation(
                "20.10 masks what a container sends to its own published port; its proxy does as well, and pyrun's",
                lines="MASQUERADE$",
                until="28",
            ),
            Deviation(
                "a published port is reached through the host's port only, not by routing to the container, as "
                "in current releases",
                until="28",
                lines="-A DOCKER -d ADDRESS/32 ! -i BRIDGE -o BRIDGE",
            ),
            _LATER,
        ),
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "rules of a network of one's own",
        "rules that a network adds",
        f"{network(options=_OWN)}; {kept('c1', '--network n1')}; {_ONLY.format('OWN')}",
        deviations=(_CLOSED_IN, _LATER),
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "rules of an internal network",
        "rules that keep it closed",
        f"{network(options='--internal ' + _CLOSED)}; {kept('c1', '--network n1')}; {_ONLY.format('CLOSED')}",
        deviations=(
            Deviation(
                "pyrun knows an internal network by its bridge, so that its members' multicast passes; "
                "Docker knows it by its subnet",
                lines="STAGE-1 .*CLOSED -j DROP$",
            ),
            Deviation("pyrun's second stage knows all networks", lines="STAGE-2 -o CLOSED -j DROP$"),
            _LATER,
        ),
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "rules without icc",
        "the rule that keeps neighbours on one network apart",
        f"{network(options=_OWN + ' -o com.docker.network.bridge.enable_icc=false')}; "
        f"{kept('c1', '--network n1')}; {_ONLY.format('OWN')} | grep 'i OWN -o OWN'",
        deviations=(_LATER,),
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "without masquerade",
        "the option enable_ip_masquerade=false: rules of nat",
        f"{network(options=_OWN + ' -o com.docker.network.bridge.enable_ip_masquerade=false')}; "
        f"{kept('c1', '--network n1')};"
        " RULES | grep nat: | grep -cE '10.77.*MASQUERADE'; RULES | grep -E 'FORWARD -i OWN'",
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "rules that are left",
        "rules after a network and its containers are the ones before, and somebody's own rule stays",
        "[ $ENGINE = docker ] || soon eval '[ -z \"$(RULES)\" ]'; iptables -A INPUT -s 192.0.2.77 -j DROP; "
        "RULES >before;"
        f"{network(options=_OWN)}; {kept('c1', '--network n1 -p 8080:80')}; "
        "RULES | comm -13 before - | grep -c 'FORWARD.*OWN.*ACCEPT'; iptables-save | grep -c 192.0.2.77; "
        "quiet E rm -f c1; quiet E network rm n1;"
        "soon eval 'RULES | cmp - before'; RULES | diff before - && echo as before; "
        "iptables-save | grep -c 192.0.2.77; iptables -D INPUT -s 192.0.2.77 -j DROP",
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "rules of one's own",
        "what a user puts into DOCKER-USER, or PYRUN-USER, comes first and outlives the containers' rules",
        f"{network(options=_OWN)}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; "
        f"{kept('c2', '--network n2')}; {pings('c1', '10.78.0.2')};"
        "U=${ENGINE^^}-USER;"
        "iptables -I $U -d 10.78.0.2 -j ACCEPT; iptables -I $U -s 10.78.0.2 -j ACCEPT;"
        f"{pings('c1', '10.78.0.2')}; iptables -I $U -d $INTERNET -j DROP; {pings('c1', '$INTERNET')}; "
        f"for n in 1 2 3; do iptables -D $U 1; done; {pings('c1', '10.78.0.2', '$INTERNET')}",
        needs=("iptables", "python3"),
    ),
    Scenario(
        _AREA,
        "a network's host address",
        "the option host_binding_ipv4: where -p without an address is published",
        f"{network(options='-o com.docker.network.bridge.host_binding_ipv4=127.0.0.1')}; "
        f"{serving('c1', '--network n1 -p 8080:80')};"
        f"E port c1; {asks('127.0.0.1', 8080)}; FAR {asks('$HOST', 8080)}",
    ),
)
