"""Pages of the verbs that start a program."""

from pyrun.cli.manual import Page

_PROGRAMS = (
    ("0-255", "what the program ended with; 128 and the signal's number where a signal ended it"),
    ("125", "pyrun itself failed, or the line was not understood"),
    ("126", "the program is there and cannot be executed"),
    ("127", "the program is not there"),
)
_GROUPS = (
    (
        "Program",
        "--interactive --tty --detach --detach-keys --attach --env --env-file --workdir --user --group-add "
        "--entrypoint "
        "--init --sig-proxy --stop-signal --stop-timeout",
    ),
    (
        "Container",
        "--name --rm --hostname --domainname --label --label-file --annotation --restart --cidfile --pull --platform "
        "--log-driver --log-opt",
    ),
    (
        "Network",
        "--network --network-alias --ip --ip6 --mac-address --publish --publish-all --expose --dns --dns-search "
        "--dns-option --add-host --link --link-local-ip",
    ),
    ("Files", "--volume --mount --tmpfs --read-only --volumes-from --volume-driver --shm-size --storage-opt --device"),
    (
        "Limits",
        "--memory --memory-swap --memory-reservation --memory-swappiness --kernel-memory --cpus --cpu-shares "
        "--cpu-period "
        "--cpu-quota --cpu-rt-period --cpu-rt-runtime --cpuset-cpus --cpuset-mems --pids-limit --ulimit "
        "--oom-score-adj "
        "--oom-kill-disable --blkio-weight --blkio-weight-device --device-read-bps --device-read-iops "
        "--device-write-bps "
        "--device-write-iops",
    ),
    (
        "Privileges and namespaces",
        "--cap-add --cap-drop --privileged --security-opt --device-cgroup-rule --sysctl --pid --ipc --uts --userns "
        "--cgroupns --cgroup-parent",
    ),
    (
        "Health",
        "--health-cmd --health-interval --health-timeout --health-retries --health-start-period "
        "--health-start-interval --no-healthcheck",
    ),
    ("What happens", "--explain --dry-run"),
)
_ROOTFS = (
    "ROOTFS is a directory, a name under /var/lib/pyrun/rootfs or in the checkout's rootfs/, or @host, the host's own"
    " file system. It is never written to: what the container changes goes to a layer of its own."
)

PAGES = {
    "run": Page(
        f"{_ROOTFS}\n\nWithout -d pyrun stays until the program ends, and passes its output, signals and exit code on."
        " --explain shows every step as a command that could have been typed; --dry-run shows them and takes none.",
        (
            ("pyrun run -it --rm debian-rootfs bash", "a shell in a container that goes with it"),
            ("pyrun run -d --name web -p 8080:80 busybox-rootfs httpd -f", "a web server at the host's port 8080"),
            ("pyrun run --rm --explain busybox-rootfs true", "every step of both sides, as a command"),
        ),
        _PROGRAMS,
        _GROUPS,
    ),
    "create": Page(
        f"{_ROOTFS}\n\nIt takes the options of pyrun run, and prints the id; pyrun start starts the container.",
        (("pyrun create --name later busybox-rootfs echo hello", "a container that waits for pyrun start later"),),
        groups=_GROUPS,
    ),
    "exec": Page(
        "The program runs beside the others of the container: with its files, network, limits and power, and ends with"
        " it. COMMAND is a program of the container; no shell reads it.",
        (
            ("pyrun exec -it web sh", "a shell in a container that runs"),
            ("pyrun exec web sh -c 'ip address; cat /etc/hosts'", "a line that a shell has to read"),
        ),
        _PROGRAMS,
    ),
}
