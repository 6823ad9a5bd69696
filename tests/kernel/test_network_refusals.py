"""What no network can be is refused in one line, with nothing changed; what is odd but possible is made."""

import pytest
from lab import BUSYBOX, Host


def _refused(host: Host, *arguments: str) -> str:
    before = host.snapshot()
    done = host.pyrun(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1), done
    assert host.snapshot() == before
    return done.stderr.decode().removeprefix("pyrun: ").rstrip("\n")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--subnet 0.0.0.0/0", "subnet: 0.0.0.0/0: pool overlaps with every other address"),
        ("--ipv6 --subnet ::/0", "subnet: ::/0: pool overlaps with every other address"),
        ("--subnet 10.1.0.4/32", "subnet: 10.1.0.4/32: has no address for a container"),
        ("--subnet 10.1.0.4/32 --gateway 10.1.0.4", "subnet: 10.1.0.4/32: has no address for a container"),
        ("--ipv6 --subnet fd00:4::4/128", "subnet: fd00:4::4/128: has no address for a container"),
    ],
)
def test_a_subnet_that_no_container_could_use_is_refused(shared_host: Host, line: str, words: str) -> None:
    assert words in _refused(shared_host, "network", "create", *line.split(), "x")


@pytest.mark.parametrize("line", ["--subnet 10.1.0.4/31", "--ipv6 --subnet fd00:4::4/127", "--subnet 10.1.0.4/30"])
def test_a_subnet_for_one_container_is_made(host: Host, line: str) -> None:
    host.ok("network", "create", *line.split(), "x")
    host.ok("run", "--rm", "--network", "x", BUSYBOX, "true")
    host.ok("network", "rm", "x")
