"""Files in and out: cp by all its rules for paths, streams, diff, export."""

import shlex

from pyrun.parity.catalogue.phrases import DIRECTORY, kept
from pyrun.parity.scenario import Scenario

_AREA = "copies"
_HOST = """
mkdir -p src/d/e empty out odir/old odir2; echo 1 >src/f; echo 2 >src/d/g; chown -R 1000:1001 src; ln -s src lsrc
ln -s src/f lf; mkfifo src/fifo; ln src/f src/hard; chmod 2755 src/d; chmod 1777 empty; ln -s nothing broken
ln -s odir2 lodir; touch -d @1000000000 src/f; ln -s /etc src/abs; echo n >"a b"; echo x >odir2/d
"""
_CONTAINER = """
mkdir -p /w/d /w/dd/f /w/de; ln -s w /lw; ln -s nowhere /broken; ln -s /w/nofile /bf; ln -s /w/d /w/ld
echo old >/w/old; ln -s old /w/lold; echo x >/w/x; ln /w/x /w/y; echo 1 >/w/de/d; chown 5:6 /w/old
ln -s /w/d2 /w/lnew; mkdir /w/d2; echo 9 >/w/d/n
"""
# Each leaves something behind that no other one touches, or nothing.
_IN = """
src cc:/w/s1 | -a src/f cc:/w/s2 | src/. cc:/w/s3 | src/ cc:/w/s4 | lsrc cc:/w/s5 | lsrc/ cc:/w/s6 | -L lsrc cc:/w/s7
-L lf cc:/w/ | src/f cc:/w/d | src/. cc:/w/d | src cc:/w/d2/. | src/f cc:/broken | src/f cc:/bf | src/d cc:/bf
src/f cc:/w/lold | src/d cc:/w/ld/ | src/f cc:/w/x | src/d cc:/w/lnew | src/f cc:/w/n1/ | src/d cc:/w/n2/
src/d cc:/w/n3/. | src/d/. cc:/w/n4/ | src/f cc:/w/n5/. | src/f cc:/w/y/ | src/d cc:/w/y | src/. cc:/w/dd
src/. cc:/w/de | src/f/ cc:/ | src/nofile cc:/w | src/f cc:/nodir/x | src/f cc:w/n6 | src/f cc:../../w/n7
src/fifo cc:/w/n8 | empty cc:/w/n9 | "a b" cc:/w
"""
_OUT = """
cc:/w/old out | cc:/w/old out/n1/ | cc:/w/d out/n2/ | cc:/w/d out/n3/. | cc:/w/d/. out/n4 | cc:/w/d odir
cc:/w/old odir | cc:/w/d odir2 | cc:/w/d odir2/d | cc:/w/ld out/n5 | cc:/w/ld/ out/n6 | -L cc:/w/ld out/n7
-L cc:/lw/lold out/ | cc:/w/old broken | cc:/w/old lodir | cc:/w/old ./c:d | cc:/w/y src/hard | cc:/w/nosuch .
cc:/w/old/ . | cc:/w/old /dev/null | cc: out | nobody:/x . | x nobody:/ | cc:/x cc:/y | x y
"""
_LISTED = r"find {} \( -type d -printf '%P %y %m %U:%G\n' \) -o -printf '%P %y %m %U:%G %s %l %n\n' | sort"
_CONTENTS = "find . -type f | sort | xargs -d '\\n' sha1sum | cut -c1-8,41-"
_BEGUN = f"{DIRECTORY}; cd $D; {_HOST}{kept('cc')}; E exec cc sh -c {shlex.quote(_CONTAINER)}"
_INSIDE = f"cd /proc/$(pid cc)/root/w && {{ {_LISTED.format('.')}; {_CONTENTS}; }}"


def _typed(lines: str) -> str:
    every = [line.strip() for row in lines.strip().splitlines() for line in row.split("|")]
    return "\n".join(f"E cp {line} >/dev/null 2>&1 </dev/null; echo {shlex.quote(line)}: $?" for line in every)


SCENARIOS = (
    Scenario(
        _AREA,
        "into a container",
        "exit codes of cp by all kinds of paths, what is there afterwards, and what diff says of it",
        f"{_BEGUN}\n{_typed(_IN)}\n({_INSIDE}); E diff cc | sort",
    ),
    Scenario(
        _AREA,
        "out of a container",
        "exit codes of cp by all kinds of paths, and what is there afterwards",
        f"{_BEGUN}\n{_typed(_OUT)}\n{_LISTED.format('.')}; {_CONTENTS}",
    ),
    Scenario(
        _AREA,
        "streams",
        "cp to and from -: names, owners and modes in the archive",
        f"{_BEGUN}\nfor p in /w/d/. /w/ld/ /w/ld '-L /w/ld' /w/nosuch; do set -- $p; O=; [ $# = 1 ] || {{ O=$1; "
        f'shift; }}; echo "== $p";'
        " E cp $O cc:$1 - 2>/dev/null | tar --numeric-owner -tv 2>/dev/null | sed 's/ 20..-..-.. ..:../ T/'; done;"
        "tar -c src | E cp - cc:/w/d; echo $?; E exec cc find /w/d/src | sort; "
        "tar -c src | E cp - cc:/w/nosuch 2>/dev/null; echo $?",
    ),
    Scenario(
        _AREA,
        "of what does not run",
        "cp and diff of a container that has ended, and of one that never ran",
        "quiet E create --name c1 TREE sh -c 'echo 1 >/new; rm /etc/group; exit 3'; echo x >f; "
        "E cp f c1:/given; E start c1; E wait c1;"
        "E cp c1:/new got; cat got; E cp c1:/given - | tar -tv | wc -l; E diff c1 | sort",
    ),
    Scenario(
        _AREA,
        "changes",
        "diff: added, changed, removed, and replaced by something else",
        f"{kept('c1')}; E exec c1 sh -c 'mkdir -p /a/b; echo >/a/f; rm -r /root; echo >>/etc/passwd; "
        "chmod 700 /bin; ln -s x /l; mv /etc/group /etc/g2';"
        "E diff c1 | sort; E diff nobody 2>/dev/null; echo $?",
    ),
    Scenario(
        _AREA,
        "exported",
        "export: names, modes and owners, but for what engines put into containers themselves",
        f"{_BEGUN}\nE export cc | tar --numeric-owner -tv | sed 's/ 20..-..-.. ..:../ T/' | grep -vE ' "
        "(dev|etc)/|bin/|proc/|sys/|dockerenv' | sort;"
        "E export -o x cc; tar -tf x | grep -c ^w/; E export nobody 2>/dev/null; echo $?",
    ),
)
