"""What help shows to be typed works, as it stands there, on a host as help supposes it: with a container `web`."""

from pathlib import Path

import pytest
from lab import BUSYBOX, TYPED, Host

from pyrun.cli import manual
from pyrun.cli.declared import every

_EXAMPLES = [
    (verb.name, command)
    for verb in every().values()
    for command, _ in manual.page(verb.name).examples
    if not verb.hidden
]
# Those that want a terminal, a person or another machine, that last, or that other tests show to work.
_LEFT_OUT = (
    " -it ",
    "docker ",
    "pyrun logs -f",
    "--probe",
    "attach",
    "~/",
    "rootfs build",
    "system boot",
    "pyrun parity",
)
_WITH_BASH = f'pyrun() {{ {TYPED} "$@"; }}; '
_WEB = f"run -d --name web --stop-signal KILL --expose 80 -p 8080:80 {BUSYBOX} sleep 600".split()
# What has to be there before an example beside `web`, and verbs after which `web` is not as it was.
_BEFORE = {
    "run": "pyrun rm -f web",
    "wait": f"pyrun run -d --name job {BUSYBOX} true",
    "network rm": "pyrun network create backend",
    "network connect": "pyrun network create backend",
    "network disconnect": "pyrun network create backend; pyrun network connect backend web",
    "unpause": "pyrun pause web",
    "start": "pyrun stop web",
    "rootfs rm": f"pyrun rootfs import {BUSYBOX} web-rootfs",
    "volume inspect": "pyrun volume create data",
    "volume rm": "pyrun volume create data",
    **dict.fromkeys(("lab shell", "lab hint", "lab solve", "lab status", "lab stop"), "pyrun lab start bridge"),
    **dict.fromkeys(("lab check", "lab reset"), "pyrun lab start bridge; pyrun lab solve all"),
}
_CHANGING = ("run", "stop", "kill", "rm", "rename", "start", "restart", "pause", "create", "update")
_CLEANING = "pyrun rm -f web job later front; pyrun network prune -f"
present = False
place = Path()


@pytest.fixture(scope="module")
def furnished(shared_host: Host, tmp_path_factory: pytest.TempPathFactory) -> Host:
    global present, place
    place = tmp_path_factory.mktemp("place")
    (place / "index.html").write_text("hello")
    present = False
    shared_host.out(f"mkdir -p /var/lib/pyrun/rootfs && ln -s {BUSYBOX} /var/lib/pyrun/rootfs/busybox-rootfs")
    return shared_host


@pytest.mark.parametrize(("verb", "command"), [pair for pair in _EXAMPLES if not any(p in pair[1] for p in _LEFT_OUT)])
def test_an_example_works(furnished: Host, verb: str, command: str) -> None:
    global present
    if not present:
        furnished.ok(*_WEB)
    done = furnished.shell(f"cd {place}; {_WITH_BASH} {{ {_BEFORE.get(verb, 'true')}; }} >/dev/null && {command}")
    present = verb not in _CHANGING and not verb.startswith(("network", "volume"))
    if not present:
        furnished.shell(_WITH_BASH + _CLEANING)
    if verb.startswith("lab"):
        furnished.shell(_WITH_BASH + "pyrun lab stop")
    assert done.returncode in ((0, 1) if verb == "doctor" else (0,)), done
    assert done.stderr == b"" or "--explain" in command, done
