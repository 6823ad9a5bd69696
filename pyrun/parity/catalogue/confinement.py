"""What holds a container: devices, /proc and /sys, capabilities, system calls, limits."""

import shlex

from pyrun.parity.catalogue.phrases import inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_DEVICES, _PROC, _CAPABILITIES = "/dev", "/proc and /sys", "capabilities"
_WRITABLE = (
    "for f in $(find /proc/sys /proc/irq /proc/bus /proc/fs /proc/sysrq-trigger -maxdepth 2 2>/dev/null "
    "| sort); do [ -w $f ] && echo $f; done; echo over"
)
_STATUS = 'grep -E "^(Cap|NoNewPrivs|Seccomp:|SigIgn|SigBlk)" /proc/self/status'
_TRIED = """
try() { "$@" >/dev/null 2>&1 && echo "$* taken" || echo "$* refused"; }
mkdir -p /m; touch /f; try mount -t tmpfs t /m; try mount --bind /etc /m; try chown 1 /f; try chroot / true
try mknod /n c 1 3; try hostname x; try date -s 2030-01-01; try ip link add d0 type dummy; try ip addr add 10.9.9.9/32 dev lo
try nice -n -5 true; try ping -c 1 127.0.0.1; try dmesg; try unshare -m true; try sh -c "kill -0 1"; try swapoff /f
try setsid true"""

