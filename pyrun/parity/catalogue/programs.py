"""The program: as whom it runs, with which environment, on which terminal, how it is ended, with which code."""

import shlex

from pyrun.parity.catalogue.phrases import inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_USERS, _ENVIRONMENT, _TTY, _SIGNALS, _CODES = "users and groups", "environment", "tty", "signals", "exit codes"

# A terminal for the engine's client, as a person has one; what it shows is printed.
_PTY = """
import os, pty, select, sys, time, fcntl, struct, termios, signal
size, typed, command = sys.argv[1], sys.argv[2].encode().decode("unicode_escape").encode(), sys.argv[3:]
pid, top = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *map(int, size.split("x")), 0, 0))
    os.execvp(command[0], command)
shown, steps = b"", [each for each in typed.split(b"|") if each]
while True:
    if steps and steps[0].partition(b">")[0] in shown:
        awaited, _, answer = steps.pop(0).partition(b">")
        shown = shown.replace(awaited, awaited.lower(), 1)
        if answer.startswith(b"SIZE"):
            fcntl.ioctl(top, termios.TIOCSWINSZ, struct.pack("HHHH", *map(int, answer[4:].split(b"x")), 0, 0))
        else:
            os.write(top, answer)
    try:
        read = os.read(top, 4096)
    except OSError:
        break
    if not read:
        break
    shown += read
sys.stdout.write(shown.decode(errors="replace").replace("\\r", ""))
print("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
# The engine as a program: a function of the shell cannot be started by another one.
_SCRIPT = "declare -f E >e; echo 'E \"$@\"' >>e"


def _on_terminal(
    title: str, does: str, line: str, typed: str = "", size: str = "24x80", before: str = "", *deviations: Deviation
) -> Scenario:
    text = f"{before}{_SCRIPT}; python3 -I -S -c {shlex.quote(_PTY)} {size} {shlex.quote(typed)} bash e {line}"
    return Scenario(_TTY, title, does, text, deviations=deviations, needs=("python3",))


_SAID = Deviation(
    "20.10 says nothing when a client leaves run; current releases, and pyrun, do",
    until="26",
    lines="^read escape sequence",
)


def _code(title: str, does: str, *lines: str, deviations: tuple[Deviation, ...] = ()) -> Scenario:
    return Scenario(
        _CODES,
        title,
        does,
        "; ".join(f"E {line} >/dev/null 2>&1; echo {shlex.quote(line)}: $?" for line in lines),
        deviations=deviations,
    )


_TRAP = 'trap "echo got TERM; exit 3" TERM; trap "echo got INT; exit 4" INT; trap "echo got HUP" HUP; trap "echo got USR1" USR1; echo ready; while :; do sleep 0.05; done'
_TRAPPED = f"quiet E run -d --name c1 {{}} TREE sh -c '{_TRAP}'; soon eval 'E logs c1 | grep -q ready'"
_ENDED = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} [{{.State.Error}}]"

SCENARIOS = (
    Scenario(
        _USERS,
        "root",
        "ids, groups, umask, home and working directory of a program of which nothing is said",
        inside("id; umask; pwd; echo $HOME $PATH; ulimit -c"),
    ),
    Scenario(
        _USERS,
        "by number and name",
        "-u with users and groups that there are, and with numbers that nobody has",
        f'{kept("c1")}; for u in 12 12:34 :50 1000: root root:root 0:12; do echo "$u $(E exec -u $u c1 id)"; done; E run --rm -u 12:34 TREE id; for u in nobody-knows root:nobody-knows -1 99999999999; do E run --rm -u $u TREE true 2>/dev/null; echo $u $?; done',
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
        f'{kept("c1")}; E exec c1 sh -c \'echo "ann:x:1200:1300::/home/ann:/bin/sh" >>/etc/passwd; echo "club:x:1400:ann" >>/etc/group\';'
        "E exec -u ann c1 sh -c 'id -u; id -g; id -G; echo $HOME'; E exec -u ann:club c1 sh -c 'id -g; id -G'; E exec -u 1200 c1 sh -c 'id -G; echo $HOME'; E exec -u bob c1 true >/dev/null 2>&1; echo $?",
    ),
    Scenario(
        _USERS,
        "in exec",
        "exec as another user, and as the container's",
        f"{kept('c1', '-u 7:8 --group-add 9')}; E exec c1 id; E exec -u 0 c1 id; E exec -u 5:6 c1 id; E inspect -f '{{{{.Config.User}}}} {{{{json .HostConfig.GroupAdd}}}}' c1",
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
        "of choice",
        "-e and --env-file: values, empty ones, of the client's environment, that take others' place",
        "printf 'F=1\\n# no\\nG=a b \\nX\\nH=\"q\"\\n' >f; export X=mine Y=too; "
        + inside(
            "env | sort",
            '--env-file f -e A=1 -e "B=x y" -e C= -e D -e Y -e PATH=/bin -e A=2 -e HOSTNAME=other -e TERM=t --hostname h',
        ),
    ),
    Scenario(
        _ENVIRONMENT,
        "refused",
        "-e and --env-file with names that are none",
        "echo '=x' >f; echo 'a b=c' >g; for o in '-e =x' '--env-file f' '--env-file g' '--env-file nothing' \"-e ''\"; do echo \"$o: $(no create $o TREE true)\"; done",
    ),
    Scenario(
        _ENVIRONMENT,
        "in exec",
        "variables of exec, with -e and -w",
        f"{kept('c1', '-e A=1 -w /etc --hostname h')}; E exec -e A=2 -e B=3 c1 env | sort; E exec c1 pwd; E exec -w /bin c1 pwd; E exec -w /nothing c1 pwd 2>/dev/null; echo $?",
        deviations=(
            Deviation("20.10 tells it on the standard output, and ends with 126", until="23", lines="^(OCI|12[67]$)"),
        ),
    ),
    Scenario(
        _ENVIRONMENT,
        "entry point",
        "--entrypoint with arguments, an empty one, and inspect",
        "E run --rm --entrypoint echo TREE a b; E run --rm --entrypoint '' TREE echo c; quiet E create --name c1 --entrypoint /bin/echo TREE a; E inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}}' c1; quiet E create --name c2 TREE echo 'a b' c; E inspect -f '{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}}' c2",
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
        "printf '\\000bin\\377\\n' | E run --rm -i TREE cat | od -An -tx1; echo x | E run --rm TREE wc -c; printf 'a\\nb\\n' | E run --rm -i TREE sh -c 'read x; echo got $x; cat'",
    ),
    Scenario(
        _ENVIRONMENT,
        "truths",
        "--rm=T -i=true -it=false --sig-proxy=0, and one that is none",
        "echo in | E run --rm=T -i=true -it=false --sig-proxy=0 TREE cat; E run --rm=maybe TREE true 2>/dev/null; echo $?",
    ),
    _on_terminal(
        "inside",
        "-t: the terminal, its size, its mode and its name",
        "run --rm -it TREE sh -c 'until stty size 2>/dev/null | grep -q 100; do sleep 0.02; done; tty; stty size; stty -a | tail -n 3; echo $TERM; ls -l /dev/console | cut -c1-10; test -t 0 && test -t 1 && test -t 2 && echo all three'",
        size="30x100",
    ),
    _on_terminal(
        "typed",
        "what is typed is echoed and read; control-C is a signal, control-D the end",
        "run --rm -it TREE sh -c 'trap \"echo Int\" INT; echo Ready; read x; echo Got $x; read y; cat; echo over'",
        "Ready>hello\\n|Got>\\x03|Int>\\x04",
    ),
    _on_terminal(
        "another size",
        "a window that changes its size",
        "run --rm -it TREE sh -c 'trap \"stty size; exit\" WINCH; echo Ready; while :; do sleep 0.05; done'",
        "Ready>SIZE33x99",
    ),
    _on_terminal(
        "exit code",
        "the program's code, and that of a line that cannot be",
        "run --rm -it TREE sh -c 'echo out; echo err >&2; exit 7'",
    ),
    _on_terminal(
        "exec",
        "exec -it has a terminal of its own",
        "exec -it c1 sh -c 'until stty size 2>/dev/null | grep -q 91; do sleep 0.02; done; tty; stty size; echo $TERM; exit 3'",
        size="31x91",
        before=f"{kept('c1')}; ",
    ),
    _on_terminal(
        "left",
        "control-P control-Q leaves the container running",
        "run -it --name c1 TREE sh -c 'echo Ready; sleep 300'",
        "Ready>\\x10\\x11",
        "24x80",
        "",
        _SAID,
    ),
    _on_terminal(
        "left by keys of choice",
        "--detach-keys",
        "run -it --name c1 --detach-keys ctrl-x,q TREE sh -c 'echo Ready; sleep 300'",
        "Ready>\\x18q",
        "24x80",
        "",
        _SAID,
    ),
    Scenario(
        _TTY,
        "without one",
        "-t where the client has none: output with returns; -it is refused",
        "E run --rm -t TREE sh -c 'echo a; tty; echo b >&2' | od -An -c; E run --rm -it TREE true </dev/null 2>/dev/null; echo $?",
    ),
    Scenario(
        _TTY,
        "told",
        "fields of inspect",
        "quiet E create --name c1 -it TREE true; quiet E create --name c2 TREE true; for c in c1 c2; do E inspect -f '{{with .Config}}{{.Tty}} {{.OpenStdin}} {{.StdinOnce}} {{.AttachStdin}} {{.AttachStdout}} {{.AttachStderr}}{{end}}' $c; done",
    ),
    Scenario(
        _SIGNALS,
        "stop",
        "stop: what the program is told, its code, and inspect",
        f"{_TRAPPED.format('')}; E stop c1; E logs c1 | tail -n 1; E inspect -f '{_ENDED}' c1",
    ),
    Scenario(
        _SIGNALS,
        "stop by another signal",
        "--stop-signal INT, and its name in inspect",
        f"{_TRAPPED.format('--stop-signal INT')}; quiet E stop c1; E logs c1 | tail -n 1; E inspect -f '{{{{.State.ExitCode}}}} {{{{.Config.StopSignal}}}}' c1",
    ),
    Scenario(
        _SIGNALS,
        "stop that is not heard",
        "after --stop-timeout, or -t, it is killed",
        f"{kept('c1', '--stop-timeout 0')}; quiet E stop c1; E inspect -f '{_ENDED} {{{{.Config.StopTimeout}}}}' c1; {kept('c2')}; quiet E stop -t 0 c2; E inspect -f '{_ENDED}' c2",
    ),
    Scenario(
        _SIGNALS,
        "kill",
        "kill with and without a signal, by name and number; and refused",
        f"{_TRAPPED.format('')}; quiet E kill -s HUP c1; soon eval 'E logs c1 | grep -q HUP'; quiet E kill -s 10 c1; soon eval 'E logs c1 | grep -q USR1'; for s in SIGNOPE 99; do no kill -s $s c1; done; E kill c1; E wait c1; E logs c1 | tail -n 2; E inspect -f '{_ENDED}' c1; no kill c1",
    ),
    Scenario(
        _SIGNALS,
        "none of them",
        "kill with an empty word for a signal",
        f"{kept('c1')}; no kill -s '' c1; E inspect -f '{{{{.State.Running}}}}' c1",
        deviations=(Deviation("pyrun does not take an empty word for KILL"),),
    ),
    Scenario(
        _SIGNALS,
        "to the client",
        "TERM to the client of run reaches the program, whose code it has",
        f"{_SCRIPT}; bash e run --name c1 TREE sh -c '{_TRAP}' >out & P=$!; soon grep -q ready out; pkill -TERM -P $P || kill -TERM $P; wait $P; echo $?; tail -n 1 out",
        normalise=(("^.*Terminated.*\n", ""),),
    ),
    Scenario(
        _SIGNALS,
        "the first process",
        "TERM and INT do nothing to a first process that does not ask for them; with --init they do",
        f"{kept('c1')}; quiet E kill -s TERM c1; quiet E kill -s INT c1; E exec c1 echo still there; E inspect -f '{{{{.State.Running}}}}' c1",
    ),
    Scenario(
        _SIGNALS,
        "with an init",
        "--init: who is the first process, and that it hears TERM",
        f"{kept('c1', '--init')}; E exec c1 sh -c 'tr \"\\0\" \" \" </proc/1/cmdline; ls /proc/1/task | wc -l'; quiet E stop -t 5 c1; E inspect -f '{_ENDED} {{{{.HostConfig.Init}}}}' c1",
        needs=("tini",),
    ),
    Scenario(
        _SIGNALS,
        "orphans",
        "whose child a process becomes whose parent has ended",
        inside('(sleep 300 & echo $! >/tmp/p); sed -n "s/^PPid:.//p" /proc/$(cat /tmp/p)/status'),
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
        "for v in start stop kill restart pause unpause rm logs inspect port wait top attach diff rename; do E $v nobody $([ $v != rename ] || echo x) >/dev/null 2>&1; echo $v $?; done; E exec nobody true 2>/dev/null; echo exec $?; E cp nobody:/x . 2>/dev/null; echo cp $?",
    ),
    Scenario(
        _CODES,
        "of exec",
        "codes of programs in exec",
        f"{kept('c1')}; for p in 'true' 'false' '/etc'; do E exec c1 $p >/dev/null 2>&1; echo $?; done; E exec c1 sh -c 'exit 9'; echo $?; E exec c1 sh -c 'kill -9 $$'; echo $?; E exec c1 nothing >/dev/null 2>&1; echo program $?",
        deviations=(
            Deviation(
                "exec of a program that is not there ends with 127, as in current releases; 20.10 with a newer runc gives 126",
                until="23",
                lines="^program",
            ),
        ),
    ),
    Scenario(
        _CODES,
        "of wait",
        "wait prints the code, of several, also of one that has ended",
        f"quiet E run --name c1 TREE true; E run --name c2 TREE sh -c 'exit 5'; {kept('c3')}; E wait c3 & W=$!; quiet E kill c3; wait $W; E wait c1 c2 c3 nobody 2>/dev/null; echo $?",
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
        "E run --name c1 TREE nothing >/dev/null 2>&1; echo $?; E inspect -f '{{.State.Status}} {{.State.ExitCode}}' c1 2>/dev/null || echo none; quiet E create --name c2 TREE nothing; E start c2 >/dev/null 2>&1; echo $?; E inspect -f '{{.State.Status}} {{.State.ExitCode}}' c2",
        deviations=(
            Deviation(
                "a start that failed leaves a container in state Created; pyrun's run leaves nothing",
                lines="^(created 127|none|)$",
            ),
        ),
    ),
)
