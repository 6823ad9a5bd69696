"""Published ports: who reaches them and is seen as whom, what is told of them, what is refused."""

from pyrun.parity.catalogue.phrases import BRACKETS, asks, asks_from, kept, network, pid, serving
from pyrun.parity.catalogue.servers import ASK, who
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "published ports"
_BY_FAMILY = "; ".join(
    (
        "{ E ps --format '{{.Ports}}'",
        "E port c1 | sort -V",
        "E inspect -f '{{range $p, $all := .NetworkSettings.Ports}}{{$p}}:{{println}}{{range $all}}{{$p}} "
        "{{.HostIp}} {{.HostPort}}{{println}}{{end}}{{end}}' c1 | sort",
        "E inspect -f '{{json .Config.ExposedPorts}} {{json .HostConfig.PortBindings}} "
        "{{.HostConfig.PublishAllPorts}}' c1; }",
    )
)
# Of one scenario; all others do without BRACKETS.
_WRITTEN = (
    Deviation("IPv6 addresses stand in brackets, in `port` as since 23.0", until="23", lines="^80/tcp -> "),
    Deviation("IPv6 addresses stand in brackets, in `ps` as since 27.2", until="27.2", lines="^0.0.0.0:8080->"),
)
_SORTED = ((r'\[(\{[^]]*"0\.0\.0\.0"[^}]*\}),(\{[^]]*"::"[^}]*\})\]', r"[\1,\2]"),)


def _told(title: str, options: str) -> Scenario:
    return Scenario(
        _AREA,
        f"told, {title}",
        f"ps, port and inspect of a container with {options}",
        f"{kept('c1', options)}; {_BY_FAMILY}",
        normalise=(*_SORTED, BRACKETS),
    )


def _answered(title: str, does: str, options: str, *lines: str, before: str = "") -> Scenario:
    return Scenario(_AREA, title, does, f"{before}{serving('c1', options)}; {'; '.join(lines)}")


_HERE, _FAR = asks("$HOST", 8080), f"FAR {asks('$HOST', 8080)}"
_LOOP = asks("127.0.0.1", 8080)

