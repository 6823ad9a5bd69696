"""The same `cp`, `diff` and `export` typed into Docker and into pyrun; what is there afterwards is compared."""

import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab import BUSYBOX, PYRUN

if TYPE_CHECKING:
    from conftest import Docker

_HOST = """
mkdir -p src/d/e empty out odir/old odir2; echo 1 > src/f; echo 2 > src/d/g; chown -R 1000:1001 src; ln -s src lsrc
ln -s src/f lf; mkfifo src/fifo; ln src/f src/hard; chmod 2755 src/d; chmod 1777 empty; ln -s nothing broken
ln -s odir2 lodir; touch -d @1000000000 src/f; ln -s /etc src/abs; echo n > "a b"; echo x > odir2/d
"""
_CONTAINER = """
mkdir -p /w/d /w/dd/f /w/de; ln -s w /lw; ln -s nowhere /broken; ln -s /w/nofile /bf; ln -s /w/d /w/ld
echo old > /w/old; ln -s old /w/lold; echo x > /w/x; ln /w/x /w/y; echo 1 > /w/de/d; chown 5:6 /w/old
ln -s /w/d2 /w/lnew; mkdir /w/d2; echo 9 > /w/d/n
"""
# Each leaves something behind that no other one touches, or nothing.
_LINES = """
src cc:/w/s1
-a src/f cc:/w/s2
src/. cc:/w/s3
src/ cc:/w/s4
lsrc cc:/w/s5
lsrc/ cc:/w/s6
-L lsrc cc:/w/s7
-L lf cc:/w/
src/f cc:/w/d
src/. cc:/w/d
src cc:/w/d2/.
src/f cc:/broken
src/f cc:/bf
src/d cc:/bf
src/f cc:/w/lold
src/d cc:/w/ld/
src/f cc:/w/x
src/d cc:/w/lnew
src/f cc:/w/n1/
src/d cc:/w/n2/
src/d cc:/w/n3/.
src/d/. cc:/w/n4/
src/f cc:/w/n5/.
src/f cc:/w/y/
src/d cc:/w/y
src/. cc:/w/dd
src/. cc:/w/de
src/f/ cc:/
src/nofile cc:/w
src/f cc:/nodir/x
src/f cc:w/n6
src/f cc:../../w/n7
src/fifo cc:/w/n8
empty cc:/w/n9
"a b" cc:/w
cc:/w/old out
cc:/w/old out/n1/
cc:/w/d out/n2/
cc:/w/d out/n3/.
cc:/w/d/. out/n4
cc:/w/d odir
cc:/w/old odir
cc:/w/d odir2
cc:/w/d odir2/d
cc:/w/ld out/n5
cc:/w/ld/ out/n6
-L cc:/w/ld out/n7
-L cc:/lw/lold out/
cc:/w/old broken
cc:/w/old lodir
cc:/w/old ./c:d
cc:/w/y src/hard
cc:/w/nosuch .
cc:/w/old/ .
cc:/w/old /dev/null
cc: out
nobody:/x .
x nobody:/
cc:/x cc:/y
x y
""".strip().splitlines()
_STREAMS = ["/w/d/.", "/w/ld/", "/w/ld", "-L /w/ld", "/w/nosuch"]
_LISTED = r"find {} \( -type d -printf '%P %y %m %U:%G\n' \) -o -printf '%P %y %m %U:%G %s %l %n\n' | sort"


class _Engine:
    """Docker or pyrun: a container named cc, and a directory of the host to copy from and to."""

    def __init__(self, docker: "Docker", command: list[str], image: str, place: Path) -> None:
        self._host, self._command, self._place = docker.host, shlex.join(command), place
        place.mkdir()
        self.sh(_HOST)
        self.sh(f"{self._command} run -d --name cc {image} sleep 600")
        self.sh(f"{self._command} exec cc sh -c {shlex.quote(_CONTAINER)}")

    def sh(self, script: str) -> str:
        done = self._host.shell(f"cd {self._place}; {script}")
        assert done.returncode == 0, done
        return done.stdout.decode()

    def codes(self, lines: list[str]) -> dict[str, str]:
        """Type lines, one after the other; give their exit codes."""
        script = "".join(f"engine cp {line} >/dev/null 2>&1 </dev/null; echo $?\n" for line in lines)
        return dict(zip(lines, self.sh(f'engine() {{ {self._command} "$@"; }}\n{script}').split(), strict=True))

    def seen(self) -> tuple[str, str, str]:
        """Give what is there of the host's and the container's files, and what `diff` says of these."""
        contents = "find . -type f | sort | xargs -d '\\n' sha1sum"
        inside = f"cd /proc/$({self._command} inspect -f '{{{{.State.Pid}}}}' cc)/root/w"
        return (
            self.sh(f"{_LISTED.format('.')}; {contents}"),
            self.sh(f"{inside} && {{ {_LISTED.format('.')}; {contents}; }}"),
            self.sh(f"{self._command} diff cc | sort"),
        )


@pytest.fixture(scope="module")
def engines(docker: "Docker", tmp_path_factory: pytest.TempPathFactory) -> dict[str, _Engine]:
    """Give both, which have copied the same."""
    place = tmp_path_factory.mktemp("copying")
    return {
        "docker": _Engine(docker, docker.command, "tree", place / "docker"),
        "pyrun": _Engine(docker, PYRUN, BUSYBOX, place / "pyrun"),
    }


def test_the_same_copies_leave_the_same(engines: dict[str, _Engine]) -> None:
    with ThreadPoolExecutor() as both:
        of_pyrun, of_docker = both.map(lambda engine: engine.codes(_LINES), (engines["pyrun"], engines["docker"]))
    assert of_pyrun == of_docker
    assert engines["pyrun"].seen() == engines["docker"].seen()


@pytest.mark.parametrize("path", _STREAMS)
def test_the_same_streams(engines: dict[str, _Engine], path: str) -> None:
    option, _, path = path.rpartition(" ")
    line = (
        f"cp {option} cc:{path} - 2>/dev/null | tar --numeric-owner -tv 2>/dev/null | sed 's/ 20..-..-.. ..:../ T/'; :"
    )
    shown = {name: engine.sh(f"{engine._command} {line}") for name, engine in engines.items()}
    assert shown["pyrun"] == shown["docker"]


def test_docker_takes_an_export(engines: dict[str, _Engine], docker: "Docker") -> None:
    """And each makes the same one, but for what Docker puts into a layer of its own."""
    line = (
        "export cc | tar --numeric-owner -tv | sed 's/ 20..-..-.. ..:../ T/' | grep -vE ' (dev|etc)/|bin/|proc/|sys/'"
    )
    shown = {name: engine.sh(f"{engine._command} {line}") for name, engine in engines.items()}
    assert shown["pyrun"] == shown["docker"]
    docker.host.out(f"{shlex.join(PYRUN)} export cc | {shlex.join(docker.command)} import - exported")
    assert docker.docker("run", "--rm", "exported", "cat", "/w/s1/f").stdout == b"1\n"
    engines["pyrun"].sh(f"{shlex.join(PYRUN)} rm -f cc")
