"""Mounts: what is mounted in a container and how, bind mounts, volumes, tmpfs, and what is told of them."""

from pyrun.parity.catalogue.phrases import DIRECTORY, inside, kept
from pyrun.parity.scenario import Deviation, Scenario

_AREA, _VOLUMES = "mounts", "volumes"
_TOLD = (
    "E inspect -f '{{range .Mounts}}{{.Destination}} {{.Type}} {{.Driver}} {{.Mode}} {{.RW}} "
    "{{.Propagation}}{{println}}{{end}}' c1 | grep . | sort"
)
_CGROUPS = "/sys/fs/cgroup"
_MASKED = Deviation(
    "current releases hide more of /proc and /sys, and so does pyrun",
    until="27.2",
    lines="/proc/interrupts|/sys/devices/virtual/powercap|thermal_throttle",
)
_HYBRID = Deviation(
    "pyrun shows no hierarchy of systemd's own, and /sys/fs/cgroup itself is read-only", until="23", lines=_CGROUPS
)

SCENARIOS = (
    Scenario(
        _AREA,
        "all mounts",
        "where something is mounted in a container, of which type",
        inside(
            'sed "s/ - /|/" /proc/1/mountinfo | awk -F"|" "{ split(\\$1, a, \\" \\"); split(\\$2, b, \\" \\"); '
            'print a[5], b[1] }" | sort'
        ).replace("$1", "$1"),
        normalise=(("^/ overlay$", "/ overlay"), ("^(/etc/[a-z.]*) .*$", r"\1 a file of the host")),
        deviations=(_MASKED, _HYBRID),
    ),
    Scenario(
        _AREA,
        "how",
        "the flags of each mount, but those of the root",
        inside('awk "\\$5 != \\"/\\" && \\$5 !~ \\"^/etc\\" { print \\$5, \\$6 }" /proc/1/mountinfo | sort'),
        deviations=(_MASKED, _HYBRID),
    ),
    Scenario(
        _AREA,
        "bind",
        "-v of a directory and of a file, to read and to write, and what is seen on either side",
        f"{DIRECTORY}; cd $D; mkdir d; echo 1 >d/f; echo 2 >g;"
        + inside(
            "cat /m/f /g /r/f; echo 3 >/m/new; echo 4 >/r/new; echo 5 >/g; ls /m",
            '-v "$PWD/d:/m" -v "$PWD/d:/r:ro" -v "$PWD/g:/g"',
        )
        + "; ls d; cat g d/new",
    ),
    Scenario(
        _AREA,
        "bind, told",
        "mounts in inspect: -v, --mount, ro, propagation, --tmpfs",
        f'{DIRECTORY}; cd $D; mkdir d; quiet E create --name c1 -v "$PWD/d:/a" -v "$PWD/d:/b:ro" -v '
        '"$PWD/d:/c:rprivate" --mount "type=bind,src=$PWD/d,dst=/d,readonly" --tmpfs /t:size=1m --mount '
        "type=tmpfs,dst=/u TREE true;"
        f"{_TOLD}; E inspect -f '{{{{json .HostConfig.Tmpfs}}}} {{{{len .HostConfig.Binds}}}} {{{{len "
        f".HostConfig.Mounts}}}}' c1",
    ),
    Scenario(
        _AREA,
        "bind, what is not there",
        "-v makes a directory, --mount refuses",
        f'{DIRECTORY}; cd $D; E run --rm -v "$PWD/made:/m" TREE ls -d /m; ls -d made; '
        'no run --rm --mount "type=bind,src=$PWD/nothing,dst=/m" TREE true; '
        "ls -d nothing 2>&1 | grep -c cannot",
    ),
    Scenario(
        _AREA,
        "mounts refused",
        "words that are no mount",
        'for v in v1:rel v1:/x:foo v1:/x:rslave /tmp:/x:nocopy v1:; do echo "$v $(no create -v $v TREE true)"; done;'
        "for m in src=v1 type=bind,src=/nope,dst=/x type=nope,src=v1,dst=/x type=tmpfs,src=x,dst=/x; "
        'do echo "$m $(no create --mount $m TREE true)"; done',
    ),
    Scenario(
        _AREA,
        "tmpfs",
        "--tmpfs with nothing said, with flags, with a size, over a directory that has files",
        "for o in /t /t:size=1m /t:noexec,size=1m /t:exec,suid,dev,mode=700; do "
        + inside('grep " /t " /proc/mounts | cut -d" " -f3,4; stat -c %a /t', "--tmpfs $o")
        + "; done;"
        + inside("ls -A /etc", "--tmpfs /etc"),
        normalise=((",inode64", ""),),
    ),
    Scenario(
        _AREA,
        "read-only root",
        "--read-only: what can be written all the same",
        inside(
            "for p in / /etc /tmp /dev /dev/shm /t /proc /sys; "
            "do touch $p/x 2>/dev/null && echo $p taken || echo $p refused; done; "
            "echo x >>/etc/hosts && echo hosts taken || echo hosts refused",
            "--read-only --tmpfs /t",
        ),
    ),
    Scenario(
        _AREA,
        "placeholders",
        "files and directories that an engine adds to a root file system",
        inside(
            'ls -ld /.dockerenv /etc/mtab /etc /proc /sys /dev /dev/shm /dev/pts /dev/mqueue | sed "s/ '
            '[A-Z][a-z][a-z] .*[0-9] / /" | awk "{ print \\$1, \\$3, \\$4, \\$NF }"'
        ),
    ),
    Scenario(
        _AREA,
        "shared memory",
        "size and mode of /dev/shm, as it is and with --shm-size; --ipc container:NAME shares it, --ipc none has none",
        inside('df -k /dev/shm | awk "END { print \\$2 }"; stat -c %a /dev/shm')
        + ";"
        + inside('df -k /dev/shm | awk "END { print \\$2 }"', "--shm-size 1m")
        + ";"
        f"{kept('c1', '--ipc shareable')}; E exec c1 touch /dev/shm/mine; "
        "E run --rm --ipc container:c1 TREE ls /dev/shm; "
        "E run --rm --ipc none TREE ls /dev/shm 2>&1 | grep -c mine",
    ),
    Scenario(
        _AREA,
        "working directory",
        "-w makes a directory that is not there; a file is refused",
        inside('pwd; stat -c "%a %u %g" /made/here', "-w /made/here")
        + "; E run --rm -w /etc/group TREE true 2>/dev/null; echo $?; no run --rm -w rel TREE true",
    ),
    Scenario(
        _VOLUMES,
        "names of volumes",
        "volume create with a name, twice, without one, with names that are none",
        "E volume create v1; E volume create v1; for n in x a/b 'a b' .a -a; do no volume create -- \"$n\"; "
        "done; E volume create | wc -c; quiet E volume rm v1",
    ),
    Scenario(
        _VOLUMES,
        "options",
        "volume create with options and labels, and inspect",
        "for o in type=tmpfs device=x foo=bar; do no volume create -o $o v1; done; "
        "E volume create --label a=b --label c -o type=tmpfs -o device=tmpfs -o o=size=1m v1;"
        "E volume inspect v1 | grep -vE 'CreatedAt|Mountpoint'",
    ),
    Scenario(
        _VOLUMES,
        "listed",
        "volume ls: table, filters, a template",
        "quiet E volume create --label a=b v1; quiet E volume create v2; E volume ls; E volume ls -q -f name=1; "
        "E volume ls -qf label=a; E volume ls -qf label=a=c; E volume ls -q -f dangling=false;"
        "no volume ls -f no=1; E volume ls --format '{{.Name}} {{.Driver}} {{.Labels}} {{.Scope}} {{.Size}} "
        "{{.Links}}'",
    ),
    Scenario(
        _VOLUMES,
        "inspected",
        "several, one of which is not there, and by a template",
        "quiet E volume create --label a=b v1; E volume inspect v1 nope 2>/dev/null | grep -c Name; echo $?; "
        "E volume inspect v1 -f '{{.Name}} {{.Labels.a}} {{json .Options}}'",
        deviations=(
            Deviation("options that were not given are an empty map; 26 says null", since="23", lines="^v1 b "),
        ),
    ),
    Scenario(
        _VOLUMES,
        "removed",
        "volume rm: in use, unknown, several, -f",
        "quiet E volume create v1; quiet E volume create v2; quiet E create --name c1 -v v1:/v TREE true; "
        "E volume rm v1 nope v2 2>/dev/null; echo $?; E volume rm -f nope; echo $?;"
        "E volume ls -q; quiet E rm c1; E volume rm v1",
    ),
    Scenario(
        _VOLUMES,
        "filled from the image",
        "a new volume has what the root file system has there, one that has something keeps it",
        "E run --rm -v v1:/etc TREE true;"
        + inside("ls /x | grep -v mtab; echo new >/x/own", "-v v1:/x")
        + ";"
        + inside("cat /etc/own; ls -A /y | wc -l", "-v v1:/etc -v v2:/y"),
    ),
    Scenario(
        _VOLUMES,
        "anonymous",
        "-v /path and --mount without a name: made, removed with --rm, and with rm -v",
        "E run --rm -v /a TREE true; E volume ls -q | wc -l; "
        "quiet E create --name c1 -v /a --mount dst=/b TREE true; E volume ls -q | wc -l; quiet E rm -v c1; "
        "E volume ls -q | wc -l",
    ),
    Scenario(
        _VOLUMES,
        "volumes told",
        "volumes in a container's inspect: -v, --mount, ro, anonymous",
        "quiet E create --name c1 -v v1:/a -v v2:/b:ro -v /c --mount src=v1,dst=/e,readonly TREE true; "
        f"{_TOLD}; E inspect c1 -f '{{{{len .HostConfig.Binds}}}} {{{{len .HostConfig.Mounts}}}} {{{{json "
        f".Config.Volumes}}}}'",
    ),
    Scenario(
        _VOLUMES,
        "of other containers",
        "--volumes-from, read-only, with a mount of one's own in its place; and refused",
        f'{DIRECTORY}; cd $D; mkdir d; quiet E create --name c1 -v v1:/a -v "$PWD/d:/b" TREE true;'
        + inside('grep -cE " /[ab] " /proc/mounts; touch /a/x /b/x', "--volumes-from c1:ro -v v2:/b")
        + "; quiet E create --name c2 --volumes-from c1 TREE true; "
        "E inspect c2 -f '{{json .HostConfig.VolumesFrom}} {{len .Mounts}}';"
        "for f in nope c1:foo ''; do no create --volumes-from \"$f\" TREE true; done",
    ),
    Scenario(
        _VOLUMES,
        "shared by two",
        "what one container writes the other one reads, also once the first is removed",
        f"{kept('c1', '-v v1:/d')}; {kept('c2', '-v v1:/d:ro')}; E exec c1 sh -c 'echo hello >/d/f'; "
        "E exec c2 cat /d/f; quiet E rm -f c1; E exec c2 cat /d/f; E exec c2 touch /d/g; "
        "E volume rm v1 2>/dev/null; echo $?",
    ),
)
