"""The program: as whom it runs, with which environment, with which code it ends."""

import shlex

from pyrun.parity.catalogue.phrases import inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_USERS, _ENVIRONMENT, _CODES = "users and groups", "environment", "exit codes"


def _code(title: str, does: str, *lines: str, deviations: tuple[Deviation, ...] = ()) -> Scenario:
    return Scenario(
        _CODES,
        title,
        does,
        "; ".join(f"E {line} >/dev/null 2>&1; echo {shlex.quote(line)}: $?" for line in lines),
        deviations=deviations,
    )


SCENARIOS = (
    Scenario(
        _USERS,
        "root",
        "ids, groups, umask, home and working directory of a program of which nothing is said",
        inside("id; umask; pwd; echo $HOME $PATH; ulimit -c"),
        deviations=(
            Deviation(
                "the limits of a container are those of who starts it: of the shell, or of a daemon that systemd has "
                "given others",
                since="23",
                lines="^(0|unlimited)$",
            ),
        ),
    ),
    Scenario(
        _USERS,
        "by number and name",
        "-u with users and groups that there are, and with numbers that nobody has",
        f'{kept("c1")}; for u in 12 12:34 :50 1000: root root:root 0:12; do echo "$u $(E exec -u $u c1 id)"; '
        "done; E run --rm -u 12:34 TREE id; for u in nobody-knows root:nobody-knows -1 99999999999; "
        "do E run --rm -u $u TREE true 2>/dev/null; echo $u $?; done",
    ),
    Scenario(
        _USERS,
        "more groups",
        "--group-add by number, with a user and without, by a name that is none",
        inside("id -G", "--group-add 77 --group-add 78")
        + ";"
        + inside("id -G; id -g", "-u 12 --group-add 77")
        + "; E run --rm --group-add nope TREE true 2>/dev/null; echo $?",
    ),
    Scenario(
        _USERS,
        "in the image's file",
        "users and groups of /etc/passwd and /etc/group, their home and groups",
        f'{kept("c1")}; E exec c1 sh -c \'echo "ann:x:1200:1300::/home/ann:/bin/sh" >>/etc/passwd; '
        'echo "club:x:1400:ann" >>/etc/group\';'
        "E exec -u ann c1 sh -c 'id -u; id -g; id -G; echo $HOME'; E exec -u ann:club c1 sh -c 'id -g; id -G'; "
        "E exec -u 1200 c1 sh -c 'id -G; echo $HOME'; E exec -u bob c1 true >/dev/null 2>&1; echo $?",
    ),
    Scenario(
        _USERS,
        "users in exec",
        "exec as another user, and as the container's",
        f"{kept('c1', '-u 7:8 --group-add 9')}; E exec c1 id; E exec -u 0 c1 id; E exec -u 5:6 c1 id; "
        f"E inspect -f '{{{{.Config.User}}}} {{{{json .HostConfig.GroupAdd}}}}' c1",
    ),
    Scenario(
        _USERS,
        "whose files",
        "owners of what users write, on the host and inside",
        inside('echo >/m/f; stat -c "%u %g %a" /m/f', "-u 12:34 --tmpfs /m:mode=777"),
    ),
    Scenario(
        _ENVIRONMENT,
        "as it is",
        "all variables of a program, without and with a terminal, and as a user",
        inside("env | sort", "--hostname h")
        + ";"
        + inside("env | sort", "-t --hostname h")
        + ";"
        + inside("env | sort", "-u 12 --hostname h"),
    ),
    Scenario(
        _ENVIRONMENT,
        "variables of choice",
        "-e and --env-file: values, empty ones, of the client's environment, that take others' place",
        "printf 'F=1\\n# no\\nG=a b \\nX\\nH=\"q\"\\n' >f; export X=mine Y=too; "
        + inside(
            "env | sort",
            '--env-file f -e A=1 -e "B=x y" -e C= -e D -e Y -e PATH=/bin -e A=2 -e HOSTNAME=other -e TERM=t '
            "--hostname h",
        ),
    ),
    Scenario(
        _ENVIRONMENT,
        "variables refused",
        "-e and --env-file with names that are none",
        "echo '=x' >f; echo 'a b=c' >g; for o in '-e =x' '--env-file f' '--env-file g' '--env-file nothing' "
        '"-e \'\'"; do echo "$o: $(no create $o TREE true)"; done',
    ),
    Scenario(
        _ENVIRONMENT,
        "variables in exec",
        "variables of exec, with -e and -w",
        f"{kept('c1', '-e A=1 -w /etc --hostname h')}; E exec -e A=2 -e B=3 c1 env | sort; E exec c1 pwd; "
        "E exec -w /bin c1 pwd; E exec -w /nothing c1 pwd 2>/dev/null; echo $?",
        deviations=(
            Deviation(
                "20.10 and 26 tell it on the standard output, and end with 126", until="28", lines="^(OCI|12[67]$)"
            ),
        ),
    ),
    Scenario(
        _ENVIRONMENT,
        "entry point",
        "--entrypoint with arguments, an empty one, and inspect",
        "E run --rm --entrypoint echo TREE a b; E run --rm --entrypoint '' TREE echo c; "
        "quiet E create --name c1 --entrypoint /bin/echo TREE a; "
        "E inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}}' c1; "
        "quiet E create --name c2 TREE echo 'a b' c; "
        "E inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}}' c2",
    ),
    Scenario(
        _ENVIRONMENT,
        "descriptors",
        "what a program has open",
        inside("ls /proc/1/fd | head -n 3; readlink /proc/1/fd/0; readlink /proc/1/fd/1 | cut -c1-5"),
    ),
    Scenario(
        _ENVIRONMENT,
        "standard input",
        "-i: bytes come through, the end of the input is told; without -i there is none",
        "printf '\\000bin\\377\\n' | E run --rm -i TREE cat | od -An -tx1; echo x | E run --rm TREE wc -c; "
        "printf 'a\\nb\\n' | E run --rm -i TREE sh -c 'read x; echo got $x; cat'",
    ),
    Scenario(
        _ENVIRONMENT,
        "truths",
        "--rm=T -i=true -it=false --sig-proxy=0, and one that is none",
        "echo in | E run --rm=T -i=true -it=false --sig-proxy=0 TREE cat; "
        "E run --rm=maybe TREE true 2>/dev/null; echo $?",
    ),
    _code(
        "the program's",
        "codes of programs that end by themselves",
        "run --rm TREE true",
        "run --rm TREE false",
        "run --rm TREE sh -c 'exit 7'",
        "run --rm TREE sh -c 'exit 255'",
    ),
    _code(
        "by signals",
        "codes of programs that a signal ends",
        "run --rm TREE sh -c 'kill -9 $$; exit 3'",
        "run --rm TREE sh -c 'sh -c \"kill -11 \\$\\$\"'",
    ),
    _code(
        "not to be started",
        "programs that are not there, not executable, a directory, of no format",
        "run --rm TREE nothing-of-that-name",
        "run --rm TREE /nothing",
        "run --rm TREE /etc",
        "run --rm TREE /etc/group",
        "run --rm -w /etc/group TREE true",
    ),
    _code(
        "lines that are none",
        "options and words that no engine takes",
        "run --rm --no-such-flag TREE true",
        "run",
        "run --rm -m 1m TREE true",
        "run --rm --name -x TREE true",
        "run --rm --net container:nobody TREE true",
        "run --rm --name own --net container:own TREE true",
        "run --rm --net container:nobody --dns 9.9.9.9 TREE true",
        deviations=(Deviation("a line that cannot be read ends with 125 for every verb", lines="^run: "),),
    ),
    Scenario(
        _CODES,
        "verbs that fail",
        "codes of verbs about nobody",
        "for v in start stop kill restart pause unpause rm logs inspect port wait top attach diff rename; "
        "do E $v nobody $([ $v != rename ] || echo x) >/dev/null 2>&1; echo $v $?; done; "
        "E exec nobody true 2>/dev/null; echo exec $?; E cp nobody:/x . 2>/dev/null; echo cp $?",
    ),
    Scenario(
        _CODES,
        "of exec",
        "codes of programs in exec",
        f"{kept('c1')}; for p in 'true' 'false' '/etc'; do E exec c1 $p >/dev/null 2>&1; echo $?; done; "
        "E exec c1 sh -c 'exit 9'; echo $?; E exec c1 sh -c 'kill -9 $$'; echo $?; "
        "E exec c1 nothing >/dev/null 2>&1; echo program $?",
        deviations=(
            Deviation(
                "exec of a program that is not there ends with 127, as in 29; 20.10 and 26 with a newer runc give 126",
                until="28",
                lines="^program",
            ),
        ),
    ),
    Scenario(
        _CODES,
        "of wait",
        "wait prints the code, of several, also of one that has ended",
        f"quiet E run --name c1 TREE true; E run --name c2 TREE sh -c 'exit 5'; {kept('c3')}; E wait c3 & W=$!; "
        "quiet E kill c3; wait $W; E wait c1 c2 c3 nobody 2>/dev/null; echo $?",
    ),
    Scenario(
        _CODES,
        "of start -a",
        "start -a and attach give the program's code",
        "quiet E create --name c1 TREE sh -c 'echo out; exit 6'; E start -a c1; echo $?; E start c1; E wait c1",
    ),
    Scenario(
        _CODES,
        "after a failed start",
        "state and code of a container whose program is not there",
        "E run --name c1 TREE nothing >/dev/null 2>&1; echo $?; "
        "E inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1 2>/dev/null || echo none; "
        "quiet E create --name c2 TREE nothing; E start c2 >/dev/null 2>&1; echo $?; "
        "E inspect -f '{{.State.Status}} {{.State.ExitCode}}' c2",
        deviations=(
            Deviation(
                "a start that failed leaves a container in state Created; pyrun's run leaves nothing",
                lines="^(created 127|none|)$",
            ),
        ),
    ),
)
