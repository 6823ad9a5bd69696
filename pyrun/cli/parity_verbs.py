"""The verb that compares pyrun with Docker: what was read becomes a choice of scenarios, outcomes become a report."""

import sys

from pyrun.cli.reader import Values
from pyrun.typed import Any, Callable


def _parity(values: Values) -> int:
    from pyrun.parity import catalogue, chosen, contest, engines, outcomes

    v: Any = values
    scenarios = chosen.among(catalogue.SCENARIOS, v["only"])
    if v["list"]:
        sys.stdout.write("".join(f"{each.area}: {each.name}\n" for each in scenarios))
        return 0
    docker = engines.docker(v["docker"] or "", v["host"] or "")
    failed = False
    with contest.begun(docker, scenarios, v["tree"] or "") as begun:
        for outcome in begun.outcomes(scenarios):
            failed = failed or outcomes.is_failure(outcome)
            sys.stdout.write(f"{outcome.verdict:10}{outcome.scenario.name}\n")
            if outcome.verdict == outcomes.DIFFERS:
                for sign, line in outcomes.difference(outcome.theirs, outcome.ours):
                    sys.stdout.write(f"    {sign} {line}\n")
            sys.stdout.write("".join(f"    {note}\n" for note in outcome.notes))
            sys.stdout.flush()
    return 1 if failed else 0


VERBS: dict[str, Callable[[Values], int]] = {"parity": _parity}
