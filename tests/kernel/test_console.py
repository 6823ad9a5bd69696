"""The caller's side of stdio, with real terminals, pipes and programs."""

import contextlib
import hashlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ATTACHED = [sys.executable, str(HERE / "attached.py")]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HERE.parent.parent)}
PATIENCE = 30  # seconds before a test that hangs fails; none waits for it
SIZE = 64 << 20  # bytes; 1 GiB takes a minute


def attached(flags: str, log: Path, *args: str, **options: object) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    streams = {"stdin": pipe, "stdout": pipe, "stderr": pipe, **options}
    return subprocess.Popen([*ATTACHED, flags, str(log), *args], env=ENVIRONMENT, **streams)  # type: ignore[call-overload, no-any-return]


class Typist:
    """Somebody at a terminal, in front of whom a program runs."""

    def __init__(self, flags: str, log: Path, *args: str, window: tuple[int, int] = (24, 80)) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, window)
            os.execve(sys.executable, [*ATTACHED, flags, str(log), *args], ENVIRONMENT)
        self.seen = b""

    def type(self, keys: bytes) -> None:
        os.write(self.fd, keys)

    def expect(self, text: bytes) -> bytes:
        """Give what appears up to and with *text*."""
        while text not in self.seen:
            assert select.select([self.fd], [], [], PATIENCE)[0], self.seen
            self.seen += os.read(self.fd, 4096)
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def modes(self) -> list[int]:
        return termios.tcgetattr(self.fd)[:4]

    def wait(self) -> int:
        """Give the exit code, or the negative signal."""
        pidfd = os.pidfd_open(self.pid)
        ended = select.select([pidfd], [], [], PATIENCE)[0]
        os.close(pidfd)
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        assert ended, self.seen
        return code


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "container.log"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((tmp_path / "container.log.pid").read_text()), signal.SIGKILL)


def test_both_directions_are_binary_clean_and_bounded(log: Path, tmp_path: Path) -> None:
    """cat gives back what it gets while the monitor's memory stays small (sha256sum says so)."""
    given = tmp_path / "given"
    given.write_bytes(os.urandom(SIZE))
    with given.open("rb") as source:
        client = attached("i", log, "cat", stdin=source)
    assert client.stdout
    taken, highest = hashlib.sha256(), ""
    monitor = ""
    while portion := client.stdout.read1(1 << 20):
        taken.update(portion)
        monitor = monitor or children(client.pid)[0]
        highest = _field(Path(f"/proc/{monitor}/status"), "VmHWM") or highest
    assert client.wait(PATIENCE) == 0
    assert subprocess.check_output(["sha256sum", given]).split()[0].decode() == taken.hexdigest()
    assert int(highest) < 64 << 10  # KiB


def told(fifo: Path) -> str:
    """Give what is written into a named pipe, whose writer has to come."""
    fd = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert select.select([fd], [], [], PATIENCE)[0], fifo
        return os.read(fd, 4096).decode()
    finally:
        os.close(fd)


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _field(status: Path, name: str) -> str:
    try:
        lines = [line.split() for line in status.read_text().splitlines()]
    except OSError:
        return ""
    return next((words[1] for words in lines if words[0] == f"{name}:"), "")


def test_program_that_answers_before_it_reads_everything_does_not_deadlock(log: Path) -> None:
    with open("/dev/zero", "rb") as zero:
        client = attached("i", log, "sh", "-c", "seq 200000; head -c 1000000 | wc -c", stdin=zero)
        out, _ = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0
    assert out.splitlines()[-1] == b"1000000"
    assert len(out.splitlines()) == 200001


def test_streams_stay_apart_and_the_exit_code_comes_through(log: Path) -> None:
    client = attached("-", log, "sh", "-c", "printf out; printf err >&2; exit 7")
    assert client.communicate(timeout=PATIENCE) == (b"out", b"err")
    assert client.returncode == 7


def test_end_of_input_reaches_the_program_whose_output_goes_on(log: Path) -> None:
    client = attached("i", log, "sh", "-c", "cat >/dev/null; seq 3")
    assert client.communicate(b"x", timeout=PATIENCE)[0] == b"1\n2\n3\n"


def test_without_interactive_the_input_is_empty(log: Path) -> None:
    assert attached("-", log, "cat").communicate(b"x", timeout=PATIENCE)[0] == b""


def test_program_that_ignores_its_input_ends_the_client(log: Path) -> None:
    client = attached("i", log, "true")
    assert client.wait(PATIENCE) == 0


