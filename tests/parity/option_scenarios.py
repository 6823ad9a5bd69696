"""What a user types about volumes, devices, namespaces and limits, for either engine; see scenarios.py."""

_JSON = "python3 -c 'import json, sys; x = json.load(sys.stdin)[0]; {code}'"


def _told(*keys: str) -> str:
    """Give a command that prints settings of a container, each in Docker's place."""
    code = "; ".join(f'print("{key}", json.dumps(x["HostConfig"].get("{key}"), sort_keys=True))' for key in keys)
    return f"E inspect c1 | {_JSON.format(code=code)}"


_MOUNTS = (
    'key = lambda m: m["Destination"]; named = ("Source", "Name"); '
    '[print({k: v for k, v in sorted(m.items()) if k not in named}) for m in sorted(x["Mounts"], key=key)]'
)
_SHOW_MOUNTS = f"E inspect c1 | {_JSON.format(code=_MOUNTS)}"

OPTION_SCENARIOS = {
    "volume create: names": (
        "E volume create v1; E volume create v1; for n in x a/b 'a b' .a -a; do E volume create -- \"$n\" >/dev/null 2>&1 || echo no; done;"
        "E volume create | wc -c"
    ),
    "volume create: options": (
        "for o in type=tmpfs device=x foo=bar; do no volume create -o $o v1; done;"
        "E volume create --label a=b --label c -o type=tmpfs -o device=tmpfs -o o=size=1m v1;"
        "E volume inspect v1 | grep -vE 'CreatedAt|Mountpoint'"
    ),
    "volume ls: table, filters, templates": (
        "quiet E volume create --label a=b v1; quiet E volume create v2; E volume ls; E volume ls -q -f name=1;"
        "E volume ls -qf label=a; E volume ls -qf label=a=c; E volume ls -q -f dangling=false; no volume ls -f no=1;"
        "E volume ls --format '{{.Name}} {{.Driver}} {{.Labels}} {{.Scope}} {{.Size}} {{.Links}}'"
    ),
    "volume inspect: several, a template": (
        "quiet E volume create --label a=b v1; E volume inspect v1 nope 2>/dev/null | grep -c Name; E volume inspect v1 -f '{{.Name}} {{.Labels.a}} {{json .Options}}'"
    ),
    "volume rm: in use, unknown, several": (
        "quiet E volume create v1; quiet E volume create v2; quiet E create --name c1 -v v1:/v TREE true;"
        "E volume rm v1 nope v2 2>/dev/null; echo $?; E volume rm -f nope; echo $?; E volume ls -q; quiet E rm c1; E volume rm v1"
    ),
    "volume: a new one has what the image has": (
        "E run --rm -v v1:/etc TREE true; E run --rm -v v1:/x TREE ls /x | grep -v mtab; "
    ),
    "volume: anonymous ones": (
        "E run --rm -v /a TREE true; E volume ls -q | wc -l; quiet E create --name c1 -v /a --mount dst=/b TREE true;"
        "E volume ls -q | wc -l; quiet E rm -v c1; E volume ls -q | wc -l"
    ),
    "volume: mounts in inspect": (
        "quiet E create --name c1 -v v1:/a -v v2:/b:ro -v /c -v /etc:/d:ro --mount src=v1,dst=/e,readonly --tmpfs /f:size=1m"
        " --mount type=tmpfs,dst=/g --mount type=bind,src=/etc,dst=/h TREE true;" + _SHOW_MOUNTS + ";"
        "E inspect c1 -f '{{json .HostConfig.Tmpfs}} {{len .HostConfig.Binds}} {{len .HostConfig.Mounts}} {{json .Config.Volumes}}'"
    ),
    "volume: complaints about -v and --mount": (
        "for v in v1:rel v1:/x:foo v1:/x:rslave /tmp:/x:nocopy v1:; do no create -v $v TREE true; done;"
        "for m in src=v1 type=bind,src=/nope,dst=/x type=nope,src=v1,dst=/x; do"
        " no create --mount $m TREE true; done"
    ),
    "volumes-from": (
        "quiet E create --name c1 -v v1:/a -v /tmp:/b TREE true; E run --rm --volumes-from c1:ro -v v2:/b TREE sh -c 'grep -cE \" /[ab] \" /proc/mounts; touch /a/x /b/x 2>&1';"
        "quiet E create --name c2 --volumes-from c1 TREE true; E inspect c2 -f '{{json .HostConfig.VolumesFrom}} {{len .Mounts}}';"
        "for f in nope c1:foo ''; do no create --volumes-from \"$f\" TREE true; done"
    ),
    "devices": (
        "E run --rm --device /dev/null:/dev/x/y:r TREE ls -l /dev/x/y | cut -c1-10; quiet E create --name c1 --device /dev/zero:/dev/z:r --device-cgroup-rule 'c 1:3 rw' TREE true;"
        + _told("Devices", "DeviceCgroupRules")
        + "; for d in rel ''; do no create --device \"$d\" TREE true; done; for r in foo 'c 1:3 q'; do no create --device-cgroup-rule \"$r\" TREE true; done"
    ),
    "namespaces: of the host": (
        "quiet E create --name c1 --pid host --ipc host --uts host --cgroupns host --userns host TREE true;"
        + _told("PidMode", "IpcMode", "UTSMode", "CgroupnsMode", "UsernsMode")
        + "; for o in --pid --ipc --uts --cgroupns --userns; do no run --rm $o foo TREE true; done"
    ),
    "limits: told and written": (
        "quiet E create --name c1 -m 64m --memory-reservation 32m --memory-swappiness 10 --oom-kill-disable --cpu-period 50000 --cpu-quota 25000 --cpuset-mems 0"
        " --cgroup-parent /c1 TREE true;"
        + _told(
            "MemoryReservation",
            "MemorySwappiness",
            "OomKillDisable",
            "CpuPeriod",
            "CpuQuota",
            "CpusetMems",
            "CgroupParent",
        )
    ),
    "limits: complaints": (
        "for o in '--memory-reservation 1m' '-m 32m --memory-reservation 64m' '--memory-swappiness 101' '--cpu-period 1' '--cpus 1 --cpu-quota 5000'"
        " '--cpuset-mems 99' '--device-read-bps vda:1'"
        " '--runtime foo'; do no create $o TREE true; done"
    ),
    "labels and a domain name": (
        "quiet E create --name c1 -l a=b -l c --label a=d TREE true; E inspect c1 -f '{{json .Config.Labels}}'; for l in '' =x; do no create -l \"$l\" TREE true; done"
    ),
}
