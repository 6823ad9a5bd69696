"""docs/tutorial.md as a reader works through it: its blocks, what is compared and what is not, and the shell they are typed into.

A block ```console has commands behind `$ ` (the reader's own shell) and `# ` (a shell of root), lines that go on behind `> `, and
beneath each what it prints. A comment `<!-- exits 1 -->` above says that the last command fails; `<!-- prints: COMMAND -->` above
a block of another kind, that this is what COMMAND prints. Everything is typed into one shell, from the first line to the last.
"""

import difflib
import os
import re
import select
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

PATIENCE = 60.0  # seconds for one command

# Words that are others each time. Each has to be the same one wherever the page has the same one.
_RANDOM = {
    "identity": r"\b[0-9a-f]{64}\b|\b[0-9a-f]{12}\b",  # of containers and networks
    "link": r"\bveth[0-9a-f]{7}\b",
    "namespace": r"(?<![0-9])402[67][0-9]{6}\b",
    "address": r"\b(?!02:42:ac:1[0-9a-f]:00|ff:ff:|00:00:|01:|33:)(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b",  # not those made of IPv4's
    "process": r"(?<=\bpid )[0-9]+\b",
}
# What is measured, or counted down, or taken from the kernel's next: any will do.
_MEASURED = {
    "time": r"\btime[= ][0-9.]+ ?ms\b",
    "round trip": r"(?<== )[0-9.]+(?:/[0-9.]+){2,3} ms\b",
    "rest": r"(?<=^icmp     1 )[0-9]+\b",
    "number": r"(?<=\bid=)[0-9]+\b",
    "port": r"(?<=127\.0\.0\.11:)[0-9]{5}\b",
}
_WORD = re.compile("|".join(f"(?P<{name.replace(' ', '_')}>{word})" for name, word in {**_RANDOM, **_MEASURED}.items()))
_FENCE = re.compile(r"```(\w*)$")
_ASKED = re.compile(r"<!-- (exits|prints:) (.*) -->$")


class Step(NamedTuple):
    """A command, the lines of the page below it, and where it is: numbers count from 1."""

    command: str
    line: int  # where what it prints begins
    printed: tuple[str, ...]
    code: int = 0
    root: bool = True


class Difference(NamedTuple):
    """What a command did otherwise than the page says."""

    step: Step
    printed: tuple[str, ...]  # in the page's words where they are known
    code: int

    def told(self) -> str:
        """Show it as a diff with the line of the page."""
        lines = [f"docs/tutorial.md:{self.step.line}: {self.step.command}"]
        if self.code != self.step.code:
            lines.append(f"exit code {self.code}, not {self.step.code}")
        found = difflib.unified_diff(self.step.printed, self.printed, "the page", "this run", lineterm="", n=2)
        return "\n".join([*lines, *found])


class _Asked(NamedTuple):
    code: int = 0
    command: str = ""


def steps(page: str) -> list[Step]:
    """List what is typed, in order. Errors: ValueError for a block that says nothing of where it comes from."""
    found: list[Step] = []
    lines = page.splitlines()
    at, asked = 0, _Asked()
    while at < len(lines):
        fence = _FENCE.match(lines[at])
        if not fence:
            asked = _request(lines[at]) or (_Asked() if lines[at] else asked)
            at += 1
            continue
        end = lines.index("```", at + 1)
        inside = lines[at + 1 : end]
        if asked.command:
            found.append(Step(asked.command, at + 2, tuple(inside), asked.code))
        elif fence[1] == "console":
            found += _typed(inside, at + 2, asked.code)
        else:
            raise ValueError(f"line {at + 1}: a block that no command prints")
        at, asked = end + 1, _Asked()
    return found


def _request(line: str) -> "_Asked | None":
    asked = _ASKED.match(line)
    if not asked:
        return None
    return _Asked(int(asked[2])) if asked[1] == "exits" else _Asked(command=asked[2])


def _typed(inside: list[str], first: int, code: int) -> list[Step]:
    found: list[Step] = []
    for at, line in enumerate(inside):
        if line.startswith(("$ ", "# ")):
            found.append(Step(line[2:], first + at + 1, (), 0, line[0] == "#"))
        elif not found:
            raise ValueError(f"line {first + at}: no command before it")
        elif line.startswith("> ") and not found[-1].printed:
            found[-1] = found[-1]._replace(command=f"{found[-1].command}\n{line[2:]}", line=first + at + 1)
        else:
            found[-1] = found[-1]._replace(printed=(*found[-1].printed, line))
    return [*found[:-1], found[-1]._replace(code=code)]


