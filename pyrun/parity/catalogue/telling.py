"""What is told of containers, networks and volumes: inspect and ps."""

from pyrun.parity.catalogue.phrases import BRACKETS, kept, network
from pyrun.parity.scenario import Deviation, Scenario

_INSPECT, _PS = "inspect", "ps"
_FIELDS = """
import json, sys
def leaves(value, path=""):
    if not isinstance(value, dict) or not value:
        return {path}
    inside = {key: inner for key, inner in value.items() if key != "Limits"}
    return {leaf for key, inner in inside.items() for leaf in leaves(inner, f"{path}.{key}".lstrip("."))}
print("\\n".join(sorted(leaves(json.load(sys.stdin)[0]))))
"""
_VALUES = """
import json, sys
found = json.load(sys.stdin)[0]
for part in {parts}:
    inner = found
    for word in part.split("."):
        inner = inner.get(word, {{}})
    for key in sorted(inner):
        print(part, key, json.dumps(inner[key], sort_keys=True))
"""


def _fields(title: str, does: str, before: str, line: str, *deviations: Deviation) -> Scenario:
    return Scenario(
        _INSPECT,
        title,
        does,
        f"{before}; E {line} | python3 -I -S -c '{_FIELDS}'",
        deviations=deviations,
        needs=("python3",),
    )


def _values(
    title: str,
    does: str,
    before: str,
    line: str,
    parts: str,
    *deviations: Deviation,
    normalise: tuple[tuple[str, str], ...] = (),
) -> Scenario:
    text = _VALUES.format(parts=tuple(parts.split()))
    return Scenario(
        _INSPECT,
        title,
        does,
        f'{before}; E {line} | python3 -I -S -c "{_shell(text)}"',
        normalise=normalise,
        deviations=deviations,
        needs=("python3",),
    )


def _shell(text: str) -> str:
    return text.replace('"', "'")


_CABLE = Deviation(
    "both ends of the cable, which Docker never shows",
    lines=r"\.(Bridge|HostInterface|HostInterfaceIndex|Interface|InterfaceIndex)$",
)
_KERNEL_MEMORY = Deviation("a field that 23 took away", since="23", lines=r"^HostConfig[. ]KernelMemory(TCP)?\b")
_ALIVE = Deviation("whether somebody still keeps the container's log and exit code", lines=r"^State\.MonitorAlive$")
_NAMES = Deviation("a field of current releases", until="26", lines=r"\.DNSNames$")
_PRIORITY = Deviation("a field of current releases", until="28", lines=r"\.GwPriority$")
_LEGACY = Deviation(
    "29 has no longer the fields of the default bridge beside Networks",
    since="29",
    lines=r"^NetworkSettings\.(Bridge|HairpinMode|LinkLocal|Secondary|EndpointID|Gateway|Global|IP|MacAddress)",
)

