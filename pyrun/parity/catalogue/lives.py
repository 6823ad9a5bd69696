"""Containers as they are told of: states of a life, inspect, ps, logs."""

from pyrun.parity.catalogue.phrases import inside, kept, network
from pyrun.parity.scenario import Deviation, Scenario

_STATES, _INSPECT, _PS, _LOGS = "lifecycle", "inspect", "ps", "logs"
_STATE = "{{.State.Status}} {{with .State}}{{.Running}} {{.Paused}} {{.Restarting}} {{.Dead}} {{.ExitCode}} {{ne .Pid 0}}{{end}} {{.RestartCount}}"
_TOLD = f"E inspect -f '{_STATE}' c1"
_FIELDS = """
import json, sys
def leaves(value, path=""):
    if not isinstance(value, dict) or not value:
        return {path}
    return {leaf for key, inner in value.items() if key != "Limits" for leaf in leaves(inner, f"{path}.{key}".lstrip("."))}
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
_ALIVE = Deviation("whether somebody still keeps the container's log and exit code", lines=r"^State\.MonitorAlive$")
_NAMES = Deviation("a field of current releases", until="26", lines=r"\.DNSNames$")
_PRIORITY = Deviation("a field of current releases", until="28", lines=r"\.GwPriority$")
_LEGACY = Deviation(
    "29 has no longer the fields of the default bridge beside Networks",
    since="29",
    lines=r"^NetworkSettings\.(Bridge|HairpinMode|LinkLocal|Secondary|EndpointID|Gateway|Global|IP|MacAddress)",
)

SCENARIOS = (
    Scenario(
        _STATES,
        "from created to removed",
        "the state after each verb",
        f"quiet E create --name c1 TREE sleep 300; {_TOLD}; for v in start pause unpause 'stop -t 0' start 'restart -t 0' kill; do E $v c1; {_TOLD}; done; E rm c1; E inspect c1 2>/dev/null",
    ),
    Scenario(
        _STATES,
        "verbs out of place",
        "start of what runs, stop of what does not, unpause of what is not paused, rm of what runs",
        f"{kept('c1')}; quiet E create --name c2 TREE true; for v in 'start c1' 'unpause c1' 'rm c1' 'stop c2' 'kill c2' 'pause c2' 'restart -t 0 c2' 'exec c2 true' 'rm -f nobody'; do echo \"$v: $(no $v)\"; done",
    ),
    Scenario(
        _STATES,
        "names",
        "names that are taken, or none, and by the engine",
        f"{kept('c1')}; for n in c1 -x 'a b' a/b x; do echo \"$n: $(no create --name \"$n\" TREE true)\"; done; quiet E rename c1 new; E inspect -f '{{{{.Name}}}}' new; no rename new x; no rename nobody y; ID=$(E create TREE true); E inspect -f '{{{{.Name}}}}' $ID | grep -cE '^/[a-z]+_[a-z]+'",
        deviations=(),
    ),
    Scenario(
        _STATES,
        "known by",
        "name, id, beginning of the id, and with a slash",
        f"{kept('c1')}; I=$(E inspect -f '{{{{.Id}}}}' c1); for n in c1 /c1 $I ${{I:0:12}} ${{I:0:4}}; do E inspect -f '{{{{.Name}}}}' $n; done; E inspect c 2>&1 | tail -n 1",
    ),
    Scenario(
        _STATES,
        "removed at its end",
        "--rm, also when it fails or is killed; with --restart it is refused",
        "E run --rm --name c1 TREE false; E ps -aq -f name=c1 | wc -l; quiet E run -d --rm --name c1 TREE sleep 300; quiet E kill c1; soon eval '! E inspect c1'; E ps -aq -f name=c1 | wc -l; no run --rm --restart always TREE true",
    ),
    Scenario(
        _STATES,
        "what stays of its files",
        "a stopped container keeps what it wrote, a new one has none of it",
        f"{kept('c1')}; E exec c1 sh -c 'echo kept >/f'; quiet E restart -t 0 c1; E exec c1 cat /f; E diff c1 | grep -v ' /etc'; {inside('ls /f')}",
    ),
    Scenario(
        _STATES,
        "restarted by its policy",
        "--restart on-failure:2: how often, and the state at the end",
        "quiet E run -d --name c1 --restart on-failure:2 TREE sh -c 'echo life; exit 4'; soon eval '[ \"$(E inspect -f \"{{.RestartCount}} {{.State.Running}} {{.State.Restarting}}\" c1)\" = \"2 false false\" ]'; E logs c1; E inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} {{json .HostConfig.RestartPolicy}}' c1",
    ),
    Scenario(
        _STATES,
        "stopped in spite of its policy",
        "--restart always, stopped by hand, and killed",
        f"{kept('c1', '--restart always')}; quiet E stop -t 0 c1; {_TOLD}; quiet E start c1; P=$(pid c1); kill -9 $P; soon eval '[ $(pid c1) != 0 ] && [ $(pid c1) != $P ]'; E inspect -f '{{{{.State.Status}}}} {{{{.RestartCount}}}}' c1; for p in nope always:3 on-failure:-1; do no create --restart $p TREE true; done",
    ),
    Scenario(
        _STATES,
        "changed",
        "the verb update: the policy",
        f"{kept('c1')}; quiet E update --restart on-failure:3 c1; E inspect -f '{{{{json .HostConfig.RestartPolicy}}}}' c1; no update --restart nope c1",
    ),
    Scenario(
        _STATES,
        "paused",
        "its processes stand still, exec is refused, stop ends it",
        f"{kept('c1')}; quiet E pause c1; no exec c1 true; no pause c1; {_TOLD}; E stop -t 0 c1; {_TOLD}",
    ),
    Scenario(
        _STATES,
        "health",
        "a check that is well and one that is not: states, streak, output",
        "quiet E run -d --name c1 --health-cmd 'echo fine' --health-interval 100ms TREE sleep 300; quiet E run -d --name c2 --health-cmd 'echo bad; exit 1' --health-interval 100ms --health-retries 2 TREE sleep 300; for c in c1 c2; do soon eval '! E inspect -f \"{{.State.Health.Status}}\" $c | grep -q starting'; E inspect -f '{{.State.Health.Status}} {{with index .State.Health.Log 0}}{{.ExitCode}} {{json .Output}}{{end}} {{json .Config.Healthcheck}}' $c; done; E ps --format '{{.Names}} {{.Status}}' | sed 's/Up .* (/Up (/' | sort",
    ),
    Scenario(
        _STATES,
        "waiting for the end",
        "what runs when run -d has printed the id: the program, with its address",
        f"ID=$(E run -d --name c1 TREE sleep 300); echo $ID; E inspect -f '{{{{.Id}}}}' c1 | cmp - <(echo $ID) && echo same; {_TOLD}; E top c1 -o pid,args | tail -n 1 | awk '{{ print $2, $3 }}'; echo $ID >f; quiet E create --name c2 --cidfile g TREE true; wc -c <g; no create --cidfile g TREE true",
    ),
    Scenario(
        _STATES,
        "events",
        "what is told of a life",
        "S=$(date +%s); quiet E create --name c1 TREE sh -c 'exit 3'; E start -a c1; quiet E rm c1; E events --since $S --until $(($(date +%s) + 1)) --filter container=c1 --format '{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}' | grep -E ' c1 '",
        normalise=(("<no value>", ""),),
    ),
    Scenario(
        _STATES,
        "pruned",
        "container prune removes what has ended, with a filter what it means",
        f"{kept('c1')}; quiet E create --name c2 --label a=b TREE true; quiet E run --name c3 TREE true; E container prune -f --filter label=a=b | grep -v Total; E ps -a --format '{{{{.Names}}}}' | sort; E container prune -f | grep -v Total; E ps -a --format '{{{{.Names}}}}'",
    ),
    _fields(
        "fields of a container",
        "every field of inspect, down to its leaves, of a container on the default bridge",
        kept("c1"),
        "inspect c1",
        _CABLE,
        _ALIVE,
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
        _NAMES,
        _PRIORITY,
        _LEGACY,
    ),
    _fields(
        "fields of a network",
        "every field of network inspect",
        f"{network()}; {kept('c1', '--network n1')}",
        'network inspect n1 | sed \'s/"[0-9a-f]\\{64\\}": {/"ID": {/\'',
    ),
    _fields("fields of a volume", "every field of volume inspect", "quiet E volume create v1", "volume inspect v1"),
    _values(
        "settings of the host",
        "values of HostConfig of a container of which nothing is said",
        "quiet E create --name c1 TREE true",
        "inspect c1",
        "HostConfig",
        Deviation("how many processes there may be is pyrun's own limit", lines="PidsLimit"),
        Deviation("pyrun's logs are limited", lines="LogConfig"),
    ),
    _values(
        "settings of the program",
        "values of Config, with options for most of them",
        "quiet E create --name c1 --hostname h --domainname d -u 3:4 -w /w -e A=1 -l a=b --expose 80 -v /v --stop-signal SIGINT --stop-timeout 3 --mac-address 02:42:01:02:03:04 -it --entrypoint /e TREE x y",
        "inspect c1",
        "Config",
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
        Deviation("fields of current releases", until="28", lines=" GwPriority "),
        Deviation("link-layer addresses are random since 28", since="28", lines="MacAddress"),
        normalise=((r'"[0-9a-f]{12}"', '"ID"'), ("(EndpointID|NetworkID) .*", r"\1 ID")),
    ),
    Scenario(
        _INSPECT,
        "the tutorial's line",
        "the first command of the networking tutorial, unchanged",
        f"{network()}; {kept('c1')}; {kept('c3', '--network n1')};"
        "filter='Name={{.Name}} Hostname={{len .Config.Hostname}} ' && filter+='IP={{or .NetworkSettings.IPAddress .NetworkSettings.Networks.n1.IPAddress}} ' && filter+='Mac={{or .NetworkSettings.MacAddress .NetworkSettings.Networks.n1.MacAddress}} ' &&"
        " filter+='Bridge={{if .NetworkSettings.IPAddress}} docker0 {{else}} n1 {{end}}' && E inspect c1 c3 --format \"$filter\" | sed 's/=\\//=/g'",
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
        f"{network()}; quiet E volume create v1; quiet E create --name c1 TREE true; E inspect -f '{{{{.Name}}}}' c1 n1 v1 nothing 2>/dev/null; echo $?; E inspect --type network -f '{{{{.Name}}}}' n1; E inspect --type volume c1 2>/dev/null; echo $?; E inspect -s -f '{{{{.SizeRw}}}}' c1 | grep -cE '^[0-9]+$'; E container inspect -f '{{{{.Name}}}}' c1",
    ),
    Scenario(
        _PS,
        "the table",
        "heads, columns and states of three containers",
        f"{kept('c1', '-p 8080:80')}; quiet E create --name c2 TREE echo 'a b' c; E run --name c3 TREE sh -c 'exit 3'; E ps -a | awk 'NR == 1'; E ps -a --format '{{{{.Names}}}}|{{{{.Command}}}}|{{{{.Status}}}}|{{{{.Ports}}}}|{{{{.State}}}}|{{{{.Networks}}}}|{{{{.Mounts}}}}|{{{{.LocalVolumes}}}}'",
        normalise=((r"(Up|ago|Exited \(3\))[^|]*", r"\1"),),
    ),
    Scenario(
        _PS,
        "which of them",
        "-a, -q, -l, -n, --no-trunc, and filters of state, name, code, label, network, ports, order",
        f"{kept('c1', '-l a=b -p 8080:80 -v /usr:/mnt:ro')}; quiet E create --name c2 -l a=c TREE true; E run --name c3 --network none TREE sh -c 'exit 3'; for o in '' -a -l '-n 2' '-a -f status=created' '-f status=exited' '-f exited=3' '-a -f exited=3' '-f name=C1 -a' '-af name=^c[12]$' '-af label=a' '-af label=a=c' '-af network=none' '-af before=c3' '-af since=c1' '-f publish=8080' '-f publish=80' '-f expose=80' '-f volume=/mnt' '-f volume=/usr' '-af health=none'; do echo \"$o:\" $(E ps $o --format '{{{{.Names}}}}'); done; E ps -aq | wc -l; E ps -q --no-trunc | wc -c",
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
        f"{kept('c1', '-l k.a-b=v')}; for t in 'table {{{{.Names|upper}}}} {{{{.Label \"k.a-b\"}}}} {{{{truncate .Names 1}}}}\\t{{{{json .State}}}}' '{{{{if eq .State \"running\"}}}}up{{{{else}}}}-{{{{end}}}}' 'x\\ty' '{{{{.Nope}}}}' '{{{{' '{{{{lower .Image}}}}' '{{{{.ID | len}}}} {{{{.Labels}}}}'; do E ps --format \"$t\"; echo $?; done",
        normalise=(
            ("^Template parsing error: .*|^template: .*|^pyrun: .*", "COMPLAINT"),
            ("(?s)COMPLAINT\n.*?(?=^[0-9]+$)", "COMPLAINT\n"),
        ),
    ),
    Scenario(
        _PS,
        "top",
        "the verb top, with ps's options and without",
        f"{kept('c1')}; E top c1 | awk '{{ print NF, $NF }}'; E top c1 -o pid,args | awk '{{ print NR, $2, $3 }}'; no top c1 -o nope; no top nobody",
    ),
    Scenario(
        _LOGS,
        "both outputs",
        "order and ways of what a program prints",
        "quiet E run --name c1 TREE sh -c 'echo out; echo err >&2; printf unfinished'; E logs c1 2>/dev/null; echo; E logs c1 2>&1 >/dev/null",
        normalise=(),
    ),
    Scenario(
        _LOGS,
        "which lines",
        "--tail with numbers, all and words; --since and --until",
        "quiet E run --name c1 TREE sh -c 'for n in 1 2 3 4 5; do echo $n; done'; for n in 2 0 all 99; do echo \"$n:\" $(E logs --tail $n c1); done; E logs --since 1h c1 | wc -l; E logs --until 1h c1 | wc -l; E logs --since 2030-01-01T00:00:00Z c1 | wc -l; no logs --since nope c1",
    ),
    Scenario(
        _LOGS,
        "times and details",
        "-t, --details",
        "quiet E run --name c1 -l a=b --log-opt labels=a TREE echo x; E logs -t c1 | sed -E 's/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]+Z/TIME/'; E logs --details c1",
    ),
    Scenario(
        _LOGS,
        "followed",
        "logs -f ends with the container, and has all of it",
        "quiet E run -d --name c1 TREE sh -c 'echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last'; E logs -f c1 >out & W=$!; soon grep -q first out; E exec c1 touch /go; wait $W; echo $?; cat out",
    ),
    Scenario(
        _LOGS,
        "over lives",
        "the log of a container that was started again",
        "quiet E run --name c1 TREE echo life; quiet E start c1; E wait c1 >/dev/null; E logs c1",
    ),
    Scenario(
        _LOGS,
        "of a terminal",
        "with -t both outputs are one, with returns",
        "quiet E run -t --name c1 TREE sh -c 'echo out; echo err >&2'; E logs c1 | od -An -c",
    ),
    Scenario(
        _LOGS,
        "the file",
        "lines of the file that inspect names",
        'quiet E run --name c1 TREE sh -c \'echo "a <b> & \\"c\\""; printf x\'; F=$(E inspect -f \'{{.LogPath}}\' c1); sed -E \'s/"time":"[^"]*"/TIME/\' $F',
    ),
    Scenario(
        _LOGS,
        "drivers",
        "--log-driver none, and what inspect says; drivers that there are not",
        "quiet E run --name c1 --log-driver none TREE echo x; E logs c1 2>/dev/null; echo $?; E inspect -f '{{json .HostConfig.LogConfig}}' c1; no create --log-driver nope TREE true; quiet E create --name c2 --log-opt max-size=1m --log-opt max-file=2 TREE true; E inspect -f '{{json .HostConfig.LogConfig}}' c2; for o in max-size=x nope=1; do no create --log-opt $o TREE true; done",
    ),
    Scenario(
        _LOGS,
        "attached",
        "attach sees what comes, and the code",
        "quiet E run -d --name c1 TREE sh -c 'while [ ! -e /go ]; do sleep 0.05; done; echo later; exit 4'; { E attach --no-stdin c1 >out; echo code $?; } & W=$!; sleep 0.3; E exec c1 touch /go; wait $W; cat out",
    ),
)
