"""What the lab's verbs say: the task, what is right and wrong, hints, and the end; in lines that fit a terminal."""

import sys

from pyrun import documents
from pyrun.cli import screen, tables
from pyrun.lab import faults as catalogue
from pyrun.lab import network, stages
from pyrun.lab.faults import Fault
from pyrun.lab.grade import Result
from pyrun.lab.helping import Hint
from pyrun.lab.standing import Standing
from pyrun.typed import Any

_WIDTH, _NARROW = 100, 40


def write(text: str) -> None:
    """Print."""
    sys.stdout.write(text)


def write_json(document: Any) -> None:
    """Print a document for programs."""
    sys.stdout.write(documents.printed(document) + "\n")


def paragraph(text: str, margin: str = "", first: str = "") -> str:
    """Break text into lines between words, each after the *margin*, the first one after *first* if there is any."""
    width = min(max(screen.width() or _WIDTH, _NARROW), _WIDTH)
    lines: list[str] = []
    line = first or margin
    started = False
    for word in text.split():
        if started and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, started = margin, False
        line += f" {word}" if started else word
        started = True
    return "".join(f"{each}\n" for each in [*lines, line])


def introduction(lab: Standing) -> str:
    """Say what a lab is and what is to be done."""
    head = _bold(f"Lab {lab.kind}") + "\n\n"
    if lab.kind == "bridge":
        text = (
            f"You are root on a private host. {network.UPLINK} leads to an internet of its own, where a web server"
            f" has {network.PAGES} and a name server {network.NAMES}. In nine stages you make what a container engine"
            " makes for a container: a namespace that opens a page by its name. Type the commands of your choice;"
            " names and addresses are yours to choose as well."
        )
        first = next(iter(stages.STAGES.values()))
        return head + paragraph(text) + "\n" + _commands() + "\n" + _lesson(first)
    return head + paragraph(_scene()) + "\n" + _complaint(lab) + "\n" + _commands()


def examined(lab: Standing, results: list[Result], wanted: str) -> str:
    """Tell what was found: for *bridge* all stages in a line each, and one of them whole."""
    if lab.kind == "broken":
        return _repair(lab, results[0])
    chosen = next((r for r in results if r.name == wanted), None) or next((r for r in results if not r.done), None)
    rows = [_row(at, result) for at, result in enumerate(results, 1)]
    if chosen is None:
        return "".join(rows) + "\n" + _total(results) + "\n" + paragraph(stages.FINISHED)
    stage = stages.find(chosen.name)
    title = _bold(f"Stage {stage.number}: {stage.title}") + "\n"
    lesson = "" if chosen.done else "\n" + paragraph(stage.lesson)
    return "".join(rows) + "\n" + title + _findings(chosen) + lesson


def status(lab: Standing, results: list[Result]) -> str:
    """Say what the task is, and how far it is done."""
    if lab.kind == "broken":
        return paragraph(_scene()) + "\n" + _complaint(lab)
    rows = [_row(at, result) for at, result in enumerate(results, 1)]
    current = next((result for result in results if not result.done), None)
    end = paragraph(stages.FINISHED) if current is None else _lesson(stages.find(current.name))
    return "".join(rows) + "\n" + _total(results) + "\n" + end


def hint(given: Hint) -> str:
    """Write a hint; commands stand alone on their lines, to be copied."""
    head = f"Hint {given.level} of {given.most} for {given.task}"
    return f"{_bold(head)}\n{paragraph(given.text)}" + "".join(f"    {command}\n" for command in given.commands)


def faults(found: list[Fault]) -> str:
    """List faults with their seeds."""
    head = [["SEED", "FAULT", "WHAT PEOPLE SAY"]]
    return tables.columns(head + [[str(catalogue.seed_of(each.name)), each.name, each.symptom] for each in found])


def _repair(lab: Standing, result: Result) -> str:
    text = _findings(result)
    if not result.done:
        count = sum(not finding.right for finding in result.findings)
        end = f"{count} of {len(result.findings)} are not as they should be. pyrun lab hint helps."
        return text + "\n" + paragraph(end)
    fault = catalogue.find(lab.fault)
    score = f"{result.points} of {stages.POINTS} points."
    return text + "\n" + paragraph(f"{_bold('Mended.')} The fault was: {fault.name}. {fault.found}") + score + "\n"


def _findings(result: Result) -> str:
    return "".join(
        paragraph(f.text, "        ", f"  {_sign(f.right)}  ") if not _coloured() else _painted(f.right, f.text)
        for f in result.findings
    )


def _painted(right: bool, text: str) -> str:
    plain = paragraph(text, "        ", "        ")
    sign = screen.painted(_sign(right), "green" if right else "red")
    return f"  {sign}  {plain[8:]}"


def _sign(right: bool) -> str:
    return "ok  " if right else "FAIL"


def _row(number: int, result: Result) -> str:
    help_text = "solved by pyrun" if result.told.solved else ""
    hints = f"{result.told.hints} hint{'s' if result.told.hints != 1 else ''}" if result.told.hints else ""
    sign = "done" if result.done else "    "
    fresh = "new" if result.fresh and not help_text else ""
    notes = ", ".join(filter(None, (fresh, hints, help_text)))
    shown = screen.painted(sign, "green") if _coloured() and result.done else sign
    return f"  {shown}  {number}  {result.name:<11} {result.title}{f' ({notes})' if notes else ''}\n"


def _lesson(stage: stages.Stage) -> str:
    return _bold(f"Stage {stage.number}: {stage.title}") + "\n" + paragraph(stage.lesson)


def _total(results: list[Result]) -> str:
    done = sum(result.done for result in results)
    points = sum(result.points for result in results)
    return f"{done} of {len(results)} stages, {points} of {stages.POINTS * len(results)} points.\n"


def _scene() -> str:
    front, back = network.FRONT, network.BACK
    members = {
        b.name: ", ".join(f"{p.container} {p.address}" for p in network.PLUGS if p.bridge == b.name)
        for b in (front, back)
    }
    return (
        f"This host has two networks of containers: {front.name} with {members[front.name]}, and {back.name} with"
        f" {members[back.name]}. web serves pages, and the host's port {network.PUBLISHED} leads to it; db listens on"
        f" port {network.STORE_PORT}. All reach the internet, where {network.SITE} has pages; the two networks do not"
        " reach each other. The containers are namespaces: ip netns exec web bash goes into one. Each asks its gateway"
        " for names."
    )


def _complaint(lab: Standing) -> str:
    told = catalogue.find(lab.fault).symptom
    return (
        paragraph(f"It all worked yesterday. Now somebody complains (seed {lab.seed}):")
        + "\n"
        + paragraph(told, "    ")
    )


def _commands() -> str:
    rows = (
        ("pyrun lab check", "what is right, what is not, and why"),
        ("pyrun lab hint", "a hint; asked again, a clearer one"),
        ("pyrun lab status", "the task once more"),
        ("pyrun lab solve", "let pyrun do it, and see how"),
    )
    return "".join(f"  {command:<18}{meaning}\n" for command, meaning in rows)


def _bold(text: str) -> str:
    return screen.painted(text, "bold") if _coloured() else text


def _coloured() -> bool:
    return screen.is_coloured()
