"""What inspect tells of a container's settings, in the shape of Docker's Config and HostConfig."""

import pytest

from pyrun.errors import UsageError
from pyrun.kernel import capabilities
from pyrun.plan import filesystem
from pyrun.runtime import settings
from pyrun.spec import ContainerConfig

_PLAIN = ContainerConfig("0" * 64, "box", "busybox", "/tree", ("sh", "-c", "true"), ("PATH=/bin",), 0.0)


def _program(config: ContainerConfig) -> tuple[object, object]:
    told = settings.process_config(config)
    return told["Entrypoint"], told["Cmd"]


def test_an_entry_point_is_told_apart_from_the_command() -> None:
    assert _program(_PLAIN) == (None, ["sh", "-c", "true"])
    assert _program(_PLAIN._replace(entrypoint=True)) == (["sh"], ["-c", "true"])
    assert _program(_PLAIN._replace(entrypoint=True, args=("sh",))) == (["sh"], None)


def test_what_is_not_masked_is_an_empty_list() -> None:
    """Docker tells it so, and of a privileged container nothing at all."""
    for config, paths in ((_PLAIN._replace(unmasked=True), []), (_PLAIN._replace(privileged=True), None)):
        told = settings.host_config(config)
        assert (told["MaskedPaths"], told["ReadonlyPaths"]) == (paths, paths)
        assert filesystem.protection(config, filesystem.HostView()) == []
    assert settings.host_config(_PLAIN)["MaskedPaths"] == list(filesystem.MASKED_PATHS)
    assert filesystem.protection(_PLAIN, filesystem.HostView()) != []


def test_a_capability_that_there_is_not_is_refused() -> None:
    capabilities.check(("ALL", "CAP_CHOWN", "net_admin"))
    with pytest.raises(UsageError, match="NOPE"):
        capabilities.check(("CHOWN", "NOPE"))
