"""Containers as they live: their states from one verb to the next, and what they leave in their logs."""

from pyrun.parity.catalogue.phrases import inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_STATES, _LOGS = "lifecycle", "logs"
_STATE = (
    "{{.State.Status}} {{with .State}}{{.Running}} {{.Paused}} {{.Restarting}} {{.Dead}} {{.ExitCode}} "
    "{{ne .Pid 0}}{{end}} {{.RestartCount}}"
)
_TOLD = f"E inspect -f '{_STATE}' c1"

SCENARIOS = (
    Scenario(
        _STATES,
        "from created to removed",
        "the state after each verb",
        f"quiet E create --name c1 TREE sleep 300; {_TOLD}; "
        f"for v in start pause unpause 'stop -t 0' start 'restart -t 0' kill; do E $v c1; {_TOLD}; done; "
        "E rm c1; E inspect --type container c1 2>/dev/null",
    ),
    Scenario(
        _STATES,
        "verbs out of place",
        "start of what runs, stop of what does not, unpause of what is not paused, rm of what runs",
        f"{kept('c1')}; quiet E create --name c2 TREE true; "
        "for v in 'start c1' 'unpause c1' 'rm c1' 'stop c2' 'kill c2' 'pause c2' 'restart -t 0 c2' 'exec c2 "
        "true' 'rm -f nobody'; do echo \"$v: $(no $v)\"; done",
    ),
    Scenario(
        _STATES,
        "names of containers",
        "names that are taken, or none, and by the engine",
        f'{kept("c1")}; for n in c1 -x \'a b\' a/b x; do echo "$n: $(no create --name "$n" TREE true)"; done; '
        f"quiet E rename c1 new; E inspect -f '{{{{.Name}}}}' new; no rename new x; no rename nobody y; "
        f"ID=$(E create TREE true); E inspect -f '{{{{.Name}}}}' $ID | grep -cE '^/[a-z]+_[a-z]+'",
        deviations=(),
    ),
    Scenario(
        _STATES,
        "known by",
        "name, id, beginning of the id, and with a slash",
        f"{kept('web1')}; I=$(E inspect -f '{{{{.Id}}}}' web1); for n in web1 /web1 $I ${{I:0:12}} ${{I:0:9}}; "
        f"do E inspect -f '{{{{.Name}}}}' $n; done; E inspect --type container web 2>&1 | tail -n 1",
    ),
    Scenario(
        _STATES,
        "removed at its end",
        "--rm, also when it fails or is killed; with --restart it is refused",
        "E run --rm --name c1 TREE false; E ps -aq -f name=c1 | wc -l; "
        "quiet E run -d --rm --name c1 TREE sleep 300; quiet E kill c1; soon eval '! E inspect c1'; "
        "E ps -aq -f name=c1 | wc -l; no run --rm --restart always TREE true",
    ),
    Scenario(
        _STATES,
        "what stays of its files",
        "a stopped container keeps what it wrote, a new one has none of it",
        f"{kept('c1')}; E exec c1 sh -c 'echo kept >/f'; quiet E restart -t 0 c1; E exec c1 cat /f; "
        f"E diff c1 | grep -v ' /etc'; {inside('ls /f')}",
    ),
    Scenario(
        _STATES,
        "restarted by its policy",
        "--restart on-failure:2: how often, and the state at the end",
        "quiet E run -d --name c1 --restart on-failure:2 TREE sh -c 'echo life; exit 4'; "
        'soon eval \'[ "$(E inspect -f "{{.RestartCount}} {{.State.Running}} {{.State.Restarting}}" c1)" = '
        "\"2 false false\" ]'; E logs c1; E inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}} "
        "{{json .HostConfig.RestartPolicy}}' c1",
    ),
    Scenario(
        _STATES,
        "stopped in spite of its policy",
        "--restart always, stopped by hand, and killed",
        f"{kept('c1', '--restart always')}; quiet E stop -t 0 c1; {_TOLD}; quiet E start c1; P=$(pid c1); "
        "kill -9 $P; soon eval '[ $(pid c1) != 0 ] && [ $(pid c1) != $P ]'; "
        f"E inspect -f '{{{{.State.Status}}}} {{{{.RestartCount}}}}' c1; for p in nope always:3 on-failure:-1; "
        "do no create --restart $p TREE true; done",
    ),
    Scenario(
        _STATES,
        "a policy changed",
        "the verb update: the policy",
        f"{kept('c1')}; quiet E update --restart on-failure:3 c1; "
        f"E inspect -f '{{{{json .HostConfig.RestartPolicy}}}}' c1; no update --restart nope c1",
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
        "quiet E run -d --name c1 --health-cmd 'echo fine' --health-interval 100ms TREE sleep 300; "
        "quiet E run -d --name c2 --health-cmd 'echo bad; "
        "exit 1' --health-interval 100ms --health-retries 2 TREE sleep 300; for c in c1 c2; "
        "do soon eval '! E inspect -f \"{{.State.Health.Status}}\" $c | grep -q starting'; "
        "E inspect -f '{{.State.Health.Status}} {{with index .State.Health.Log 0}}{{.ExitCode}} {{json "
        ".Output}}{{end}} {{json .Config.Healthcheck}}' $c; done; "
        "E ps --format '{{.Names}} {{.Status}}' | sed 's/Up .* (/Up (/' | sort",
    ),
    Scenario(
        _STATES,
        "waiting for the end",
        "what runs when run -d has printed the id: the program, with its address",
        "ID=$(E run -d --name c1 TREE sleep 300); echo $ID; "
        f"E inspect -f '{{{{.Id}}}}' c1 | cmp - <(echo $ID) && echo same; {_TOLD}; "
        f"E top c1 -o pid,args | tail -n 1 | awk '{{ print $2, $3 }}'; echo $ID >f; "
        "quiet E create --name c2 --cidfile g TREE true; wc -c <g; no create --cidfile g TREE true",
    ),
    Scenario(
        _STATES,
        "events",
        "what is told of a life",
        "S=$(date +%s); quiet E create --name told TREE sh -c 'exit 3'; E start -a told; quiet E rm told; "
        "E events --since $S --until $(($(date +%s) + 1)) --filter container=told --format '{{.Action}} "
        "{{.Actor.Attributes.name}} {{.Actor.Attributes.exitCode}}' | grep -E ' told '",
        normalise=(("<no value>", ""),),
    ),
    Scenario(
        _STATES,
        "pruned",
        "container prune removes what has ended, with a filter what it means",
        f"{kept('c1')}; quiet E create --name c2 --label a=b TREE true; quiet E run --name c3 TREE true; "
        f"E container prune -f --filter label=a=b | grep -v Total; E ps -a --format '{{{{.Names}}}}' | sort; "
        f"E container prune -f | grep -v Total; E ps -a --format '{{{{.Names}}}}'",
    ),
    Scenario(
        _LOGS,
        "both outputs",
        "order and ways of what a program prints",
        "quiet E run --name c1 TREE sh -c 'echo out; echo err >&2; printf unfinished'; E logs c1 2>/dev/null; "
        "echo; E logs c1 2>&1 >/dev/null",
        normalise=(),
    ),
    Scenario(
        _LOGS,
        "which lines",
        "--tail with numbers, all and words; --since and --until",
        "quiet E run --name c1 TREE sh -c 'for n in 1 2 3 4 5; do echo $n; done'; for n in 2 0 all 99; "
        'do echo "$n:" $(E logs --tail $n c1); done; E logs --since 1h c1 | wc -l; '
        "E logs --until 1h c1 | wc -l; E logs --since 2030-01-01T00:00:00Z c1 | wc -l; no logs --since nope c1",
    ),
    Scenario(
        _LOGS,
        "times and details",
        "-t, --details",
        "quiet E run --name c1 -l a=b --log-opt labels=a TREE echo x; "
        "E logs -t c1 | sed -E 's/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]+Z/TIME/'; E logs --details c1",
    ),
    Scenario(
        _LOGS,
        "followed",
        "logs -f ends with the container, and has all of it",
        "quiet E run -d --name c1 TREE sh -c 'echo first; while [ ! -e /go ]; do sleep 0.05; done; echo last'; "
        "E logs -f c1 >out & W=$!; soon grep -q first out; E exec c1 touch /go; wait $W; echo $?; cat out",
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
        'quiet E run --name c1 TREE sh -c \'echo "a <b> & \\"c\\""; printf x\'; '
        'F=$(E inspect -f \'{{.LogPath}}\' c1); sed -E \'s/"time":"[^"]*"/TIME/\' $F',
        deviations=(Deviation("Docker writes < > & as numbers, which JSON reads as the same", lines="a (<|.u003c)b"),),
    ),
    Scenario(
        _LOGS,
        "drivers",
        "--log-driver none, and what inspect says; drivers that there are not",
        "quiet E run --name c1 --log-driver none TREE echo x; E logs c1 2>/dev/null; echo $?; "
        "E inspect -f '{{json .HostConfig.LogConfig}}' c1; "
        "quiet E create --name c2 --log-opt max-size=1m --log-opt max-file=2 TREE true; "
        "E inspect -f '{{json .HostConfig.LogConfig}}' c2; for o in nope=1 max-size=x; "
        "do no create --log-opt $o TREE true; done",
        deviations=(
            Deviation("a limit that is no size is refused at once, not at the start", lines="^(taken|refused)$"),
        ),
    ),
    Scenario(
        _LOGS,
        "attached",
        "attach sees what comes, and the code",
        "quiet E run -d --name c1 TREE sh -c 'while [ ! -e /go ]; do sleep 0.05; done; echo later; exit 4'; "
        "{ E attach --no-stdin c1 >out; echo code $?; } & W=$!; sleep 0.3; E exec c1 touch /go; wait $W; "
        "cat out",
    ),
)
