"""A scenario's script, typed for one engine on this host."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from pyrun.contexts import suppress
from pyrun.kernel import trees
from pyrun.parity import stage
from pyrun.parity.engines import TREE, Engine
from pyrun.parity.outcomes import UNPREPARED
from pyrun.parity.stage import Stage

PROBES = str(Path(__file__).with_name("probes"))
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = 300  # seconds for a script, typed on a machine that may be emulated
_PREAMBLE = r"""
umask 022
E() { ENGINE "$@"; }
FAR() { nsenter -t "$_INTERNET" -n "$@"; }
quiet() { local said; said=$("$@" 2>&1 >/dev/null) || echo "UNPREPARED$*: $said"; }
no() { E "$@" >/dev/null 2>&1 && echo taken || echo refused; }
pid() { E inspect -f '{{.State.Pid}}' "$1"; }
IN() { local of; of=$(pid "$1") && shift && nsenter -t "$of" -n "$@"; }
soon() { local n=0; until "$@" >/dev/null 2>&1 || [ $((n += 1)) -gt 100 ]; do sleep 0.05; done; }
RULES() { python3 "$PROBES/rules.py" "$ENGINE"; }
PYTHON="-v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro -v $PROBES:/probes:ro"
"""


def run(engine: Engine, script: str, on: Stage, tree: str) -> str:
    """Give what the script prints, on both outputs, once it is over; *tree* is where the tree's files are."""
    place = f"{stage.WORK}/{engine.name}"
    os.mkdir(place, 0o755)
    said = f"{stage.WORK}/{engine.name}.said"
    try:
        with open(said, "wb") as output:
            end = _typed(engine, script, on, tree, place, output.fileno())
        text = Path(said).read_bytes().decode(errors="backslashreplace")
    finally:
        trees.remove_tree(place)
    return text.replace(on.address, "HOST").replace(on.internet_address, "INTERNET") + end


def _typed(engine: Engine, script: str, on: Stage, tree: str, place: str, output: int) -> str:
    command = ["bash", "-c", _text(engine, script)]
    environment = {
        **{key: word for key, word in os.environ.items() if not key.startswith("PYRUN_")},
        "PATH": f"{os.environ.get('PATH', '')}:{_PATH}",
        "LC_ALL": "C.UTF-8",
        "TREE": TREE,
        "NC": f"{tree}/bin/busybox",
        "HOST": on.address,
        "INTERNET": on.internet_address,
        "PROBES": PROBES,
        "ENGINE": engine.name,
        "_INTERNET": str(on.internet),
    }
    bash = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=place,
        env=environment,
        start_new_session=True,
    )
    on.watch(bash.pid)
    try:
        bash.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        return f"(not done after {_PATIENCE} seconds)\n"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(bash.pid, 9)  # also what it has left in the background
        bash.wait()
        on.unwatch(bash.pid)
    return ""


def _text(engine: Engine, script: str) -> str:
    preamble = _PREAMBLE.replace("ENGINE ", f"{shlex.join(engine.command)} ", 1).replace("UNPREPARED", UNPREPARED)
    return preamble + re.sub(r"\bTREE\b", TREE, script)