SCENARIOS = (
    Scenario(
        _DEVICES,
        "nodes and links",
        "all of /dev: types, modes, owners, numbers",
        inside('cd /dev; ls -lR | grep -v ^total | sed -E "s/ [A-Z][a-z]{2} +[0-9]+ +[0-9:]+ / /" | tr -s " "'),
    ),
    Scenario(
        _DEVICES,
        "read and written",
        "what each node gives and takes",
        inside(
            "head -c 4 /dev/zero | od -An -tx1; head -c 4 /dev/urandom | wc -c; echo x >/dev/null && echo null; "
            "echo x >/dev/full || echo full; cat /dev/null | wc -c; : >/dev/tty || echo no tty; "
            "readlink /dev/fd /dev/core /dev/ptmx; test -w /dev/shm && echo shm"
        ),
    ),
    Scenario(
        _DEVICES,
        "others",
        "device files that a container makes: which can be opened",
        inside(
            'for d in "b 8 0" "c 1 1" "c 1 2" "c 1 11" "c 10 229" "c 10 200" "c 1 3" "c 1 8" "c 5 1"; '
            "do mknod /dev/x $d || echo $d not made; head -c 0 /dev/x && echo $d opened; rm -f /dev/x; done"
        )
        + " | sed 's/:.*: /: /'",
    ),
    Scenario(
        _DEVICES,
        "devices of choice",
        "--device and --device-cgroup-rule, inside and in inspect; and refused",
        inside(
            "ls -l /dev/x/y | cut -c1-10; head -c 1 /dev/x/y | wc -c; echo >/dev/x/y || echo not written",
            "--device /dev/zero:/dev/x/y:r",
        )
        + ";"
        "quiet E create --name c1 --device /dev/zero:/dev/z:r --device-cgroup-rule 'c 1:3 rw' TREE true; "
        "E inspect -f '{{json .HostConfig.Devices}} {{json .HostConfig.DeviceCgroupRules}}' c1;"
        "for d in rel ''; do no create --device \"$d\" TREE true; done; for r in foo 'c 1:3 q'; "
        'do no create --device-cgroup-rule "$r" TREE true; done',
    ),
    Scenario(
        _DEVICES,
        "allowed by the control group",
        "the list of devices that may be used",
        "E run --rm TREE sort /sys/fs/cgroup/devices/devices.list",
        needs=("cgroup v1",),
    ),
    Scenario(
        _PROC, "writable", "files below /proc/sys and the like that root in a container may write", inside(_WRITABLE)
    ),
    Scenario(
        _PROC,
        "written",
        "what comes of writing to settings of the kernel, of this container and of nobody",
        inside(
            "for f in /proc/sys/kernel/hostname /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches "
            "/proc/sys/net/ipv4/ip_forward /proc/sysrq-trigger /proc/irq/default_smp_affinity"
            " /sys/kernel/mm/ksm/run /sys/class/net/lo/mtu /proc/self/oom_score_adj /proc/self/comm "
            "/proc/self/attr/current /proc/1/oom_adj; do { echo 1 >$f; "
            "} 2>/dev/null && echo $f taken || echo $f refused; done"
        ),
    ),
    Scenario(
        _PROC,
        "hidden",
        "what there is to be read in files that would tell of the host",
        inside(
            "for f in acpi asound kcore keys latency_stats timer_list timer_stats sched_debug scsi; "
            "do echo $f $(head -c 1 /proc/$f 2>/dev/null | wc -c) $(ls -A /proc/$f 2>/dev/null | wc -l); done; "
            "ls -A /sys/firmware | wc -l"
        ),
    ),
    Scenario(
        _PROC,
        "hidden lately",
        "what current releases hide as well",
        inside("head -c 1 /proc/interrupts | wc -c; ls -A /sys/devices/virtual/powercap 2>/dev/null | wc -l"),
        deviations=(
            Deviation("current releases hide interrupts and power, and so does pyrun", until="27.2", lines="^[0-9]+$"),
        ),
    ),
    Scenario(
        _PROC,
        "unmasked",
        "--security-opt systempaths=unconfined",
        inside(
            "head -c 1 /proc/kcore | wc -c; [ -w /proc/sys/kernel/msgmax ] && echo writable; "
            'awk "{ print \\$5 }" /proc/1/mountinfo | grep -c "^/proc/"',
            "--security-opt systempaths=unconfined",
        ),
    ),
    Scenario(
        _PROC,
        "below /sys",
        "/sys is read-only, and of the container's own network",
        inside('touch /sys/x 2>&1 | sed "s/.*: //"; ls /sys/class/net | sort; grep -c " /sys sysfs ro" /proc/mounts'),
    ),
    Scenario(
        _PROC,
        "processes seen",
        "a container sees its own processes only, the first is its program",
        inside(
            'ls /proc | grep -E "^[0-9]+$" | head -n 1; ps -o pid,args | head -n 2 | tail -n 1; readlink /proc/1/exe'
        ),
    ),
    Scenario(
        _CAPABILITIES, "as they are", "all sets, no_new_privs, seccomp, ignored and blocked signals", inside(_STATUS)
    ),
    Scenario(_CAPABILITIES, "none", "--cap-drop ALL", inside(_STATUS, "--cap-drop ALL")),
    Scenario(
        _CAPABILITIES,
        "one less, one more",
        "--cap-drop and --cap-add, with and without CAP_",
        inside(_STATUS, "--cap-drop CHOWN --cap-add CAP_SYS_NICE --cap-add net_admin"),
    ),
    Scenario(
        _CAPABILITIES,
        "only one",
        "--cap-drop ALL --cap-add NET_BIND_SERVICE",
        inside(_STATUS, "--cap-drop ALL --cap-add NET_BIND_SERVICE"),
    ),
    Scenario(
        _CAPABILITIES,
        "of a user",
        "what a user that is not root has",
        inside(_STATUS, "-u 1000"),
    ),
    Scenario(
        _CAPABILITIES,
        "no new privileges",
        "--security-opt no-new-privileges",
        inside("grep NoNew /proc/self/status", "--security-opt no-new-privileges"),
    ),
    Scenario(
        _CAPABILITIES,
        "all capabilities",
        "--privileged",
        inside(_STATUS + '; ls /dev | wc -l; grep -c " /sys sysfs rw" /proc/mounts', "--privileged"),
        needs=("all capabilities",),
        normalise=(("^[0-9]{3,}$", "many"),),
    ),
    Scenario(
        _CAPABILITIES,
        "refused and told",
        "names that are none; what inspect says of them",
        "for c in NOPE CAP_NOPE ''; do no create --cap-add \"$c\" TREE true; done; "
        "quiet E create --name c1 --cap-add net_admin --cap-drop CAP_CHOWN TREE true; "
        "E inspect -f '{{json .HostConfig.CapAdd}} {{json .HostConfig.CapDrop}} {{.HostConfig.Privileged}}' c1",
    ),
    Scenario(
        _CAPABILITIES,
        "what comes of it",
        "what root in a container can do, and cannot",
        f"E run --rm TREE sh -c {shlex.quote(_TRIED)}",
    ),
    Scenario(
        _CAPABILITIES,
        "what comes of all network",
        "the same with NET_ADMIN",
        f"E run --rm --cap-add NET_ADMIN TREE sh -c {shlex.quote(_TRIED)}",
    ),
    Scenario(
        _CAPABILITIES,
        "capabilities in exec",
        "what exec has: as it is, as another user, in a container with less",
        f"{kept('c1')}; {kept('c2', '--cap-drop ALL')}; for o in 'c1' '-u 1000 c1' 'c2'; "
        f"do E exec $o sh -c '{_STATUS}'; done",
    ),
)
