"""Verbs that change containers."""

from pyrun.cli.declared import Verb, switch, value
from pyrun.cli.declared.running import LIMITS

_CONTAINERS = "CONTAINER [CONTAINER]..."
_CHANGED = (
    "--cpuset-mems --cpu-period --cpu-quota --cpu-rt-period --cpu-rt-runtime --memory-reservation --kernel-memory "
    "--blkio-weight"
).split()
UPDATE = Verb(
    "update",
    "Change limits and the restart policy, at once",
    (
        value("BYTES", "Memory limit (b, k, m, g)", "--memory", "-m"),
        value("BYTES", "Memory and swap together; -1 unlimited", "--memory-swap"),
        value("NUMBER", "Number of CPUs", "--cpus"),
        value("SHARES", "Relative share of CPU time", "--cpu-shares", "-c"),
        value("LIST", "CPUs to run on (0-1,3)", "--cpuset-cpus"),
        *(option for option in LIMITS if option.flags[0] in _CHANGED),
        value("NUMBER", "Most processes; -1 unlimited", "--pids-limit"),
        value("POLICY", "no, on-failure[:N], always or unless-stopped", "--restart"),
    ),
    _CONTAINERS,
    1,
    -1,
)
PRUNE = Verb(
    "prune",
    "Remove all containers that do not run",
    (
        switch("Do not ask", "--force", "-f"),
        value("KEY=VALUE", "Only those: until=TIME, label=…, label!=…", "--filter", multiple=True),
    ),
    "",
    0,
    0,
)
VERBS = {
    verb.name: verb
    for verb in (
        Verb("rename", "Give a container another name", (), "CONTAINER NAME", 2, 2),
        Verb("pause", "Stop all processes of containers where they are", (), _CONTAINERS, 1, -1),
        Verb("unpause", "Let all processes of containers go on", (), _CONTAINERS, 1, -1),
        UPDATE,
        PRUNE,
    )
}