SCENARIOS = (
    _answered("from the host", "by loopback and by its address", "-p 8080:80", _LOOP, _HERE),
    _answered("a port from outside", "from behind the uplink", "-p 8080:80", _FAR),
    _answered("on one address", "published on the uplink's address only", "-p 198.51.100.2:8080:80", _FAR, _LOOP),
    _answered("on loopback", "published on 127.0.0.1 only", "-p 127.0.0.1:8080:80", _LOOP, _FAR),
    _answered(
        "from containers",
        "from the container itself, a neighbour and a container of another network, by the host's address",
        "-p 8080:80",
        kept("c2"),
        kept("c3", "--network n1"),
        *(asks_from(name, "$HOST", 8080) for name in ("c1", "c2", "c3")),
        before=f"{network()}; ",
    ),
    _answered(
        "after stop and start",
        "nobody answers while the container is stopped; the port is the same afterwards",
        "-p 8080:80",
        "quiet E stop -t 0 c1",
        _LOOP,
        "E port c1 | wc -l",
        "quiet E start c1",
        f"P={pid('c1')}",
        "until grep -q ':0050 0*:0000 0A' /proc/$P/net/tcp*; do sleep 0.02; done",
        _LOOP,
        _FAR,
    ),
    Scenario(
        _AREA,
        "published later",
        "a container of an internal network gets its port with a network that leads outside",
        f"{network(options='--internal')}; {network('n2', '10.78.0.0/24')}; {serving('c1', '--network n1 -p 8080:80')};"
        f"E port c1; {_HERE}; E network connect n2 c1; E port c1; {_HERE}; {_FAR};"
        "E run --rm -p 8080:81 TREE true >/dev/null 2>&1 || echo taken",
        normalise=(BRACKETS,),
    ),
    Scenario(
        _AREA,
        "who is seen",
        "under which address a server sees those who ask: host, outside, itself and a neighbour, TCP and UDP",
        f"{kept('c1', '-p 8080:80 -p 8080:80/udp -p 127.0.0.5:8081:80 -p 127.0.0.5:8081:80/udp')}; "
        f"{kept('c2')}; {who(pid('c1'))}; {ASK};"
        "G=$(E inspect -f '{{.NetworkSettings.Networks.bridge.Gateway}}' c1);"
        "for k in tcp udp; do for w in '127.0.0.1 8080' '::1 8080' \"$HOST 8080\" \"$G 8080\" '127.0.0.5 "
        '8081\' "$HOST 8081"; do echo "$k host asks $w: $(ask $k $w)"; done;'
        'for w in "$HOST 8080" "$HOST 8081"; do echo "$k outside asks $w: $(FAR bash -c "$(declare -f ask); '
        'ask $k $w")"; done;'
        f'for c in c1 c2; do P={pid("$c")}; for w in "$HOST 8080" "$G 8080"; '
        'do echo "$k $c asks $w: $(nsenter -t $P -n bash -c "$(declare -f ask); ask $k $w")"; done; done; done',
        deviations=(
            Deviation(
                "UDP from a container to the host's address: Docker's proxy answers from another address, and "
                "the answer is lost",
                lines=r"^udp c[12] asks HOST",
            ),
        ),
        needs=("python3",),
    ),
    Scenario(
        _AREA,
        "ports of UDP and TCP are two",
        "one number for both, by two containers",
        f"{kept('c1', '-p 8080:80')}; no run -d --name c2 -p 8080:80/udp TREE sleep 300; "
        "no run -d --name c3 -p 8080:81 TREE sleep 300; E port c1; E port c2",
        normalise=(BRACKETS,),
    ),
    _told("one", "-p 8080:80")._replace(normalise=_SORTED, deviations=_WRITTEN),
    _told("both protocols", "-p 8080:80 -p 8080:80/udp -p 8081:81/tcp"),
    _told("addresses", "-p 127.0.0.1:8080:80 -p 198.51.100.2:8081:80 -p [::1]:8082:80 -p 0.0.0.0:83:83"),
    _told("ranges", "-p 8000-8002:8000-8002 -p 7000-7002:70-72/udp"),
    _told("exposed as well", "-p 8080:80 --expose 80 --expose 100 --expose 200-203 --expose 55/udp"),
    _told("neighbours", "-p 80:80 -p 81:81 -p 83:83 -p 82:84 -p 82:82/udp -p 81:81/udp"),
    _told("long form and zeros", "-p target=80,published=8080 -p published=53,target=53,protocol=udp -p 08081:081"),
    _told("without a network", "--net none -p 80:80 --expose 81"),
    Scenario(
        _AREA,
        "told, the host's network",
        "port and inspect with --network host",
        f"{kept('c1', '--network host -p 8080:80')} 2>/dev/null; E port c1; echo $?; "
        f"E inspect -f '{{{{json .NetworkSettings.Ports}}}} {{{{json .HostConfig.PortBindings}}}}' c1",
    ),
    Scenario(
        _AREA,
        "of the engine's choice",
        "-P and -p without a host's port: which ports are published, and that they differ",
        f"{kept('c1', '-P -p 90 --expose 80 --expose 81-82/udp')}; E port c1 | sed 's/[0-9]*$/PORT/' | sort -u; "
        "E port c1 | sed 's|^[0-9]*/||; s/>.*:/>/' | sort -u | wc -l;"
        "R=$(cut -f1 /proc/sys/net/ipv4/ip_local_port_range); "
        "E port c1 80 | head -n 1 | grep -o '[0-9]*$' | awk -v r=$R '{ print ($1 >= r) }'",
        normalise=(BRACKETS,),
    ),
    Scenario(
        _AREA,
        "asked of one port",
        "the verb port with a container's port that is published, one that is not, and nobody's",
        f"{kept('c1', '-p 8080:80')}; for p in '' 80 80/tcp 80/udp 81; do E port c1 $p; echo $?; done; "
        "E port nobody; echo $?",
        normalise=(("^(Error|pyrun): .*", "COMPLAINT"), BRACKETS),
    ),
    Scenario(
        _AREA,
        "taken",
        "a port that another container has, and one that a program of the host has",
        f"{kept('c1', '-p 8080:80')}; E run --rm -p 8080:80 TREE true 2>/dev/null; echo $?; "
        "no run -d --name c2 -p 127.0.0.1:8080:81 TREE sleep 300;"
        "$NC nc -l -p 8099 & N=$!; until ss -Hlnt | grep -q :8099; do sleep 0.02; done; "
        "E run --rm -p 8099:80 TREE true 2>/dev/null; echo $?; kill $N",
        normalise=(("^.*Terminated.*\n", ""),),
    ),
    Scenario(
        _AREA,
        "ports refused",
        "words that are no port",
        "for p in x:80 80:x 70000:80 80:0/icmp 80-81:80-82 1.2.3:80:80 80/xyz 65536:80 8002-8000:80 ::1:80:80 "
        '300.1.1.1:80:80 \'\'; do echo "[$p] $(no run --rm -p "$p" TREE true)"; done',
    ),
    Scenario(
        _AREA,
        "refused together",
        "--expose of what is no port, ports that are twice, and those of somebody else's network",
        f"{kept('c1')}; for o in '--expose 82-80' '--expose 127.0.0.1:80' '-p 1.2.3.4:80:80' '-p 8080:80 -p "
        "8080:81' '-p 8080:80 -p 127.0.0.1:8080:81' '--net container:c1 -p 80:80';"
        ' do E run --rm $o TREE true >/dev/null 2>&1; echo "$o: $?"; done',
    ),
)