class Glossary:
    """Which random words of a run stand for which of the page: one for one, the same everywhere."""

    def __init__(self) -> None:
        self._of_run: dict[tuple[str, str], str] = {}
        self._of_page: dict[tuple[str, str], str] = {}
        self._whole: dict[str, str] = {}  # as they stand there, which may be longer

    def agrees(self, page: "tuple[str, ...]", run: "tuple[str, ...]") -> bool:
        """Tell whether both say the same, and learn the words of the run by it."""
        if [_shape(line) for line in page] != [_shape(line) for line in run]:
            return False
        here: dict[tuple[str, str], str] = {}  # a number of a namespace that ended may be another's later on
        for (kind, whole), (_, other_whole) in zip(_words(page), _words(run), strict=True):
            word, other = _key(kind, whole), _key(kind, other_whole)
            self._whole.setdefault(other_whole, whole)
            known = here if kind == "namespace" else self._of_run
            back = self._of_page.setdefault((kind, word), other) if kind != "namespace" else other
            if known.setdefault((kind, other), word) != word or back != other:
                return False
        return True

    def translated(self, page: "tuple[str, ...]", run: "tuple[str, ...]") -> tuple[str, ...]:
        """Say it in the page's words: whole lines where they agree, else those words that are known."""
        told = list(run)
        shapes = [[_shape(line) for line in lines] for lines in (page, run)]
        for at, other, length in difflib.SequenceMatcher(None, *shapes, autojunk=False).get_matching_blocks():
            for line in range(length):
                if self.agrees(page[at + line : at + line + 1], run[other + line : other + line + 1]):
                    told[other + line] = page[at + line]
        return tuple(_WORD.sub(self._word, line) if line == own else line for line, own in zip(told, run, strict=True))

    def _word(self, found: "re.Match[str]") -> str:
        known = self._of_run.get((str(found.lastgroup), _key(str(found.lastgroup), found[0])))
        return self._whole.get(found[0], known or found[0])


def _shape(line: str) -> str:
    return _WORD.sub(lambda found: f"<{found.lastgroup}>", line)


def _words(lines: "tuple[str, ...]") -> list[tuple[str, str]]:
    found = [word for line in lines for word in _WORD.finditer(line)]
    return [(str(word.lastgroup), word[0]) for word in found if word.lastgroup in _RANDOM]


def _key(kind: str, word: str) -> str:
    return word[:12] if kind == "identity" else word


class Shell:
    """A shell that is told line by line, as by a reader, and whatever it starts."""

    def __init__(self, start: "Callable[..., subprocess.Popen[bytes]]", environment: dict[str, str]) -> None:
        pipe = subprocess.PIPE
        self._process = start(["bash"], stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=environment, bufsize=0)
        self._mark = f"--{os.urandom(8).hex()}--"

    def type(self, command: str) -> tuple[tuple[str, ...], int]:
        """Type a command; give what it prints and its exit code. Errors: TimeoutError, EOFError when the shell ends."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin and stdout
        stdin.write(f"{command}\nprintf '\\n{self._mark} %s\\n' $?\n".encode())
        text, code = self._read(stdout, command)
        return tuple(line.rstrip() for line in text.removesuffix("\n").split("\n")) if text else (), code

    def close(self) -> None:
        """End the shell; the namespaces it made end with it."""
        self._process.communicate(timeout=PATIENCE)

    def _read(self, stdout: "IO[bytes]", command: str) -> tuple[str, int]:
        deadline, got = time.monotonic() + PATIENCE, b""
        while True:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{command}: not done after {PATIENCE:.0f} seconds: {got.decode()}")
            part = os.read(stdout.fileno(), 1 << 16)
            if not part:
                raise EOFError(f"{command}: the shell has ended: {got.decode()}")
            got += part
            text, mark, code = got.decode(errors="replace").rpartition(f"\n{self._mark} ")
            if mark and code.endswith("\n"):
                return text, int(code)


def differences(shell: Shell, page: str) -> list[Difference]:
    """Work through the page; list what came out otherwise. A command that fails, or ought to, is the last.

    What follows it supposes that it has done its work, first of all that it has made the place.
    """
    glossary, found = Glossary(), []
    for step in steps(page):
        printed, code = shell.type(step.command)
        if not glossary.agrees(step.printed, printed) or code != step.code:
            found.append(Difference(step, glossary.translated(step.printed, printed), code))
        if code != step.code:
            break
    return found


def corrected(page: str, found: list[Difference]) -> str:
    """Give the page with what this run printed. Exit codes are its author's to write."""
    lines = page.splitlines()
    for difference in reversed(found):
        begin = difference.step.line - 1
        lines[begin : begin + len(difference.step.printed)] = difference.printed
    return "\n".join([*lines, ""])


def rewritten(path: Path, found: list[Difference]) -> None:
    """Put what this run printed into the page."""
    path.write_text(corrected(path.read_text(), found))
