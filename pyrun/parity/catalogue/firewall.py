"""Firewall rules: what an engine puts into iptables for its networks, and what it leaves alone."""

from pyrun.parity.catalogue.phrases import asks, kept, network, pings, serving
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "firewall"
_OWN, _CLOSED = "-o com.docker.network.bridge.name=OWN", "-o com.docker.network.bridge.name=CLOSED"
# Which chains and bridges are the engine's shows in its default network's options; pyrun's rules go half a second later.
_BEGIN = """
B=$(E network inspect -f '{{index .Options "com.docker.network.bridge.name"}}' bridge)
rules() { for t in filter nat; do iptables-save -t $t | grep -E '^-A' | sed "s/^/$t: /"; done; }
[ $B != docker0 ] || until ! rules | grep -q PYRUN; do sleep 0.05; done
[ $B = docker0 ] && : >before || rules | grep -v PYRUN >before"""
_WORDS = 's/ -m comment --comment "pyrun:[0-9a-f]+"//; s/-A PYRUN-FORWARD/-A FORWARD/; s/PYRUN/DOCKER/g; s/(pyrun|docker)0/BRIDGE/g'
_END_OF = f"rules | grep -vxFf before | grep -E '{{}}' | sed -E '{_WORDS}' | sort"
_END = _END_OF.format("docker0|pyrun0|DOCKER|PYRUN")
_COMMON = (
    (r"172\.X\.0\.0/16", "SUBNET"),
    (r"172\.X\.0\.\d+", "ADDRESS"),
)
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
        "default bridge",
        "rules of filter and nat while a container runs",
        f"{_BEGIN}\n{kept('c1')}; {_END}",
        normalise=_COMMON,
        deviations=_MEANT,
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "a published port",
        "rules that a port adds",
        f"{_BEGIN}\n{kept('c1', '-p 198.51.100.2:8080:80 -p 8081:81/udp')}; {_END} | grep -E 'port'",
        normalise=_COMMON,
        deviations=(
            Deviation(
                "a published port is reached through the host's port only, not by routing to the container, as in current releases",
                until="28",
                lines="-A DOCKER -d ADDRESS/32 ! -i BRIDGE -o BRIDGE",
            ),
            _LATER,
        ),
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "a network of one's own",
        "rules that a network adds",
        f"{_BEGIN}\n{network(options=_OWN)}; {kept('c1', '--network n1')}; {_END_OF.format('OWN')}",
        normalise=_COMMON,
        deviations=(_CLOSED_IN, _LATER),
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "an internal network",
        "rules that keep it closed",
        f"{_BEGIN}\n{network(options='--internal ' + _CLOSED)}; {kept('c1', '--network n1')}; {_END_OF.format('CLOSED')}",
        normalise=_COMMON,
        deviations=(
            Deviation(
                "pyrun knows an internal network by its bridge, so that its members' multicast passes; Docker knows it by its subnet",
                lines="STAGE-1 .*CLOSED -j DROP$",
            ),
            Deviation("pyrun's second stage knows all networks", lines="STAGE-2 -o CLOSED -j DROP$"),
            _LATER,
        ),
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "without icc",
        "the rule that keeps neighbours on one network apart",
        f"{_BEGIN}\n{network(options=_OWN + ' -o com.docker.network.bridge.enable_icc=false')}; {kept('c1', '--network n1')}; {_END_OF.format('OWN')} | grep 'i OWN -o OWN'",
        normalise=_COMMON,
        deviations=(_LATER,),
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "without masquerade",
        "the option enable_ip_masquerade=false: rules of nat",
        f"{_BEGIN}\n{network(options=_OWN + ' -o com.docker.network.bridge.enable_ip_masquerade=false')}; {kept('c1', '--network n1')};"
        " rules | grep nat: | grep -cE '10.77.*MASQUERADE'; rules | grep -cE 'FORWARD -i OWN'",
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "what is left",
        "rules after a network and its containers are the ones before, and somebody's own rule stays",
        "cleared() { B=$(ip -br link | grep -c '^pyrun0'); until ! iptables-save | grep -qE 'PYRUN|OWN'; do sleep 0.05; done; };"
        "iptables -A INPUT -s 192.0.2.77 -j DROP; cleared; iptables-save | sed 's/\\[.*//; /^#/d' | sort >before;"
        f"{network(options=_OWN)}; {kept('c1', '--network n1 -p 8080:80')}; iptables-save | grep -c 192.0.2.77; quiet E rm -f c1; quiet E network rm n1; cleared;"
        "iptables-save | sed 's/\\[.*//; /^#/d' | sort | diff before - && echo as before; iptables -D INPUT -s 192.0.2.77 -j DROP",
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "rules of one's own",
        "what a user puts into DOCKER-USER, or PYRUN-USER, comes first and outlives the containers' rules",
        f"{network(options=_OWN)}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; {kept('c2', '--network n2')}; {pings('c1', '10.78.0.2')};"
        "U=$(iptables -S FORWARD | grep -oE '(DOCKER|PYRUN)-USER' | tail -n 1); [ -z \"$(iptables -S PYRUN-USER 2>/dev/null)\" ] || U=PYRUN-USER;"
        "iptables -I $U -d 10.78.0.2 -j ACCEPT; iptables -I $U -s 10.78.0.2 -j ACCEPT;"
        f"{pings('c1', '10.78.0.2')}; iptables -I $U -d $INTERNET -j DROP; {pings('c1', '$INTERNET')}; for n in 1 2 3; do iptables -D $U 1; done; {pings('c1', '10.78.0.2', '$INTERNET')}",
        needs=("iptables",),
    ),
    Scenario(
        _AREA,
        "a network's host address",
        "the option host_binding_ipv4: where -p without an address is published",
        f"{network(options='-o com.docker.network.bridge.host_binding_ipv4=127.0.0.1')}; {serving('c1', '--network n1 -p 8080:80')};"
        f"E port c1; {asks('127.0.0.1', 8080)}; FAR {asks('$HOST', 8080)}",
    ),
)
