"""`run` and `exec`: verbs that start a program."""

from pyrun.cli.declared import Verb, switch, value
from pyrun.cli.declared.logs import LOGGING

_KEYS = value("KEYS", "Detach with these keys (ctrl-p,ctrl-q)", "--detach-keys")
_TTY = (
    switch("Keep standard input open", "--interactive", "-i"),
    switch("Give the program a terminal", "--tty", "-t"),
)
_PROGRAM = (
    value("KEY=VALUE", "Set an environment variable", "--env", "-e", multiple=True),
    value("FILE", "Set variables from a file", "--env-file", multiple=True),
    value("DIR", "Working directory", "--workdir", "-w"),
    value("USER[:GROUP]", "Run as this user", "--user", "-u"),
)

_OF_IMAGES = (  # of no meaning for a directory, and harmless in a line that was written for Docker
    value("WHEN", "Taken, and ignored", "--pull", hidden=True),
    value("PLATFORM", "Taken, and ignored", "--platform", hidden=True),
    switch("Taken, and ignored", "--disable-content-trust", hidden=True, default=True),
)

RUN = Verb(
    "run",
    "Run a program in a new container",
    (
        *_TTY,
        switch("Run in the background, print the id", "--detach", "-d"),
        switch("Remove the container when it ends", "--rm"),
        value("NAME", "Name of the container", "--name"),
        *_PROGRAM,
        value("GROUP", "Additional group", "--group-add", multiple=True),
        value("PROGRAM", "Program to run instead of the command", "--entrypoint"),
        switch("Run a small init that reaps zombies", "--init"),
        value("NAME", "Host name", "--hostname", "-h"),
        value(
            "NETWORK", "bridge, none, host, container:NAME, ns:PATH or one's name", "--network", "--net", multiple=True
        ),
        value("NAME", "Further name on the network", "--network-alias", "--net-alias", multiple=True),
        value("ADDRESS", "IPv4 address on the network", "--ip"),
        value("ADDRESS", "IPv6 address on the network", "--ip6"),
        value("ADDRESS", "Link-layer address", "--mac-address"),
        value(
            "[IP:][HOSTPORT:]PORT", "Port of the host that leads to the container's", "--publish", "-p", multiple=True
        ),
        switch("Publish all exposed ports on ports that are free", "--publish-all", "-P"),
        value("PORT[/PROTOCOL]", "Port that the program listens on", "--expose", multiple=True),
        value("ADDRESS", "Name server", "--dns", multiple=True),
        value("DOMAIN", "Search domain", "--dns-search", multiple=True),
        value("OPTION", "Resolver option", "--dns-option", "--dns-opt", multiple=True),
        value("NAME:ADDRESS", "Add a line to /etc/hosts", "--add-host", multiple=True),
        value("SOURCE:TARGET[:ro]", "Mount a directory or file of the host", "--volume", "-v", multiple=True),
        value("KEY=VALUE,…", "Mount, written in full", "--mount", multiple=True),
        value("DIR[:OPTIONS]", "Mount a file system in memory", "--tmpfs", multiple=True),
        switch("Make the root file system read-only", "--read-only"),
        value("BYTES", "Memory limit (b, k, m, g)", "--memory", "-m"),
        value("BYTES", "Memory and swap together; -1 unlimited", "--memory-swap"),
        value("NUMBER", "Number of CPUs", "--cpus"),
        value("SHARES", "Relative share of CPU time", "--cpu-shares", "-c"),
        value("LIST", "CPUs to run on (0-1,3)", "--cpuset-cpus"),
        value("NUMBER", "Most processes; -1 unlimited", "--pids-limit"),
        value("NAME=SOFT[:HARD]", "Resource limit", "--ulimit", multiple=True),
        value("NUMBER", "Preference of the OOM killer, -1000 to 1000", "--oom-score-adj"),
        value("BYTES", "Size of /dev/shm", "--shm-size"),
        value("CAPABILITY", "Give a capability", "--cap-add", multiple=True),
        value("CAPABILITY", "Take a capability away", "--cap-drop", multiple=True),
        switch("Give all power; protects nothing", "--privileged"),
        value("OPTION", "no-new-privileges, seccomp=FILE|unconfined", "--security-opt", multiple=True),
        value("SIGNAL", "Signal that asks the program to end", "--stop-signal"),
        value("SECONDS", "How long to wait before killing", "--stop-timeout"),
        *LOGGING,
        value("FILE", "Write the id to a file", "--cidfile"),
        *_OF_IMAGES,
        _KEYS,
        switch("Pass signals on to the program", "--sig-proxy", default=True),
        switch("Print every operation as a command while it happens", "--explain"),
        switch("Print the plan, touch nothing", "--dry-run"),
    ),
    "ROOTFS [COMMAND [ARG]...]",
    1,
    -1,
    options_first=True,
)
EXEC = Verb(
    "exec",
    "Run another program in a running container",
    (
        *_TTY,
        switch("Run in the background", "--detach", "-d"),
        *_PROGRAM,
        switch("Give all power", "--privileged"),
        _KEYS,
    ),
    "CONTAINER COMMAND [ARG]...",
    2,
    -1,
    options_first=True,
)
VERBS = {verb.name: verb for verb in (RUN, EXEC)}
