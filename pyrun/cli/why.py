"""What `network why` prints: the way of a packet, decision by decision, for people or as JSON."""

import json

from pyrun.firewall.trace import Step
from pyrun.runtime.probe import Moved, Result
from pyrun.runtime.reachability import Answer, Question
from pyrun.runtime.stages import OK, STOP, Stage
from pyrun.typed import Any, NamedTuple

_MARKS = {OK: "✓", STOP: "✗"}
_COLOURS = {OK: "\033[32m", STOP: "\033[1;31m"}
_CONFIRMED = {True: "Confirmed.", False: "The probe does not agree with this.", None: "That proves nothing."}
_PLAIN = "\033[0m"
_INDENT = " " * 6


class Shown(NamedTuple):
    """How much is told, and how."""

    verbose: bool = False
    colour: bool = False


def in_words(asked: Question, answer: Answer, probed: "Result | None", blind: list[str], how: Shown) -> str:
    """Give the way as lines, the deciding rule last, and *blind*: what might decide as well and is not looked at."""
    lines = [_heading(asked, answer), ""]
    width = max((len(stage.place) for stage in answer.stages), default=0)
    for stage in answer.stages:
        lines += _stage(stage, width, how.verbose, how.colour)
    lines += ["", f"{_verdict(answer.reachable)}: {answer.reason}"]
    if answer.decider:
        word = "In doubt" if answer.reachable is None else "Decided by"
        lines.append(f"{word}: {answer.decider.place}: {answer.decider.rule.text}")
    lines += [f"Note: {line}" for line in blind]
    if probed:
        lines += ["", *_probe(answer, probed)]
    return "\n".join(lines) + "\n"


def as_json(asked: Question, answer: Answer, probed: "Result | None", blind: list[str]) -> str:
    """Give all of it as one JSON object; the packet is told as it was in the end."""
    packet = answer.packet
    told: dict[str, Any] = {
        "Source": {"Name": asked.names[0], "Address": asked.source},
        "Target": {"Name": asked.names[1], "Address": asked.target, "Port": asked.port},
        "Protocol": asked.protocol,
        "Packet": {"Source": packet.source, "Target": packet.target, "Port": packet.port},
        "Reachable": answer.reachable,
        "Reason": answer.reason,
        "Decider": _step(answer.decider) if answer.decider else None,
        "Stages": [_as_json(stage) for stage in answer.stages],
        "NotFollowed": blind,
        "Probe": None,
    }
    if probed:
        moved = [{"Place": each.place, **_moved_json(each)} for each in probed.moved]
        told["Probe"] = {"Reachable": probed.reachable, "Result": probed.text, "Moved": moved}
        told["Probe"]["Confirmed"] = is_confirmed(answer, probed)
    return json.dumps(told, indent=4) + "\n"


def is_confirmed(answer: Answer, probed: Result) -> "bool | None":
    """Claim that the probe agrees: the same end and, where a rule decided, its counter moved; None says nothing."""
    if probed.reachable is None or answer.reachable is None:
        return None
    if probed.reachable != answer.reachable:
        return False
    decider = answer.decider
    if decider is None or decider.rule.packets is None:
        return True
    return any(_is_decider(moved, answer) for moved in probed.moved)


def _heading(asked: Question, answer: Answer) -> str:
    source, target = asked.names
    ends = (source, asked.source or answer.source), (target, asked.target)
    told = [name if not address or address in name else f"{name} ({address})" for name, address in ends]
    port = f" port {asked.port}" if asked.port else ""
    return f"{told[0]} → {told[1]}, {asked.protocol}{port}"


def _is_decider(moved: Moved, answer: Answer) -> bool:
    if answer.decider is None or moved.place != answer.stages[-1].place:
        return False
    return (moved.tool, moved.table, moved.chain, moved.number) == answer.decider.key


def _verdict(reachable: "bool | None") -> str:
    return {True: "Reachable", False: "Not reachable", None: "Cannot be told"}[reachable]


def _stage(stage: Stage, width: int, verbose: bool, colour: bool) -> list[str]:
    mark = _MARKS.get(stage.verdict, "?")
    mark = f"{_COLOURS.get(stage.verdict, '')}{mark}{_PLAIN}" if colour else mark
    lines = [f"  {mark} {stage.place:{width}}  {stage.about:11}  {stage.text}"]
    shown = stage.steps if verbose else _telling(stage)
    for step, former in zip(shown, [None, *shown], strict=False):
        if former is None or (former.tool, former.table) != (step.tool, step.table):
            lines.append(f"{_INDENT}{'':{width}}{step.tool} {step.table}")
        lines.append(f"{_INDENT}{'':{width}}{_in_words(step)}")
    return lines


def _telling(stage: Stage) -> list[Step]:
    """Choose the steps that led to the verdict: jumps taken, doubts, and the rule itself."""
    own = [s for s in stage.steps if s == stage.decider and s.number]
    if stage.verdict == OK and not any(step.action.kind in ("dnat", "redirect") for step in own):
        return own if stage.about == "forward" else []
    leads = [s for s in stage.steps if s.matched and s.action.kind in ("jump", "goto") and _is_on_way(s, stage)]
    return [*leads, *([stage.decider] if stage.decider else [])]


def _is_on_way(step: Step, stage: Stage) -> bool:
    """Claim that the walk never came back from where this rule led."""
    decider = stage.decider
    if decider is None or (step.tool, step.table) != (decider.tool, decider.table):
        return False
    leads = {(s.chain, s.action.target) for s in stage.steps if s.matched and s.action.kind in ("jump", "goto")}
    reached, before = {decider.chain}, set[str]()
    while reached != before:
        before = set(reached)
        reached |= {chain for chain, target in leads if target in reached}
    return step.action.target in reached


def _in_words(step: Step) -> str:
    mark = {True: " ", False: "·", None: "?"}[step.matched]
    where = f"{step.chain} {step.number}: " if step.number else f"{step.chain}: "
    return f"{mark} {where}{step.rule.text}{_counted(step.rule.packets)}"


def _counted(packets: "int | None") -> str:
    return "" if packets is None else f"  ({packets} packet{'' if packets == 1 else 's'})"


def _probe(answer: Answer, probed: Result) -> list[str]:
    lines = [f"Probe: {probed.text}"]
    for moved in probed.moved:
        where = f"rule {moved.number}" if moved.number else "policy"
        mark = "  ← the rule named above" if _is_decider(moved, answer) else ""
        counted = f"+{moved.packets} {moved.place}: {moved.tool} {moved.table} {moved.chain}, {where}"
        lines.append(f"{_INDENT}{counted}: {moved.rule.text}{mark}")
    return [*lines, _CONFIRMED[is_confirmed(answer, probed)]]


def _as_json(stage: Stage) -> dict[str, Any]:
    rules = [_step(step) for step in stage.steps]
    return {"Place": stage.place, "About": stage.about, "Verdict": stage.verdict, "Text": stage.text, "Rules": rules}


def _step(step: Step) -> dict[str, Any]:
    return {
        "Tool": step.tool,
        "Table": step.table,
        "Chain": step.chain,
        "Number": step.number,
        "Rule": step.rule.text,
        "Packets": step.rule.packets,
        "Bytes": step.rule.bytes,
        "Matched": step.matched,
        "Action": " ".join(part for part in (step.action.kind, step.action.target) if part),
    }


def _moved_json(moved: Moved) -> dict[str, Any]:
    return {
        "Tool": moved.tool,
        "Table": moved.table,
        "Chain": moved.chain,
        "Number": moved.number,
        "Rule": moved.rule.text,
        "Packets": moved.packets,
    }
