"""Limits: of control groups, of a process, what is told of them, what is refused."""

from pyrun.parity.catalogue.phrases import inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_AREA = "limits"
_HOST = "E inspect -f '{{with .HostConfig}}"


def _group(title: str, options: str, v1: str, v2: str, *told: str, deviations: tuple[Deviation, ...] = ()) -> Scenario:
    files = f"cat /sys/fs/cgroup/{v2} 2>/dev/null || cat /sys/fs/cgroup/{v1}"
    fields = " ".join(f"{{{{.{field}}}}}" for field in told)
    return Scenario(
        _AREA,
        title,
        f"{options}: what the control group has, and inspect",
        f"{kept('c1', options)}; E exec c1 sh -c '{files}'; {_HOST}{fields}{{{{end}}}}' c1",
        deviations=deviations,
    )


SCENARIOS = (
    _group("memory", "-m 64m", "memory/memory.limit_in_bytes", "memory.max", "Memory", "MemorySwap"),
    _group(
        "memory and swap",
        "-m 64m --memory-swap 100m",
        "memory/memory.memsw.limit_in_bytes",
        "memory.swap.max",
        "Memory",
        "MemorySwap",
    ),
    _group(
        "memory reserved",
        "-m 64m --memory-reservation 32m",
        "memory/memory.soft_limit_in_bytes",
        "memory.low",
        "MemoryReservation",
    ),
    _group("CPUs", "--cpus 0.5", "cpu/cpu.cfs_quota_us", "cpu.max", "NanoCpus", "CpuQuota", "CpuPeriod"),
    _group(
        "quota and period",
        "--cpu-period 50000 --cpu-quota 25000",
        "cpu/cpu.cfs_period_us",
        "cpu.max",
        "NanoCpus",
        "CpuQuota",
        "CpuPeriod",
    ),
    _group("shares", "--cpu-shares 300", "cpu/cpu.shares", "cpu.weight", "CpuShares"),
    _group(
        "a set of CPUs",
        "--cpuset-cpus 1 --cpuset-mems 0",
        "cpuset/cpuset.cpus",
        "cpuset.cpus",
        "CpusetCpus",
        "CpusetMems",
    ),
    _group("number of processes", "--pids-limit 9", "pids/pids.max", "pids.max", "PidsLimit"),
    Scenario(
        _AREA,
        "processes, none said",
        "how many processes there may be in a container of which nothing is said",
        inside("cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max")
        + ";"
        + inside("cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max", "--pids-limit -1"),
        deviations=(
            Deviation(
                "pyrun lets a container have 2048 processes until --pids-limit says otherwise",
                until="23",
                lines="^(2048|max)$",
            ),
            Deviation(
                "pyrun lets a container have 2048 processes until --pids-limit says otherwise, Docker what systemd does",
                since="23",
                lines="^([0-9]+|max)$",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "a fork bomb",
        "--pids-limit holds: what a shell says that wants more",
        inside(
            "for n in 1 2 3 4 5 6 7 8 9; do sleep 600 & echo $n; done; echo over",
            "--pids-limit 5",
        ),
    ),
    Scenario(
        _AREA,
        "out of memory",
        "a program that takes more than it may: exit code, and inspect",
        "E run --name c1 -m 16m --memory-swap 16m TREE sh -c 'head -c 100m /dev/zero | tail -c 90m | wc -c' 2>/dev/null; "
        "echo $?; E run --name c2 -m 16m --memory-swap 16m TREE tail -c 90m /dev/zero; echo $?; "
        # A Docker that has other work hears of it after the end.
        "for i in $(seq 50); do ! E inspect -f '{{.State.OOMKilled}}' c2 | grep -q true || break; sleep 0.1; done; "
        "E inspect -f '{{.State.ExitCode}} {{.State.OOMKilled}}' c2",
    ),
    Scenario(
        _AREA,
        "of a process",
        "--ulimit, soft and hard, and inspect",
        "quiet E run -d --name c1 --ulimit nofile=99:100 --ulimit core=0 --ulimit nproc=77 TREE sleep 300; "
        "E exec c1 sh -c 'ulimit -Sn; ulimit -Hn; ulimit -c'; "
        "E inspect -f '{{range .HostConfig.Ulimits}}{{.Name}} {{.Soft}} {{.Hard}}{{println}}{{end}}' c1 | sort",
    ),
    Scenario(
        _AREA,
        "the out-of-memory score",
        "--oom-score-adj, and who may lower it",
        inside(
            "cat /proc/self/oom_score_adj; echo -5 2>/dev/null >/proc/self/oom_score_adj || echo refused; "
            "echo 99 >/proc/self/oom_score_adj && cat /proc/self/oom_score_adj",
            "--oom-score-adj 77",
        ),
    ),
    Scenario(
        _AREA,
        "limits told",
        "inspect of limits that are not tried",
        "quiet E create --name c1 -m 64m --memory-reservation 32m --cpu-period 50000 --cpu-quota 25000 "
        "--cpuset-mems 0 --cgroup-parent c1.slice --ulimit nofile=9 TREE true;"
        + _HOST
        + (
            "{{.Memory}} {{.MemoryReservation}} {{.MemorySwap}} {{.CpuPeriod}} {{.CpuQuota}} {{.CpusetMems}} "
            "{{.CgroupParent}} {{.OomScoreAdj}} {{.ShmSize}} {{.BlkioWeight}} {{.CpuRealtimePeriod}}{{end}}' c1"
        ),
    ),
    Scenario(
        _AREA,
        "told, of version 1",
        "inspect of limits that only control groups of version 1 have",
        "quiet E create --name c1 -m 64m --memory-swappiness 10 --oom-kill-disable TREE true; "
        "E inspect -f '{{.HostConfig.MemorySwappiness}} {{.HostConfig.OomKillDisable}}' c1",
        needs=("cgroup v1",),
    ),
    Scenario(
        _AREA,
        "limits refused",
        "limits that make no sense",
        "for o in '-m 1m' '--memory-reservation 1m' '-m 32m --memory-reservation 64m' '--memory-swappiness 101' "
        "'--cpu-period 1' '--cpus 1 --cpu-quota 5000' '--cpus 999' '--cpuset-cpus 99' '--cpuset-mems 99' "
        "'--ulimit nofile=9:5' '--ulimit nope=1'"
        " '--device-read-bps vda:1' '--runtime foo' '--shm-size x' '--oom-score-adj 1001' '--pids-limit x'; "
        'do echo "$o: $(no create $o TREE true)"; done',
    ),
    Scenario(
        _AREA,
        "nothing said",
        "zeros mean no limit",
        "quiet E run -d --name c1 -m 0 --cpus 0 --shm-size 0 --pids-limit 0 TREE sleep 300; "
        "E exec c1 grep -o '/shm .*size=[0-9]*k' /proc/mounts; "
        "E inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.ShmSize}} "
        "{{.HostConfig.PidsLimit}}' c1",
        deviations=(
            Deviation(
                "where no limit of processes is told pyrun's own holds, so it tells that there is none",
                lines="^0 0 67108864 ",
            ),
        ),
    ),
    Scenario(
        _AREA,
        "limits changed",
        "the verb update: limits of a container that runs",
        "quiet E run -d --name c1 -m 64m TREE sleep 300; "
        "E update -m 32m --memory-swap 32m --cpus 0.25 --pids-limit 33 c1; "
        "E exec c1 sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max 2>/dev/null || cat "
        "/sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/pids/pids.max';"
        "E inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}' c1; "
        "no update -m 1m c1; no update --cpus 1 nobody",
    ),
)
