"""Pages of the verbs about containers that are there."""

from pyrun.cli.manual import Page

PAGES = {
    "ps": Page(
        "Without -a only those that run. PORTS says which port of the host leads to which of the container. On a"
        " terminal columns are shortened to fit; --no-trunc shortens nothing. Keys of --filter: ancestor, before,"
        " exited, expose, health, id, label, name, network, publish, since, status, volume.",
        (
            ("pyrun ps -a", "also those that have ended"),
            ("pyrun ps -a -f status=exited -f name=web", "those that match"),
            ("pyrun ps --format 'table {{.Names}}\\t{{.Status}}'", "columns of one's choice"),
            ("pyrun ps --format json", "an object a line, for programs"),
        ),
    ),
    "logs": Page(
        "What the program wrote to standard output goes to standard output, its errors to standard error.",
        (("pyrun logs web", "all that is kept"), ("pyrun logs -f web", "and what follows, until the container ends")),
    ),
    "stop": Page(
        "Sends SIGTERM, or the signal of --stop-signal, and SIGKILL when that was of no use for 10 seconds.",
        (("pyrun stop -t 2 web", "at most two seconds for its end"),),
    ),
    "kill": Page(
        "Sends SIGKILL at once, or the signal that -s names: HUP, SIGHUP and 1 are the same.",
        (("pyrun kill -s HUP web", "many programs read their settings again"),),
    ),
    "rm": Page(
        "Removes the container with its changes and what it wrote. One that runs has to be stopped before, or -f"
        " kills it.",
        (("pyrun rm -f web", "whether or not it runs"),),
    ),
    "wait": Page(
        "Prints the exit code of each container when it has ended.",
        (("pyrun wait job", "the code of one that has ended"),),
    ),
    "inspect": Page(
        "The fields are those of docker inspect, and templates are Docker's.",
        (
            ("pyrun inspect web", "all of it"),
            ("pyrun inspect -f '{{.State.Status}} {{.NetworkSettings.IPAddress}}' web", "two of its facts"),
            ("pyrun inspect -f '{{json .Mounts}}' web", "a part, as JSON"),
        ),
    ),
    "port": Page("", (("pyrun port web", "all of them"), ("pyrun port web 80/tcp", "where one of them is"))),
    "start": Page("", (("pyrun start web", "the program begins anew, on the files as they were left"),)),
    "restart": Page("", (("pyrun restart -t 2 web", "at most two seconds for its end"),)),
    "pause": Page(
        "All processes stand still, and keep their memory and connections.",
        (("pyrun pause web", "until pyrun unpause"),),
    ),
    "unpause": Page("", (("pyrun unpause web", "its processes go on"),)),
    "rename": Page("", (("pyrun rename web front", "from now on pyrun exec front …"),)),
    "update": Page("", (("pyrun update --memory 256m web", "from now on, also while it runs"),)),
    "attach": Page(
        "Ctrl-P Ctrl-Q leaves the container running, unless --detach-keys names other keys.",
        (("pyrun attach web", "its terminal, or its output"),),
    ),
    "top": Page(
        "What follows the name are options of the host's ps; one of its columns has to be PID.",
        (
            ("pyrun top web", "as ps -ef shows them"),
            ("pyrun top web -o pid,ppid,args", "other columns"),
        ),
    ),
    "stats": Page(
        "Without names it shows what runs, and follows who comes and goes. CPU % is of one CPU. Memory is without what"
        " the kernel takes back at once. A template has .Container .Name .ID .CPUPerc .MemUsage .MemPerc .NetIO"
        " .BlockIO .PIDs.",
        (
            ("pyrun stats --no-stream", "once, not every second"),
            ("pyrun stats --no-stream --format 'table {{.Name}}\\t{{.MemUsage}}'", "other columns"),
        ),
    ),
    "events": Page(
        "Tells what happens from now on, and with --since or --until what has happened. Times are seconds, dates, or"
        " how long ago: 10m. Filters: container, network, volume, rootfs, event, type, image, label, scope.",
        (
            ("pyrun events --since 10m --until 0s", "what happened in the last ten minutes"),
            ("pyrun events --until 0s -f container=web -f event=die", "whenever it ended"),
        ),
        (
            ("0", "--until has come"),
            ("1", "what was typed is no time or no filter"),
            ("64", "what was typed is no template"),
            ("125", "the line was not understood, or pyrun itself failed"),
        ),
    ),
    "cp": Page(
        "A directory with /. behind it means what is in it. - stands for a tar archive at standard input or output."
        " Out of a container files belong to whoever asks, and keep no power over this host, unless with -a.",
        (
            ("pyrun cp web:/etc/hosts .", "out of a container"),
            ("pyrun cp index.html web:/tmp/", "into one"),
            ("pyrun cp -a web:/etc/. etc", "with owners, what is in a directory"),
        ),
    ),
    "diff": Page("A added, C changed, D deleted.", (("pyrun diff web", "what differs from its root file system"),)),
    "export": Page("", (("pyrun export -o web.tar web", "its files, as a tar archive"),)),
    "prune": Page("", (("pyrun container prune -f", "all that have ended, without asking"),)),
}
