"""Every option of every verb, as declared, with what no value should look like: one clear line, and nothing has changed.

What is declared tomorrow is asked here tomorrow. The corpus of lines that once did worse is in
`tests/kernel/test_lacking.py`; lines made by chance are in `test_usage`.
"""

import json
import sys
from pathlib import Path

import pytest
from lab import BUSYBOX, TOP, Host

from pyrun.cli.declared import Option, Verb, every

VERBS = every()
_NOBODY = "no/body"  # no name of anything, nor a path
_HUGE = "9" * (1 << 20)
VALUES = ("", "-1", "a\nb", "--š漢²=:,\x1b[31m/../%s", _HUGE)
_GUARDS = {  # so that nothing is done, or goes on for ever
    "run": ["--dry-run"],
    "events": ["--until", "0s"],
    "stats": ["--no-stream"],
}
_NOT_WRONG = {("events", "--until", ""), ("volume create", "", "")}  # as if it were not given
_FEW = {"create": VALUES[:0]}  # its options are those of run, and it has no guard


def _arguments(verb: Verb) -> list[str]:
    if verb.name == "run":
        return [BUSYBOX, "true"]
    return [_NOBODY] * max(verb.least, 1 if verb.most else 0)


def _lines(verb: Verb) -> list[list[str]]:
    """Give the lines of a verb: each option with each value, and without; each argument as each value."""
    name, guards, arguments = verb.name.split(), _GUARDS.get(verb.name, []), _arguments(verb)
    lines = [[*name, *guards, *words, "--", *arguments] for option in verb.options for words in _given(verb, option)]
    lines += [[*name, *guards, option.flags[0]] for option in verb.options if option.metavar]
    if verb.name != "create" and verb.most:
        for value in VALUES:
            if (verb.name, "", value) not in _NOT_WRONG:
                lines += [[*name, *guards, "--", *arguments[:at], value] for at in range(max(1, len(arguments)))]
    return lines


def _given(verb: Verb, option: Option) -> list[list[str]]:
    flag = option.flags[0]
    if not option.metavar:
        return [[f"{flag}={value}"] for value in ("", "perhaps", "a\nb", _HUGE)]
    values = _FEW.get(verb.name, VALUES)
    return [[flag, value] for value in values if (verb.name, flag, value) not in _NOT_WRONG]


def _performed(host: Host, lines: list[list[str]]) -> "list[tuple[int, str, str]]":
    paths = [str(TOP), *(path for path in sys.path if path.endswith("site-packages"))]
    start = (
        f"import sys; sys.path[:0] = {paths!r}; exec(open({str(Path(__file__).with_name('performer.py'))!r}).read())"
    )
    given = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    done = host.run([sys.executable, "-I", "-S", "-c", start], given, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return [tuple(json.loads(row)) for row in done.stdout.splitlines()]  # type: ignore[misc]


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if not verb.hidden])
def test_every_option_takes_anything(shared_host: Host, name: str) -> None:
    lines = _lines(VERBS[name])
    shared_host.out("mkdir -p /var/lib/pyrun/rootfs")
    before = _standing(shared_host)
    for line, (code, out, err) in zip(lines, _performed(shared_host, lines), strict=True):
        seen = ([word[:60] for word in line], code, out[-500:], err[:1500])
        assert code in (0, 1, 2, 125, 126, 127), seen
        assert not any(word in out + err for word in ("Traceback", "internal error", "Error(")), seen
        assert "\x1b" not in err, seen
        if code and not (name == "doctor" and not err):  # whose exit code may be what it found
            told = err.splitlines()
            assert told and all(row.startswith("pyrun: ") for row in told), seen
            assert max(map(len, told)) < 1000, seen
    assert _standing(shared_host) == before


def _standing(host: Host) -> dict[str, str]:
    return {key: value for key, value in host.settled().items() if key != "processes"}
