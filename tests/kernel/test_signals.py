"""Signals: none of them breaks a transaction, each reaches the program once, and the exit code tells by which it ended."""

import signal
import subprocess

import pytest
from lab import BUSYBOX, PYRUN, Host, without

_STRUCK = """
import os, signal; from pyrun import operation
def struck(side, each):
    for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
operation.observers.append(struck)
"""
_UNBLOCKED = f"{_STRUCK}\nimport _signal; _signal.pthread_sigmask = lambda how, which: set()"


@pytest.mark.parametrize(
    ("defence", "kept"), [pytest.param(_STRUCK, True, id="defended"), pytest.param(_UNBLOCKED, False, id="without")]
)
def test_signals_at_every_operation_change_nothing(shared_host: Host, defence: str, kept: bool) -> None:
    """T-P15: whoever makes a container is sent ctrl-c twice and a request to end before each step of it."""
    shared_host.ok("run", "--rm", BUSYBOX, "true")
    before = shared_host.settled()
    done = shared_host.run([*without(defence), "run", "--rm", "-p", "8080:80", BUSYBOX, "echo", "there"])
    assert ((done.returncode, done.stdout) == (0, b"there\n")) == kept, done
    if not kept:
        shared_host.pyrun("ps")
    assert shared_host.settled() == before


_NOTED = (1, 2, 3, 10, 12, 14, 15, 18, 28, 35)  # the last is a queued one: two of it are never one


def test_each_signal_of_the_client_reaches_the_program_once(shared_host: Host) -> None:
    """R20: ctrl-c twice is two, one that concerns the client's own output is none."""
    script = (
        f'for s in {" ".join(map(str, _NOTED))} 13; do trap "echo $s" $s; done; echo up; while :; do sleep 0.02; done'
    )
    client = shared_host.start([*PYRUN, "run", "--name", "heard", BUSYBOX, "sh", "-c", script], stdout=subprocess.PIPE)
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    client.send_signal(signal.SIGPIPE)
    for number in (2, *_NOTED, 35, 1):
        client.send_signal(number)
        assert client.stdout.readline() == b"%d\n" % number
    shared_host.ok("kill", "heard")
    assert (client.stdout.read(), client.wait(20)) == (b"", 137)
    client.stdout.close()
    shared_host.ok("rm", "heard")


@pytest.mark.parametrize("number", [1, 2, 9, 10, 13, 15])
def test_who_ends_by_a_signal_ends_with_128_and_its_number(shared_host: Host, number: int) -> None:
    """R20: the program, which is no process 1 beside the host's own processes, and one that exec started."""
    fatal = (BUSYBOX, "sh", "-c", f"kill -{number} $$")
    assert shared_host.pyrun("run", "--rm", "--pid", "host", *fatal).returncode == 128 + number
    shared_host.pyrun("run", "-d", "--name", "inside", BUSYBOX, "sleep", "600")
    assert shared_host.pyrun("exec", "inside", *fatal[1:]).returncode == 128 + number
