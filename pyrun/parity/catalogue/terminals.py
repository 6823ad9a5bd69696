"""Terminals and signals: what a program is told by those who type, stop and kill."""

import shlex

from pyrun.parity.catalogue.phrases import inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_TTY, _SIGNALS = "tty", "signals"

# A terminal for the engine's client, as a person has one; what it shows is printed.
_PTY = """
import fcntl, os, pty, select, signal, struct, sys, termios, time
size, typed, command = sys.argv[1], sys.argv[2].encode().decode("unicode_escape").encode(), sys.argv[3:]
def resize(end, text):
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", *map(int, text.split("x")), 0, 0))
pid, top = pty.fork()
if pid == 0:
    resize(0, size)
    os.execvp(command[0], command)
shown, steps, resized, last = b"", [each for each in typed.split(b"|") if each], False, time.monotonic() + 30
while time.monotonic() < last:
    if steps and steps[0].partition(b">")[0] in shown:
        awaited, _, answer = steps.pop(0).partition(b">")
        shown = shown.replace(awaited, awaited.lower(), 1)
        resized = answer.startswith(b"SIZE")
        if resized:
            resize(top, answer[4:].decode())
        else:
            os.write(top, answer)
        continue
    if not select.select([top], [], [], 0.3)[0]:
        if resized:
            os.killpg(pid, signal.SIGWINCH)
        continue
    try:
        read = os.read(top, 4096)
    except OSError:
        break
    shown += read
else:
    os.kill(pid, signal.SIGKILL)
sys.stdout.write(shown.decode(errors="replace").replace("\\r", ""))
print("code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
# The engine as a program: a function of the shell cannot be started by another one.
_SCRIPT = "declare -f E >e; echo 'E \"$@\"' >>e"


_RESIZED = (("^failed to resize tty, using default size\\n", ""),)  # said by Docker when it is early


def _on_terminal(
    title: str, does: str, line: str, typed: str = "", size: str = "24x80", before: str = "", *deviations: Deviation
) -> Scenario:
    text = f"{before}{_SCRIPT}; python3 -I -S -c {shlex.quote(_PTY)} {size} {shlex.quote(typed)} bash e {line}"
    return Scenario(_TTY, title, does, text, _RESIZED, deviations, ("python3",))


_SAID = Deviation(
    "20.10 and 26 say nothing when a client leaves run; pyrun does",
    until="28",
    lines="^read escape sequence",
)


_TRAP = (
    'trap "echo got TERM; exit 3" TERM; trap "echo got INT; exit 4" INT; trap "echo got HUP" HUP; '
    'trap "echo got USR1" USR1; echo ready; while :; do sleep 0.05; done'
)
_TRAPPED = f"quiet E run -d --name c1 {{}} TREE sh -c '{_TRAP}'; soon eval 'E logs c1 | grep -q ready'"
_ENDED = "{{.State.Status}} {{.State.ExitCode}} {{.State.OOMKilled}} [{{.State.Error}}]"


SCENARIOS = (
    _on_terminal(
        "a terminal inside",
        "-t: the terminal, its size, its mode and its name",
        "run --rm -it TREE sh -c 'until stty size 2>/dev/null | grep -q 100; do sleep 0.02; done; tty; "
        "stty size; stty -a | tail -n 3; echo $TERM; ls -l /dev/console | cut -c1-10; "
        "test -t 0 && test -t 1 && test -t 2 && echo all three'",
        size="30x100",
    ),
    _on_terminal(
        "typed",
        "what is typed is echoed and read, and control-D is the end",
        "run --rm -it TREE sh -c 'echo Ready; read x; echo Got $x; cat; echo over'",
        "Ready>hello\\n|Got>\\x04",
    ),
    _on_terminal(
        "control-C",
        "is a signal for the program",
        "run --rm -it TREE sh -c 'trap \"echo int; exit 5\" INT; echo Ready; while :; do sleep 0.05; done'",
        "Ready>\\x03",
    ),
    _on_terminal(
        "another size",
        "a window that changes its size: the program is told, and sees it",
        'run --rm -it TREE sh -c \'trap "W=told" WINCH; echo Ready; until stty size 2>/dev/null | grep -q 99; '
        "do sleep 0.05; done; "
        "echo $W; stty size'",
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
        "exec -it c1 sh -c 'until stty size 2>/dev/null | grep -q 91; do sleep 0.02; done; tty; stty size; "
        "echo $TERM; exit 3'",
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
        "E run --rm -t TREE sh -c 'echo a; tty; echo b >&2' | od -An -c; "
        "E run --rm -it TREE true </dev/null 2>/dev/null; echo $?",
    ),
    Scenario(
        _TTY,
        "terminals told",
        "fields of inspect",
        "quiet E create --name c1 -it TREE true; quiet E create --name c2 TREE true; for c in c1 c2; "
        "do E inspect -f '{{with .Config}}{{.Tty}} {{.OpenStdin}} {{.StdinOnce}} {{.AttachStdin}} "
        "{{.AttachStdout}} {{.AttachStderr}}{{end}}' $c; done",
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
        f"{_TRAPPED.format('--stop-signal INT')}; quiet E stop c1; E logs c1 | tail -n 1; "
        f"E inspect -f '{{{{.State.ExitCode}}}} {{{{.Config.StopSignal}}}}' c1",
        deviations=(Deviation("pyrun names signals in full", lines="^4 "),),
    ),
    Scenario(
        _SIGNALS,
        "stop that is not heard",
        "after --stop-timeout, or -t, it is killed",
        f"{kept('c1', '--stop-timeout 0')}; quiet E stop c1; "
        f"E inspect -f '{_ENDED} {{{{.Config.StopTimeout}}}}' c1; {kept('c2')}; quiet E stop -t 0 c2; "
        f"E inspect -f '{_ENDED}' c2",
    ),
    Scenario(
        _SIGNALS,
        "kill",
        "kill with and without a signal, by name and number; and refused",
        f"{_TRAPPED.format('')}; quiet E kill -s HUP c1; soon eval 'E logs c1 | grep -q HUP'; "
        "quiet E kill -s 10 c1; soon eval 'E logs c1 | grep -q USR1'; for s in SIGNOPE 99; "
        f"do no kill -s $s c1; done; E kill c1; E wait c1; E logs c1 | tail -n 2; E inspect -f '{_ENDED}' c1; "
        "no kill c1",
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
        f"{_SCRIPT}; bash e run --name c1 TREE sh -c '{_TRAP}' >out & P=$!; soon grep -q ready out; "
        "pkill -TERM -P $P || kill -TERM $P; wait $P; echo $?; tail -n 1 out",
        normalise=(("^.*Terminated.*\n", ""),),
    ),
    Scenario(
        _SIGNALS,
        "the first process",
        "TERM and INT do nothing to a first process that does not ask for them; with --init they do",
        f"{kept('c1')}; quiet E kill -s TERM c1; quiet E kill -s INT c1; E exec c1 echo still there; "
        f"E inspect -f '{{{{.State.Running}}}}' c1",
    ),
    Scenario(
        _SIGNALS,
        "with an init",
        "--init: who is the first process, and that it hears TERM",
        f'{kept("c1", "--init")}; E exec c1 sh -c \'tr "\\0" " " </proc/1/cmdline; ls /proc/1/task | wc -l\'; '
        f"quiet E stop -t 5 c1; E inspect -f '{_ENDED} {{{{.HostConfig.Init}}}}' c1",
        needs=("tini",),
    ),
    Scenario(
        _SIGNALS,
        "orphans",
        "whose child a process becomes whose parent has ended",
        inside('(sleep 300 & echo $! >/tmp/p); sed -n "s/^PPid:.//p" /proc/$(cat /tmp/p)/status'),
    ),
)
