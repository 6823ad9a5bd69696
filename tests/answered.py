"""What Docker answered to templates, and what it was asked about: recorded from a live one by tests/parity/test_answers.py.

To record it anew: PYRUN_TEST_RECORD=1 ./scripts/test tests/parity/test_answers.py
"""

import json
from pathlib import Path
from typing import Any

from lab import TOP

from pyrun.cli import formats, shapes
from pyrun.errors import PyrunError

PATH = Path(TOP, "tests/templates_answered.json")
Answer = tuple[str, str, int]  # standard output, what was wrong, exit code


def recorded() -> tuple[dict[str, Any], dict[str, Answer]]:
    """Give the container that Docker was asked about, and its answers by template."""
    found = json.loads(PATH.read_text())
    return found["inspected"], {template: (out, wrong, code) for template, out, wrong, code in found["asked"]}


def record(inspected: dict[str, Any], answers: dict[str, Answer]) -> None:
    """Write what Docker answered, a template a line."""
    lines = ",\n".join(json.dumps([asked, *answer], ensure_ascii=False) for asked, answer in answers.items())
    PATH.write_text(f'{{"inspected": {json.dumps(inspected, indent=1)},\n"asked": [\n{lines}\n]}}\n')


def ours(template: str, inspected: dict[str, Any], shape: str = shapes.CONTAINER) -> Answer:
    """Give pyrun's answer about an object of Docker's, as Docker would word it."""
    try:
        text, problems = formats.objects(template, [(shape, shapes.ordered(shape, inspected))])
    except PyrunError as problem:
        return "", f"{problem.message}\n", problem.code
    return text, "".join(f"{problem.message}\n" for problem in problems), 1 if problems else 0