SCENARIOS = (
    _fields(
        "fields of a container",
        "every field of inspect, down to its leaves, of a container on the default bridge",
        kept("c1"),
        "inspect c1",
        _CABLE,
        _ALIVE,
        _KERNEL_MEMORY,
        _NAMES,
        _PRIORITY,
        _LEGACY,
    ),
    _fields(
        "fields of one that has ended",
        "the same once it has ended",
        f"{kept('c1')}; quiet E stop -t 0 c1",
        "inspect c1",
        _ALIVE,
        _KERNEL_MEMORY,
        _NAMES,
        _PRIORITY,
        _LEGACY,
    ),
    _fields(
        "fields of a network",
        "every field of network inspect",
        f"{network()}; {kept('c1', '--network n1')}",
        'network inspect n1 | sed \'s/"[0-9a-f]\\{64\\}": {/"ID": {/\'',
        Deviation(
            "what else there is to be known of a network: its bridge, its rules, whether they stand",
            lines="^(AntiSpoofing|Bridge|Firewall|Ports|Rules|Standing|Warnings)$",
        ),
        Deviation("free and used addresses, as since 29", lines=r"^Status\.IPAM", until="29"),
    ),
    _fields("fields of a volume", "every field of volume inspect", "quiet E volume create v1", "volume inspect v1"),
    _values(
        "settings of the host",
        "values of HostConfig of a container of which nothing is said",
        "quiet E create --name c1 TREE true",
        "inspect c1",
        "HostConfig",
        Deviation("how many processes there may be is pyrun's own limit", lines="PidsLimit"),
        Deviation("who runs it", lines="^HostConfig Runtime "),
        _KERNEL_MEMORY,
        Deviation(
            "a client of 23 and later sends empty lists where others send none", since="23", lines="(Blkio|Ulimits)"
        ),
        Deviation("pyrun hides what the newest release does, with its own order", lines="MaskedPaths"),
        Deviation("20.10 calls the default bridge default", until="25", lines="NetworkMode"),
        normalise=(("^HostConfig CgroupnsMode .*\\n", ""),),
    ),
    Scenario(
        _INSPECT,
        "control groups",
        "the mode of the namespace of control groups, where these are of version 1",
        "quiet E create --name c1 TREE true; E inspect -f '{{.HostConfig.CgroupnsMode}}' c1",
        deviations=(Deviation("pyrun's containers see their own control groups only, also with version 1"),),
        needs=("cgroup v1",),
    ),
    Scenario(
        _INSPECT,
        "control groups of version 2",
        "the mode of the namespace of control groups, where these are of version 2",
        "quiet E create --name c1 TREE true; E inspect -f '{{.HostConfig.CgroupnsMode}}' c1",
        needs=("cgroup v2",),
    ),
    _values(
        "settings of the program",
        "values of Config, with options for most of them",
        "quiet E create --name c1 --hostname h --domainname d -u 3:4 -w /w -e A=1 -l a=b --expose 80 -v /v "
        "--stop-signal SIGINT --stop-timeout 3 --mac-address 02:42:01:02:03:04 -it --entrypoint /e TREE x y",
        "inspect c1",
        "Config",
        Deviation("the variables that an engine sets are told, as if they were an image's", lines="^Config Env "),
        Deviation(
            "the link-layer address is told of the network alone, as in current releases",
            until="29",
            lines="^Config MacAddress ",
        ),
    ),
    _values(
        "the network's part",
        "values of NetworkSettings on a network of one's own",
        f"{network()}; {kept('c1', '--network n1 --network-alias db --ip 10.77.0.9 --hostname h')}",
        "inspect c1",
        "NetworkSettings.Networks.n1",
        Deviation(
            "both ends of the cable, which Docker never shows",
            lines=" (Bridge|HostInterface|HostInterfaceIndex|Interface|InterfaceIndex) ",
        ),
        Deviation("fields of current releases", until="26", lines=" DNSNames "),
        Deviation(
            "the aliases that an engine gives are told among DNSNames alone since 26", since="26", lines=" Aliases "
        ),
        Deviation("fields of current releases", until="28", lines=" GwPriority "),
        Deviation("link-layer addresses are random since 28", since="28", lines="MacAddress"),
        normalise=((r'"[0-9a-f]{12}"', '"ID"'), ("(EndpointID|NetworkID) .*", r"\1 ID")),
    ),
    Scenario(
        _INSPECT,
        "the tutorial's line",
        "the first command of the networking tutorial, unchanged",
        f"{network()}; {kept('c1')}; {kept('c3', '--network n1')};"
        "filter='Name={{.Name}} Hostname={{len .Config.Hostname}} ' && filter+='IP={{or "
        ".NetworkSettings.IPAddress .NetworkSettings.Networks.n1.IPAddress}} ' && filter+='Mac={{or "
        ".NetworkSettings.MacAddress .NetworkSettings.Networks.n1.MacAddress}} ' &&"
        " filter+='Bridge={{if .NetworkSettings.IPAddress}} docker0 {{else}} n1 {{end}}' && E inspect c1 c3 "
        "--format \"$filter\" | sed 's/=\\//=/g'",
        deviations=(
            Deviation(
                "link-layer addresses are random since 28, and the fields that the line asks for are gone in 29",
                since="28",
            ),
        ),
    ),
    Scenario(
        _INSPECT,
        "several, of any kind",
        "containers, networks, volumes, by --type, one of which is not there",
        f"{network()}; quiet E volume create v1; quiet E create --name c1 TREE true; "
        f"E inspect -f '{{{{.Name}}}}' c1 n1 v1 nothing 2>/dev/null; echo $?; "
        f"E inspect --type network -f '{{{{.Name}}}}' n1; E inspect --type volume c1 2>/dev/null; echo $?; "
        f"E inspect -s -f '{{{{.SizeRw}}}}' c1 | grep -cE '^[0-9]+$'; E container inspect -f '{{{{.Name}}}}' c1",
    ),
    Scenario(
        _PS,
        "the table",
        "heads, columns and states of three containers",
        f"{kept('c1', '-p 8080:80')}; quiet E create --name c2 TREE echo 'a b' c; "
        "E run --name c3 TREE sh -c 'exit 3'; E ps -a | head -n 1 | tr -s ' '; "
        "E ps -a --format "
        f"'{{{{.Names}}}}|{{{{.Command}}}}|{{{{.Status}}}}|{{{{.Ports}}}}|{{{{.State}}}}|{{{{.Networks}}}}|{{{{.Mounts}}}}|{{{{.LocalVolumes}}}}'",
        normalise=((r"(Up|ago|Exited \(3\))[^|]*", r"\1"), BRACKETS),
    ),
    Scenario(
        _PS,
        "which of them",
        "-a, -q, -l, -n, --no-trunc, and filters of state, name, code, label, network, ports, order",
        f"{kept('c1', '-l a=b -p 8080:80 -v /usr:/mnt:ro')}; quiet E create --name c2 -l a=c TREE true; "
        "E run --name c3 --network none TREE sh -c 'exit 3'; "
        "for o in '' -a -l '-n 2' '-a -f status=created' '-f status=exited' '-f exited=3' '-a -f exited=3' '-f "
        "name=C1 -a' '-af name=^c[12]$' '-af label=a' '-af label=a=c' '-af network=none' '-af before=c3' '-af "
        "since=c1' '-f publish=8080' '-f publish=80' '-f expose=80' '-f volume=/mnt' '-f volume=/usr' '-af "
        f"health=none'; do echo \"$o:\" $(E ps $o --format '{{{{.Names}}}}'); done; E ps -aq | wc -l; "
        "E ps -q --no-trunc | wc -c",
    ),
    Scenario(
        _PS,
        "filters that are refused",
        "keys and values that no engine has",
        'for f in foo=bar status=bogus exited=x health=x before=nobody publish=x; do echo "$f: $(no ps -f $f)"; done',
    ),
    Scenario(
        _PS,
        "templates",
        "functions and conditions in --format",
        f'{kept("c1", "-l k.a-b=v")}; for t in \'table {{{{.Names|upper}}}} {{{{.Label "k.a-b"}}}} '
        f"{{{{truncate .Names 1}}}}\\t{{{{json .State}}}}' '{{{{if eq .State "
        f"\"running\"}}}}up{{{{else}}}}-{{{{end}}}}' 'x\\ty' '{{{{.Nope}}}}' '{{{{' '{{{{lower .Image}}}}' "
        f"'{{{{.ID | len}}}} {{{{.Labels}}}}'; do E ps --format \"$t\"; echo $?; done",
        normalise=(
            ("^Template parsing error: .*|^(failed to .*)?template: .*|^pyrun: .*", "COMPLAINT"),
            ("(?s)COMPLAINT\n.*?(?=^[0-9]+$)", "COMPLAINT\n"),
        ),
    ),
    Scenario(
        _PS,
        "top",
        "the verb top, with ps's options and without",
        f"{kept('c1')}; E top c1 | awk '{{ print NF, $NF }}'; "
        f"E top c1 -o pid,args | awk '{{ print NR, $2, $3 }}'; no top c1 -o nope; no top nobody",
    ),
)
