"""Private hosts for tests: `Lab`. The fixtures that give a test one are in `pyrun.pytest_plugin`."""

TYPE_CHECKING = False  # type checkers take it to be true
if TYPE_CHECKING:
    from pyrun.testing.lab import Lab as Lab

__all__ = ["Lab"]


def __getattr__(name: str) -> object:
    if name != "Lab":
        raise AttributeError(f"module 'pyrun.testing' has no attribute {name!r}")
    from pyrun.testing.lab import Lab

    return globals().setdefault(name, Lab)
