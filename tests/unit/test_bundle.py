"""Modules from one file: taken as they are in their sources, and from those where one is not the same any more."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent.parent


def _run(top: Path, code: str) -> str:
    start = f"import sys; sys.path.insert(0, {str(top)!r}); import pyrun.bundle; {code}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _bundle(top: Path) -> Path:
    return top / "pyrun" / "__pycache__" / f"modules.{sys.implementation.cache_tag}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the package somewhere else, with a bundle."""
    top = tmp_path_factory.mktemp("made")
    shutil.copytree(TOP / "pyrun", top / "pyrun", ignore=shutil.ignore_patterns("__pycache__"))
    _run(top, "pyrun.bundle.make()")
    return top


@pytest.fixture
def top(made: Path, tmp_path: Path) -> Path:
    """Give a copy of it, with the times of its files, to be changed."""
    shutil.copytree(made / "pyrun", tmp_path / "pyrun", copy_function=shutil.copy2)
    return tmp_path


def _loaders(top: Path, before: str = "pass") -> dict[str, str]:
    """Tell by whom modules and packages are loaded, after something has happened that stands in *before*."""
    code = "import pyrun.errors\n{}\nimport pyrun.near, pyrun.kernel.locks\nprint(*(f'{{n}}={{type(m.__loader__).__name__}}' for n, m in sys.modules.items() if n.startswith('pyrun.')))"
    told = _run(top, f"exec({code.format(before)!r})").split()
    return dict(each.split("=") for each in told)


def test_modules_come_from_the_bundle_and_are_the_same(top: Path) -> None:
    found = _loaders(top)
    assert found.pop("pyrun.bundle") == "SourceFileLoader"
    assert {"pyrun.errors", "pyrun.near", "pyrun.kernel", "pyrun.kernel.locks"} <= found.keys()
    assert set(found.values()) == {"_Finder"}
    told = "import pyrun.kernel.locks as m; print(m.__file__, m.__package__, m.__spec__.name, m.unheld.__code__.co_filename)"
    path = f"{top}/pyrun/kernel/locks.py"
    file, *rest, compiled = _run(top, told).split()
    assert (file, rest) == (path, ["pyrun.kernel", "pyrun.kernel.locks"])
    assert compiled.endswith("/pyrun/kernel/locks.py")
    assert _run(top, "import pyrun.kernel as m; print(*m.__path__)") == f"{top}/pyrun/kernel"


def test_every_module_is_in_it(top: Path) -> None:
    names = {".".join(path.relative_to(top).with_suffix("").parts) for path in (top / "pyrun").rglob("*.py")}
    there = set(_run(top, "print(*pyrun.bundle._finder._index)").split())
    assert there == {name.removesuffix(".__init__") for name in names if not name.startswith("pyrun.parity.probes.")}


def test_a_source_that_has_changed_is_what_counts(top: Path) -> None:
    path = top / "pyrun" / "near.py"
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    found = _loaders(top)
    assert (found["pyrun.near"], found["pyrun.errors"]) == ("SourceFileLoader", "_Finder")
    assert _run(top, "import pyrun.near; print(pyrun.near.CHANGED)") == "True"


def test_a_source_that_is_gone_is_gone(top: Path) -> None:
    (top / "pyrun" / "near.py").unlink()
    assert _run(top, "import importlib.util as u; print(u.find_spec('pyrun.near'))") == "None"


@pytest.mark.parametrize("left", [0, 3, 6, 5000, -10])
def test_a_bundle_that_is_cut_off_harms_nobody(top: Path, left: int) -> None:
    bundle = _bundle(top)
    content = bundle.read_bytes()
    bundle.write_bytes(content[:left])
    assert _loaders(top)["pyrun.near"] in ("SourceFileLoader", "_Finder")


def test_a_bundle_of_another_interpreter_is_none(top: Path) -> None:
    bundle = _bundle(top)
    bundle.write_bytes(b"\0\0" + bundle.read_bytes()[2:])
    assert set(_loaders(top).values()) == {"SourceFileLoader"}


def test_who_runs_while_it_is_replaced_looks_in_directories(top: Path) -> None:
    """The places of the code are those of the former one."""
    bundle = _bundle(top)
    shutil.copy2(bundle, f"{bundle}.new")
    found = _loaders(top, f"import os; os.rename({str(bundle) + '.new'!r}, {str(bundle)!r})")
    assert (found["pyrun.errors"], found["pyrun.near"]) == ("_Finder", "SourceFileLoader")


def test_without_one_all_is_as_ever(top: Path) -> None:
    _bundle(top).unlink()
    assert set(_loaders(top).values()) == {"SourceFileLoader"}