def test_signals_are_passed_on(log: Path) -> None:
    script = "trap 'echo one' USR1; trap 'echo two; exit 5' TERM; trap 'echo tstp' TSTP; echo up; while :; do sleep 0.02; done"
    client = attached("p", log, "sh", "-c", script)
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    for number, answer in ((signal.SIGUSR1, b"one\n"), (signal.SIGTSTP, b"tstp\n"), (signal.SIGTERM, b"two\n")):
        client.send_signal(number)
        assert client.stdout.readline() == answer
    assert client.wait(PATIENCE) == 5


def test_reader_that_leaves_ends_the_client_and_not_the_program(log: Path, tmp_path: Path) -> None:
    """As Docker: exit code 1, one line, the container goes on."""
    ended = tmp_path / "ended"
    os.mkfifo(ended)
    client = attached("-", log, "sh", "-c", f"seq 100000; echo end > {ended}")
    assert client.stdout and client.stderr
    client.stdout.readline()
    client.stdout.close()
    assert client.stderr.read() == b"write: /dev/stdout: broken pipe\n"
    assert client.wait(PATIENCE) == 1
    assert told(ended) == "end\n"


def test_client_killed_closes_the_input_and_leaves_the_program(log: Path, tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    os.mkfifo(ended)
    client = attached("i", log, "sh", "-c", f"echo up; cat; echo end > {ended}")
    assert client.stdout
    assert client.stdout.readline() == b"up\n"
    client.kill()
    client.wait(PATIENCE)
    assert told(ended) == "end\n"


def test_interactive_terminal_needs_one(log: Path) -> None:
    client = attached("it", log, "true")
    assert client.communicate(timeout=PATIENCE)[1] == b"the input device is not a TTY\n"
    assert client.returncode == 1
    assert not log.exists()


def test_terminal_is_real_and_follows_ours(log: Path) -> None:
    """stty inside sees our size at once, and again after a change."""
    script = "stty size; trap 'stty size; exit 0' WINCH; echo up; while :; do sleep 0.02; done"
    person = Typist("itp", log, "sh", "-c", script, window=(33, 101))
    assert person.expect(b"up\r\n") == b"33 101\r\nup\r\n"
    termios.tcsetwinsize(person.fd, (44, 55))
    person.expect(b"44 55")
    assert person.wait() == 0


def test_keys_reach_the_program_and_the_terminal_comes_back(log: Path) -> None:
    """Ctrl-C is the inner terminal's to interpret; our modes are restored."""
    person = Typist("itp", log, "sh", "-c", "trap 'echo caught; exit 9' INT; echo up; while :; do sleep 0.02; done")
    before = person.modes()
    person.expect(b"up")
    assert person.modes() != before
    person.type(b"\x03")
    person.expect(b"caught")
    assert person.wait() == 9
    assert person.modes() == before


def test_detach_keys_leave_the_program_running(log: Path, tmp_path: Path) -> None:
    """What was typed before them still arrives; a half of them alone is typed text."""
    ended = tmp_path / "ended"
    os.mkfifo(ended)
    script = f"stty -echo raw; echo up; head -c 4 | od -An -c > {ended}"
    person = Typist("itp", log, "sh", "-c", script)
    before = person.modes()
    person.expect(b"up")
    person.type(b"a\x10bc\x10\x11")
    assert person.wait() == 0
    assert person.modes() == before
    assert told(ended).split() == ["a", "020", "b", "c"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_signal_that_ends_the_client_restores_the_terminal_first(log: Path, number: int) -> None:
    person = Typist("it", log, "sh", "-c", "echo up; cat")
    before = person.modes()
    person.expect(b"up")
    os.kill(person.pid, number)
    assert person.wait() == -number
    assert person.modes() == before


def test_program_may_close_its_terminal_and_open_it_again(log: Path) -> None:
    """As system managers do with /dev/console."""
    script = "T=$(tty); exec <&- >&- 2>&-; sleep 0.1; exec <$T >$T 2>&1; echo back; exit 4"
    person = Typist("itp", log, "sh", "-c", script)
    person.expect(b"back")
    assert person.wait() == 4


def test_caller_stopped_by_its_own_reader_is_still_interrupted(log: Path) -> None:
    """The program has ended, our reader reads nothing: ctrl-c must end us."""
    client = attached("p", log, "sh", "-c", "seq 20000; echo done >&2")
    assert client.stderr
    assert client.stderr.readline() == b"done\n"
    for pid in children(client.pid):
        assert select.select([os.pidfd_open(int(pid))], [], [], PATIENCE)[0]
    client.send_signal(signal.SIGINT)
    assert client.wait(PATIENCE) == -signal.SIGINT
