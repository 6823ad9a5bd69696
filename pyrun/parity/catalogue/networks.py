"""The verbs about networks: create, ls, inspect, rm, prune, connect, disconnect."""

from pyrun.parity.catalogue.phrases import inside, kept, network
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "networks"
_CODES = "E network {} 2>/dev/null; echo $?"
_MEMBERS = "{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.MacAddress}}{{println}}{{end}}"
_LINES = (
    "bridge",
    "host",
    "--subnet 10.1.0.0/33 n2",
    "--subnet 10.77.0.0/24 --gateway 10.78.0.1 n2",
    "--subnet 10.77.0.0/24 --ip-range 10.78.0.0/25 n2",
    "-o com.docker.network.driver.mtu=x n2",
    "--subnet x n2",
)

SCENARIOS = (
    Scenario(
        _AREA,
        "created",
        "network create prints an id; a second one of that name is refused, two whose subnets overlap as well",
        "E network create --subnet 10.77.0.0/24 n1 | wc -c; no network create n1; "
        "no network create --subnet 10.77.0.128/25 n2",
    ),
    Scenario(
        _AREA,
        "networks refused",
        "predefined names, subnets, gateways, ranges, drivers and options that are none",
        "; ".join(f'echo "{line}: $(no network create {line})"' for line in _LINES),
    ),
    Scenario(
        _AREA,
        "networks removed",
        "rm of one that is in use, predefined, unknown, and of several",
        f"{network()}; quiet E network create n2; quiet E network create n3; {kept('c1', '--network n1')};"
        + ";".join(_CODES.format(line) for line in ("rm n1", "rm bridge", "rm host", "rm nothing", "rm n2 nothing n3"))
        + "; quiet E rm -f c1; E network rm n1",
    ),
    Scenario(
        _AREA,
        "networks listed",
        "the table, its heads and its columns",
        "quiet E network create n1; E network ls | sed 's/^[0-9a-f]\\{12\\}/ID/' | tr -s ' ' | sort",
    ),
    Scenario(
        _AREA,
        "which networks",
        "filters of network ls: label, name, driver, type, scope, id, dangling; and refused ones",
        f"quiet E network create --label a=b n1; quiet E network create --internal n2; {kept('c1', '--network n1')};"
        "for f in label=a label=a=b label=a=c name=n name=^n1$ driver=bridge driver=null driver=x type=custom "
        "type=builtin"
        " scope=local scope=swarm id=zz; do echo \"$f:\" $(E network ls -f $f --format '{{.Name}}'); done;"
        "for f in no=1 dangling=x; do no network ls -f $f; done",
    ),
    Scenario(
        _AREA,
        "networks by template",
        "fields and functions of --format in ls and inspect",
        "quiet E network create --subnet 10.77.0.0/24 --internal --label a=b --label c n1;"
        'E network ls -f name=n1 --format "table '
        '{{.Name}}\\t{{.Driver}}\\t{{.Scope}}\\t{{.IPv6}}\\t{{.Internal}}\\t{{.Label \\"a\\"}}";'
        "E network inspect -f '{{.Name}} {{.Scope}} {{.Driver}} {{.Internal}} {{.Labels}} {{.Options}} "
        "{{.Attachable}}' n1;"
        "E network inspect -f '{{range .IPAM.Config}}{{len .Subnet}}{{end}} {{.IPAM.Driver}} {{json "
        '.Containers}} {{index .Labels "a"}}\' n1;'
        "E network inspect -f '{{.Nope}}' n1 >/dev/null 2>&1; echo $?; E network inspect nothing 2>/dev/null; echo $?",
    ),
    Scenario(
        _AREA,
        "a network inspected",
        "values of network inspect: addresses, options, labels",
        f"{network(options='--label a=b -o com.docker.network.driver.mtu=1400 --aux-address r=10.77.0.9 --ip-range 10.77.0.0/25')};"
        "for k in Name Scope Driver EnableIPv6 IPAM Internal Attachable Ingress ConfigFrom ConfigOnly Options "
        "Labels; do"
        ' echo $k "$(E network inspect -f "{{json .$k}}" n1)"; done',
        deviations=(
            Deviation(
                "the gateway that the bridge has is always told; "
                "20.10 tells it only where it was given, or chosen with the subnet",
                lines="^IPAM ",
                until="29",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "the default network inspected",
        "options, driver and fields of the bridge that nobody created",
        "for k in Name Driver Scope EnableIPv6 Internal Options Labels; "
        'do echo $k "$(E network inspect -f "{{json .$k}}" bridge)"; done;'
        "E network inspect -f '{{.Name}} {{.Driver}} {{.Scope}}' host none",
        normalise=(("(docker|pyrun)0", "BRIDGE"),),
    ),
    Scenario(
        _AREA,
        "its members",
        "who is told to be on a network, as containers are plugged in and out, and end",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; {kept('c2', '--network n2')};"
        f"M() {{ E network inspect -f '{_MEMBERS}' n1; }}; M; quiet E network connect --ip 10.77.0.50 n1 c2; M | sort;"
        "quiet E stop -t 0 c1; M; quiet E network disconnect n1 c2; M",
        deviations=(Deviation("link-layer addresses are random since 28", since="28", lines="10.77"),),
    ),
    Scenario(
        _AREA,
        "connected and disconnected",
        "twice, of nobody, of a container that does not run, and what inspect says afterwards",
        f"{network()}; {network('n2', '10.78.0.0/24')}; {kept('c1', '--network n1')}; "
        "quiet E create --name c2 --network n1 TREE sleep 300;"
        "for l in 'connect n2 c1' 'connect n2 c1' 'connect n2 nobody' 'connect nothing c1' 'disconnect n1 c1' "
        "'disconnect n1 c1'"
        " 'connect n2 c2' 'connect host c1' 'connect --ip 10.1.1.1 n1 c1'; do echo \"$l: $(no network $l)\"; "
        "done; quiet E start c2;"
        "for c in c1 c2; do E inspect -f '{{range $n, $x := .NetworkSettings.Networks}}{{$n}} {{$x.IPAddress}} "
        "{{end}}' $c; done",
        deviations=(
            Deviation("20.10 tells of a network that could not be connected", until="26", lines="n2 10.78.0.2 $"),
        ),
    ),
    Scenario(
        _AREA,
        "pruned networks",
        "network prune removes what nobody is on",
        f"quiet E network create n1; quiet E network create --label a=b n2; {kept('c1', '--network n2')}; "
        "quiet E network create --label k=v n3;"
        "E network prune -f --filter label=k=v; E network prune -f; echo $?; "
        "E network ls -f type=custom --format '{{.Name}}'",
    ),
    Scenario(
        _AREA,
        "attached at the start",
        "run on a network that there is not, and on two by create and connect",
        f"E run --rm --network nothing TREE true 2>/dev/null; echo $?; {network()}; "
        "quiet E create --name c1 --network n1 TREE sleep 300;"
        "quiet E network connect bridge c1; quiet E start c1; E exec c1 ip -o -4 addr | awk '{ print $4 }' | sort;"
        f"{inside('ip route | wc -l', '--network none')}",
    ),
)
