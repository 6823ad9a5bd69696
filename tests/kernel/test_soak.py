"""R21, shortened: what was made and removed many times leaves the host as it was, told by counts and not by times."""

import json

from lab import BUSYBOX, TYPED, Host, wait_until

_CYCLE = f"""
set -e
P() {{ {TYPED} "$@" >/dev/null; }}
P run -d --name turn --net soaked -p 8080:80 -v kept:/v --health-cmd true --health-interval 9h {BUSYBOX} sleep 600
P restart -t 0 turn
P exec turn nslookup neighbour
P rm -f turn
"""
_CYCLES = 20


def _held(host: Host) -> dict[str, str]:
    """Count what else a host could run out of: files of its file systems, sockets, flows, mounts."""
    look = {
        "files": "df --output=iused /run /var/lib/pyrun",
        "sockets": "ss -xan | wc -l; ss -tuan | wc -l",
        "pipes": "ls /run/pyrun/locks | wc -l",
        "mounts": "wc -l < /proc/self/mountinfo",
    }
    return {name: host.out(command) for name, command in look.items()}


def _kept_by(host: Host, identity: str) -> dict[str, int]:
    """Tell how many descriptors, and how much memory in kB, the processes have that keep a container."""
    found: dict[str, int] = {}
    pid = host.ok("inspect", "-f", "{{.State.Pid}}", "neighbour").strip()
    served = host.out(f"cut -d' ' -f1 /run/pyrun/containers/{identity}/services").strip()
    for name, process in (("monitor", f"$(cut -d' ' -f4 /proc/{pid}/stat)"), ("services", served)):
        found[f"{name}'s descriptors"] = int(host.out(f"ls /proc/{process}/fd | wc -l"))
        found[f"{name}'s memory"] = int(host.out(f"awk '/^VmData/ {{ print $2 }}' /proc/{process}/status"))
    return found


def test_many_lives_leave_nothing(host: Host) -> None:
    """Nor in the processes of a neighbour on the same network, which answer for its names meanwhile."""
    host.ok("network", "create", "soaked")
    host.ok("volume", "create", "kept")
    identity = host.ok(
        "run", "-d", "--name", "neighbour", "--net", "soaked", "-p", "8081:80", BUSYBOX, "sleep", "600"
    ).strip()
    host.out(_CYCLE)
    wait_until(
        lambda: "relay" in host.out(f"cat /proc/$(cut -d' ' -f4 /proc/{_pid(host)}/stat)/cmdline | tr '\\0' ' '")
    )
    before, held, kept = _at_rest(host), _held(host), _kept_by(host, identity)
    for _ in range(_CYCLES):
        host.out(_CYCLE)
    assert _at_rest(host) == before
    assert (_held(host), _kept_by(host, identity)) == (held, kept)
    host.ok("rm", "-f", "neighbour")
    host.ok("network", "rm", "soaked")


def _pid(host: Host) -> str:
    return str(json.loads(host.ok("inspect", "neighbour"))[0]["State"]["Pid"])


def _at_rest(host: Host) -> dict[str, str]:
    """Give a snapshot once nobody is at work but the neighbour's own two."""
    wait_until(lambda: sum(row.startswith("/") for row in host.snapshot()["processes"].splitlines()) == 2)
    return host.snapshot()


def test_each_restart_gives_back_what_it_opened(host: Host) -> None:
    """The monitor goes on as the same process, however often its container is started again by policy."""
    host.ok("network", "create", "net1")
    line = ("run", "-d", "--name", "again", "--restart", "always", "--network", "net1", "-p", "8080:80")
    identity = host.ok(*line, BUSYBOX, "sleep", "600").strip()
    pid = host.monitor("again").split()[0]

    def rests(times: int) -> bool:
        told = host.ok("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again").split()
        at = host.out(f"tr '\\0' ' ' </proc/{pid}/cmdline; cat /proc/{pid}/wchan")
        return told == [str(times), "running"] and "runtime.relay" in at and "poll" in at.split()[-1]

    opened = []
    for times in range(3):
        wait_until(lambda times=times: rests(times))
        opened.append(host.out(f"ls /proc/{pid}/fd | wc -l"))
        host.kill_programs(identity)
    assert opened == opened[:1] * 3
    wait_until(lambda: rests(3))
    host.ok("rm", "-f", "again")
