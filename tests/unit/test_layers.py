"""The layers hold, and no verb pays for imports that it does not need."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import BUSYBOX, Host

TOP = Path(__file__).resolve().parent.parent.parent
SITE = [p for p in sys.path if p.endswith("site-packages")]
LEVELS = (
    {"", "cli", "api", "testing", "parity", "lab", "pytest_plugin", "__main__"},
    {
        "runtime",
        "doctor",
        "keeping",
        "store",
        "leftovers",
        "records",
        "rootfs",
        "options",
        "volume_store",
        "health",
    },
    {"plan", "network", "operation", "journal", "chronicle", "archive"},
    {"firewall", "kernel", "spec", "templates", "moments"},
    {"near"},
    {"errors", "paths", "typed", "contexts", "documents", "filters", "bundle"},
)
_FUNCTION = {("pyrun.network", "pyrun.api.networks")}  # what calling the package leads to
_TYPES = {(f"pyrun.firewall.{name}", "pyrun.operation") for name in ("choice", "guard")}  # in annotations only
THIRD_PARTY = {"click", "pyroute2", "prctl", "cgroupspy", "pyseccomp", "dns", "zstandard", "pytest"}


def _part(module: str) -> str:
    return [*module.split("."), ""][1]


def _level(part: str) -> int:
    return next((at for at, level in enumerate(LEVELS) if part in level), len(LEVELS))


def _imports() -> list[tuple[str, str]]:
    found = []
    for path in sorted((TOP / "pyrun").rglob("*.py")):
        module = ".".join(path.relative_to(TOP).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found += [(module, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                whole = node.module == "pyrun"
                found += [(module, f"pyrun.{a.name}" if whole else node.module) for a in node.names]
    return found


def test_arrows_never_climb() -> None:
    climbing = [
        (source, target)
        for source, target in _imports()
        if target.startswith("pyrun.")
        and _level(_part(target)) < _level(_part(source))
        and (source, target) not in _TYPES | _FUNCTION
        and target != "pyrun.__version__"
    ]
    assert climbing == []


def test_each_third_party_library_has_one_importing_module() -> None:
    users: dict[str, set[str]] = {}
    for source, target in _imports():
        if target.split(".")[0] in THIRD_PARTY:
            users.setdefault(target.split(".")[0], set()).add(source)
    assert {name: len(modules) for name, modules in users.items()} == dict.fromkeys(users, 1)
    assert set(users) == THIRD_PARTY


def test_modules_and_functions_stay_small() -> None:
    for path in (TOP / "pyrun").rglob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 40, (path, node.name)


HEAVY = (
    "typing click pyroute2 subprocess asyncio dataclasses inspect pathlib tempfile pyseccomp threading logging shlex "
    "contextlib collections functools json re enum importlib warnings"
).split()


@pytest.fixture(scope="module")
def inhabited(shared_host: Host) -> Iterator[Host]:
    """A host with a container that runs, on the bridge, and one that has ended."""
    shared_host.ok("run", "--name", "down", BUSYBOX, "echo", "said")
    shared_host.settled()
    shared_host.ok("run", "-d", "--name", "up", BUSYBOX, "sleep", "600")
    shared_host.ok("ps")  # nothing is left to be mended
    yield shared_host
    shared_host.ok("rm", "-f", "up", "down")


@pytest.mark.parametrize(
    ("line", "more"),
    [
        (
            "ps -a",
            "json re enum hashlib prctl ctypes pyrun.runtime.launcher pyrun.firewall.iptables pyrun.network.driver pyrun.keeping "
            "pyrun.templates pyrun.cli.selection unicodedata",
        ),
        ("run --dry-run @host true", ""),
        ("exec nobody true", "json re enum hashlib socket"),
        ("exec up true", "json re enum hashlib socket"),
        ("logs down", "prctl pyrun.runtime.launcher pyrun.firewall.iptables pyrun.network.driver pyrun.keeping"),
        ("kill -s 0 down", ""),
        ("wait down", ""),
        ("rm nobody", ""),
        (
            "network ls",
            "ctypes pyrun.network.driver pyrun.templates pyrun.options pyrun.near pyrun.kernel.cgroups "
            "pyrun.firewall.iptables pyrun.network.design pyrun.network.addresses",
        ),
        (
            "network inspect bridge",
            "ctypes pyrun.network.driver pyrun.templates pyrun.options pyrun.near pyrun.kernel.cgroups pyrun.network.design",
        ),
        (
            "rootfs ls",
            "json re enum hashlib socket prctl tarfile pyrun.runtime.launcher pyrun.network.driver pyrun.rootfs.intake pyrun.templates",
        ),
        ("ps -a --filter name=up", "json re ctypes pyrun.templates"),
        ("version", "json socket prctl"),
        (
            "__complete -- exec u",
            "json socket prctl hashlib pyrun.network.driver pyrun.keeping pyrun.runtime.lifecycle",
        ),
        ("__complete -- run --ne", "json socket prctl"),
        ("completion bash", "json socket prctl pyrun.store"),
    ],
)
def test_import_budget(line: str, more: str, inhabited: Host) -> None:
    """What a verb has loaded when it is done, by name, where there are containers."""
    program = (
        f"import sys; sys.path[:0] = {[str(TOP), *SITE]!r}; from pyrun.cli import reader, verbs\n"
        f"from pyrun.errors import PyrunError\nparsed = reader.read({line.split()!r}); assert parsed\n"
        "try: verbs.perform(*parsed)\nexcept PyrunError: pass\n"
        "sys.stderr.write('\\n'.join(sys.modules))"
    )
    done = inhabited.run([sys.executable, "-I", "-S", "-c", program])
    assert done.returncode == 0, done
    assert set(done.stderr.decode().split()) & {*HEAVY, *more.split()} == set()


def test_every_function_of_the_c_library_has_its_types_declared() -> None:
    """P11: without them ctypes takes every number for an int and cuts it."""
    found = {}
    for path in (TOP / "pyrun").rglob("*.py"):
        text = path.read_text()
        called = set(re.findall(r"_libc\.([a-z_0-9]+)\(", text))
        found[path.name] = called - set(re.findall(r"_libc\.([a-z_0-9]+)\.argtypes", text))
    assert {name: missing for name, missing in found.items() if missing} == {}
    assert set(re.findall(r"ctypes\.CDLL\((.*?)\)", "".join(p.read_text() for p in (TOP / "pyrun").rglob("*.py")))) <= {
        "None",
        "None, use_errno=True",
    }
