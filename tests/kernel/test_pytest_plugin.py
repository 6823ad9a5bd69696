"""The pytest plugin: tests of others that pass, that fail with a reason, and that leave nothing."""

import glob
import re
import subprocess
import sys
from pathlib import Path

import pytest
from lab import BUSYBOX, TOP

_TEST = f"""
ROOTFS = {BUSYBOX!r}
SERVE = ["sh", "-c", "while :; do echo served; echo hello | nc -l -p 80 >&2; done"]
"""


@pytest.fixture(autouse=True)
def plain(pytester: pytest.Pytester, private_host: None) -> None:
    """Have the tests inside find the package, and no settings of ours."""
    pytester.syspathinsert(TOP)


def _ran(pytester: pytest.Pytester, tests: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(_TEST + tests)
    return pytester.runpytest_inprocess("-p", "pyrun.pytest_plugin", "-p", "no:cacheprovider", *options)


def _left(result: pytest.RunResult) -> list[str]:
    """List what is left of the hosts whose numbers a run has printed."""
    numbers = re.findall(r"HOST (\d+)", result.stdout.str())
    assert numbers
    groups = [path for number in numbers for path in glob.glob(f"/sys/fs/cgroup/**/pyrun-lab-{number}")]
    return groups + [number for number in numbers if Path(f"/proc/{number}").exists()]


def test_a_test_has_a_host_with_containers_and_networks(pytester: pytest.Pytester) -> None:
    result = _ran(
        pytester,
        """
def test_it(netlab, container, network, assert_reachable, assert_unreachable):
    print("HOST", netlab.pid)
    one, other = network("one"), network("other")
    server = container(ROOTFS, SERVE, name="server", network=one)
    client = container(ROOTFS, "sleep 600", network=one)
    stranger = container(ROOTFS, "sleep 600", network=other)
    assert_reachable(client, server, port=80)
    assert_reachable(client, server)
    assert_unreachable(stranger, server, port=80, timeout=0.2)
""",
        "-rP",
    )
    result.assert_outcomes(passed=1)
    assert _left(result) == []


def test_a_failure_says_why_and_what_the_containers_wrote(pytester: pytest.Pytester) -> None:
    result = _ran(
        pytester,
        """
def test_it(netlab, container, network, assert_reachable, assert_unreachable):
    print("HOST", netlab.pid)
    server = container(ROOTFS, SERVE, name="server", network=network("one"))
    stranger = container(ROOTFS, "sleep 600", name="stranger", network=network("other"))
    server.wait_for_output("served")
    assert_reachable(stranger, server, port=80, timeout=0.2)
""",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E *AssertionError: stranger → server (172.*), tcp port 80: is not reached: no answer in *",
            "E *networks do not reach each other*",
            "*pyrun: container server, running*",
            "served",
        ]
    )
    result.stdout.no_fnmatch_line("*def holds(*")
    assert _left(result) == []


def test_what_proves_nothing_fails(pytester: pytest.Pytester) -> None:
    """A closed port is no closed way, and neither is a way that is open."""
    result = _ran(
        pytester,
        """
import pytest

def test_it(netlab, container, assert_unreachable, assert_reachable):
    print("HOST", netlab.pid)
    server = container(ROOTFS, SERVE, name="server")
    assert_reachable("host", server, port=80)
    for options, told in (
        ({"port": 81}, "tcp port 81: it was refused, but nobody listens there"),
        ({"port": 81, "protocol": "udp"}, "udp port 81: it was refused, but nobody listens there"),
        ({"port": 80}, "is reached: connected"),
        ({}, "is reached: an echo reply came"),
    ):
        with pytest.raises(AssertionError, match=told):
            assert_unreachable("host", server, **options)
""",
        "-rP",
    )
    result.assert_outcomes(passed=1)
    assert _left(result) == []


def test_udp_and_ipv6_are_tried_too(pytester: pytest.Pytester) -> None:
    result = _ran(
        pytester,
        """
import socket, threading

def test_it(netlab, container, network, assert_reachable, assert_unreachable):
    print("HOST", netlab.pid)
    one = network("one", ipv6=True, subnet="fd00:7::/64")
    client = container(ROOTFS, "sleep 600", network=one)
    assert_reachable(client, "host", ipv6=True)
    assert_reachable("host", client, ipv6=True)
    with netlab.inside("internet"):
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((netlab.internet_address, 53))
    threading.Thread(target=lambda: server.sendto(b"answer", server.recvfrom(100)[1])).start()
    assert_reachable(client, "internet", port=53, protocol="udp")
    server.close()
""",
        "-rP",
    )
    result.assert_outcomes(passed=1)
    assert _left(result) == []


def test_a_host_that_several_tests_share_is_swept_between_them(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nnetlab_scope = module")
    result = _ran(
        pytester,
        """
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_it(n, netlab, container, network):
    print("HOST", netlab.pid)
    assert [each.name for each in netlab.networks()] == ["bridge", "host", "none"]
    assert netlab.containers(all=True) == []
    made = container(ROOTFS, "sleep 600", name="same", network=network("lan"))
    network("gone").remove()
    container(ROOTFS, "true", remove=True)
""",
        "-rP",
    )
    result.assert_outcomes(passed=2)
    assert len(set(re.findall(r"HOST (\d+)", result.stdout.str()))) == 1
    assert _left(result) == []


def test_an_unknown_scope_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nnetlab_scope = always")
    result = _ran(pytester, "def test_it(netlab): pass")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*netlab_scope: always: expected function, class, module, package, session"])


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_it():\n    assert 'pyrun.pytest_plugin' in sys.modules\n"
        "    assert [name for name in sys.modules if name.startswith(('pyrun.api', 'pyrun.testing'))] == []\n"
    )
    line = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "pyrun.pytest_plugin",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=TOP)
    assert done.returncode == 0, done
