"""`run` and `exec`: verbs that start a program."""

from pyrun.cli.declared import Verb, switch, value
from pyrun.cli.declared.container import ENDING
from pyrun.cli.declared.logs import HEALTH, LOGGING

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
    switch("Taken, and ignored", "--quiet", "-q", hidden=True),
)

_PROXY = switch("Pass signals on to the program", "--sig-proxy", default=True)
LIMITS = (
    value("LIST", "Memory nodes to use (0-1,3)", "--cpuset-mems"),
    value("MICROSECONDS", "Period of the quota of CPU time", "--cpu-period"),
    value("MICROSECONDS", "CPU time in each period; -1 unlimited", "--cpu-quota"),
    value("MICROSECONDS", "Period of the real-time budget", "--cpu-rt-period"),
    value("MICROSECONDS", "Real-time budget of each period", "--cpu-rt-runtime"),
    value("BYTES", "Memory that is left to it when memory is short", "--memory-reservation"),
    value("NUMBER", "How readily its memory is swapped, 0 to 100", "--memory-swappiness"),
    value("BYTES", "Taken, and ignored", "--kernel-memory", hidden=True),
    switch("Let it wait for memory instead of being killed", "--oom-kill-disable"),
    value("WEIGHT", "Relative share of the disks, 10 to 1000", "--blkio-weight"),
    value("DEVICE:WEIGHT", "Relative share of one disk", "--blkio-weight-device", multiple=True),
    value("DEVICE:BYTES", "Most bytes a second to read", "--device-read-bps", multiple=True),
    value("DEVICE:BYTES", "Most bytes a second to write", "--device-write-bps", multiple=True),
    value("DEVICE:NUMBER", "Most reads a second", "--device-read-iops", multiple=True),
    value("DEVICE:NUMBER", "Most writes a second", "--device-write-iops", multiple=True),
    value("PATH", "Control group to be in, instead of pyrun", "--cgroup-parent"),
)
_SURROUNDINGS = (
    value("HOST[:CONTAINER][:rwm]", "Device of the host", "--device", multiple=True),
    value("RULE", "What it may do with devices: TYPE MAJOR:MINOR ACCESS", "--device-cgroup-rule", multiple=True),
    value("KEY=VALUE", "Kernel parameter of its namespaces", "--sysctl", multiple=True),
    value("MODE", "host or container:NAME: whose processes it sees", "--pid"),
    value("MODE", "none, private, shareable, host or container:NAME: whose shared memory", "--ipc"),
    value("MODE", "host: whose host name", "--uts"),
    value("MODE", "host or private: whose control groups it sees", "--cgroupns"),
    value("MODE", "host, the only one", "--userns", hidden=True),
    value("NAME", "Domain name", "--domainname"),
    value("TECHNOLOGY", "default, the only one", "--isolation", hidden=True),
    value("NAME", "pyrun, the only one", "--runtime", hidden=True),
    value("GPU", "Not supported", "--gpus", hidden=True),
    value("OPTION", "Not supported", "--storage-opt", multiple=True, hidden=True),
    value("CONTAINER", "Not supported", "--link", multiple=True, hidden=True),
    value("ADDRESS", "Not supported", "--link-local-ip", multiple=True, hidden=True),
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
        value("[SOURCE:]TARGET[:ro]", "Mount a volume, or a path of the host", "--volume", "-v", multiple=True),
        value("KEY=VALUE,…", "Mount, written in full", "--mount", multiple=True),
        value("DIR[:OPTIONS]", "Mount a file system in memory", "--tmpfs", multiple=True),
        value("CONTAINER[:ro]", "Mount what another container has mounted", "--volumes-from", multiple=True),
        value("DRIVER", "local, the only one", "--volume-driver", hidden=True),
        switch("Make the root file system read-only", "--read-only"),
        value("BYTES", "Memory limit (b, k, m, g)", "--memory", "-m"),
        value("BYTES", "Memory and swap together; -1 unlimited", "--memory-swap"),
        value("NUMBER", "Number of CPUs", "--cpus"),
        value("SHARES", "Relative share of CPU time", "--cpu-shares", "-c"),
        value("LIST", "CPUs to run on (0-1,3)", "--cpuset-cpus"),
        *LIMITS,
        value("NUMBER", "Most processes; -1 unlimited", "--pids-limit"),
        value("NAME=SOFT[:HARD]", "Resource limit", "--ulimit", multiple=True),
        value("NUMBER", "Preference of the OOM killer, -1000 to 1000", "--oom-score-adj"),
        value("BYTES", "Size of /dev/shm", "--shm-size"),
        value("CAPABILITY", "Give a capability", "--cap-add", multiple=True),
        value("CAPABILITY", "Take a capability away", "--cap-drop", multiple=True),
        switch("Give all power; protects nothing", "--privileged"),
        *_SURROUNDINGS,
        value(
            "OPTION",
            "no-new-privileges, seccomp=FILE|unconfined, systempaths=unconfined",
            "--security-opt",
            multiple=True,
        ),
        value("SIGNAL", "Signal that asks the program to end", "--stop-signal"),
        value("SECONDS", "How long to wait before killing", "--stop-timeout"),
        *LOGGING,
        *HEALTH,
        value("FILE", "Write the id to a file", "--cidfile"),
        value("KEY=VALUE", "Label", "--label", "-l", multiple=True),
        value("FILE", "Labels from a file", "--label-file", multiple=True),
        value("KEY=VALUE", "Annotation", "--annotation", multiple=True),
        *_OF_IMAGES,
        value("POLICY", "no, on-failure[:N], always or unless-stopped", "--restart"),
        value("STREAM", "Attach to stdin, stdout or stderr only", "--attach", "-a", multiple=True),
        _KEYS,
        _PROXY,
        switch("Print every operation as a command while it happens", "--explain"),
        switch("Print the plan, touch nothing", "--dry-run"),
    ),
    "ROOTFS [COMMAND [ARG]...]",
    1,
    -1,
    options_first=True,
)
_OF_CLIENT = ("--detach", "--detach-keys", "--sig-proxy", "--explain", "--dry-run")  # no use where nothing is started
CREATE = RUN._replace(
    name="create",
    summary="Make a container that is started later",
    options=tuple(option for option in RUN.options if option.flags[0] not in _OF_CLIENT),
)
_CONTAINERS = "CONTAINER [CONTAINER]..."
START = Verb(
    "start",
    "Start containers that do not run",
    (
        switch("Attach to its output, and pass signals on", "--attach", "-a"),
        switch("Attach to its input too", "--interactive", "-i"),
        _KEYS,
        switch("Print every operation as a command while it happens", "--explain"),
    ),
    _CONTAINERS,
    1,
    -1,
)
RESTART = Verb(
    "restart",
    "Stop containers, and start them again",
    ENDING,
    _CONTAINERS,
    1,
    -1,
)
ATTACH = Verb(
    "attach",
    "Connect the terminal to a running container",
    (_KEYS, switch("Do not attach to its input", "--no-stdin"), _PROXY),
    "CONTAINER",
    1,
    1,
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
VERBS = {verb.name: verb for verb in (RUN, CREATE, START, RESTART, ATTACH, EXEC)}
