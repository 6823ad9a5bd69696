"""The monitor's side of stdio, over real pipes, a real terminal and real programs."""

import fcntl
import os
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyrun.kernel import terminal
from pyrun.runtime import channel, logs
from pyrun.runtime.channel import DETACH, RESIZE, SIGNAL, Channel
from pyrun.runtime.descriptors import make_mark
from pyrun.runtime.logwriter import LogWriter
from pyrun.runtime.relay import EXITED, QUIET, Relay, Source

NOBODY = (-1, -1, -1)
PAST = 0.0  # a deadline that has passed


class Running:
    """A program under a relay, and the client's ends of what is attached to it."""

    def __init__(self, log: Path, *args: str, stdin: bool = False, tty: bool = False) -> None:
        self.log = str(log)
        self.master = -1
        if tty:
            self.master, peer = terminal.open_pty("/")
            command = ["setsid", "--ctty", *args]
            self.program = subprocess.Popen(command, stdin=peer, stdout=peer, stderr=peer)
            os.close(peer)
            stdio = (os.dup(self.master) if stdin else -1, self.master, -1)
        else:
            pipe = subprocess.PIPE
            source = pipe if stdin else subprocess.DEVNULL
            self.program = subprocess.Popen(args, stdin=source, stdout=pipe, stderr=pipe)
            stdio = tuple(os.dup(f.fileno()) if f else -1 for f in self.files())  # type: ignore[assignment]
            for file in self.files():
                if file:
                    file.close()
        self.relay = Relay(stdio, self.master, os.pidfd_open(self.program.pid), LogWriter(self.log))
        self.stdin = self.stdout = self.stderr = -1

    def files(self) -> tuple:  # type: ignore[type-arg]
        return self.program.stdin, self.program.stdout, self.program.stderr

    def attach(self) -> Channel:
        ours, theirs = channel.pair()
        stdin, self.stdin = os.pipe()
        self.stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        self.relay.attach(theirs, (stdin, stdout, stderr))
        self.client = ours
        return ours

    def logged(self) -> bytes:
        return b"".join(content for _, content in logs.read(self.log, False, lambda: False))

    def wait(self) -> int:
        return self.program.wait(30)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "container.log"


@pytest.fixture(autouse=True)
def limit() -> Iterator[None]:
    """End a test that hangs."""
    signal.alarm(60)
    yield
    signal.alarm(0)


def test_everything_written_before_the_end_is_logged(log: Path) -> None:
    running = Running(log, "sh", "-c", "seq 50000; seq 3 >&2; printf tail")
    assert running.relay.run(None) == EXITED
    assert running.logged().count(b"\n") == 50003
    assert running.logged().endswith(b"tail")
    assert running.wait() == 0


def test_pipe_held_open_by_somebody_else_does_not_hold_the_end_up(log: Path, tmp_path: Path) -> None:
    """A process outside was handed the pipe, and goes on writing to it as fast as it can."""
    pid_file = tmp_path / "pid"
    running = Running(log, "sh", "-c", f"setsid yes & echo $! > {pid_file}; echo done >&2")
    running.relay.__class__ = Behind
    running.wait()
    assert running.relay.run(None) == EXITED
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert b"done\n" in running.logged()


class Behind(Relay):
    """A relay that is slower than who writes: it finds something whenever it reads."""

    __slots__ = ()

    def _read(self, source: Source) -> int:
        select.select([source.fd], [], [], 30)
        return super()._read(source)


def test_quiet_after_the_deadline_only_without_a_client(log: Path) -> None:
    """With a client attached the deadline has no effect, once it is gone it has."""
    running = Running(log, "sh", "-c", "printf prompt; exec sleep 1000")
    client = running.attach()
    select.select([running.stdout], [], [], 0)
    client.send(DETACH)
    assert running.relay.run(PAST) == QUIET
    assert running.relay.clients == []
    assert running.relay.run(time.monotonic()) == QUIET
    running.program.kill()
    assert running.relay.run(PAST - 1 if running.relay.clients else None) == EXITED


def test_quiet_leaves_no_byte_in_memory(log: Path) -> None:
    """The part of a line that was read is logged before another process takes over."""
    running = Running(log, "sh", "-c", "printf prompt; echo >&2; exec sleep 1000")
    select.select([running.relay.sources[1].fd], [], [], 30)
    assert running.relay.run(time.monotonic() + 0.2) == QUIET
    assert running.logged().replace(b"\n", b"") == b"prompt"
    running.program.kill()
    running.wait()


def test_lean_process_takes_over_and_hands_on(log: Path) -> None:
    """It logs until the program ends, then executes its successor, with the imports of a bare interpreter."""
    running = Running(log, "sh", "-c", "read x; echo got $x", stdin=True)
    relay = running.relay
    fds = [relay.given.target, relay.sources[0].fd, relay.sources[1].fd, -1, relay.pidfd]
    code = (
        "import sys; sys.path[:] = sys.argv[1].split(':'); from pyrun.runtime.relay import main\n"
        "assert not {'os', 're', 'enum', 'json', 'typing', 'socket', '_socket'} & set(sys.modules), sys.modules\n"
        "main(sys.argv[2:])"
    )
    root = ":".join([str(Path(__file__).parent.parent.parent), *sys.path])
    lean = subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-S",
            "-c",
            code,
            root,
            running.log,
            *map(str, fds),
            "-1",
            "-1",
            "nowhere",
            "once",
            "/bin/echo",
            "successor",
        ],
        pass_fds=[fd for fd in fds if fd >= 0],
        stdout=subprocess.PIPE,
    )
    os.write(relay.given.target, b"word\n")
    out, _ = lean.communicate(timeout=30)
    assert (lean.returncode, out) == (0, b"successor\n")
    assert running.logged() == b"got word\n"


def test_stopped_client_holds_up_the_program_but_not_its_end(log: Path) -> None:
    """Nobody reads the client's pipes; all that was written is in them afterwards, and in the log."""
    running = Running(log, "sh", "-c", "seq 20000; seq 9 >&2")
    running.attach()
    fcntl.fcntl(running.stdout, fcntl.F_SETPIPE_SZ, 4096)  # takes a part of what is written, whenever it takes any
    assert running.relay.run(None) == EXITED
    running.relay.detach_output()
    expected = subprocess.check_output(["seq", "20000"])
    assert _all(running.stdout) == expected
    assert _all(running.stderr) == subprocess.check_output(["seq", "9"])
    assert len(running.logged()) == len(expected) + 18


def _all(fd: int) -> bytes:
    with open(fd, "rb") as file:
        return file.read()


def test_control_is_heard_while_the_client_reads_nothing(log: Path) -> None:
    """`yes` is blocked by backpressure with bounded memory; the signal still arrives."""
    running = Running(log, "yes")
    client = running.attach()
    pid = os.fork()
    if pid == 0:
        while _unread(running.stdout) < 65536:
            time.sleep(0.01)
        client.send(SIGNAL, bytes([signal.SIGTERM]))
        os._exit(0)
    assert running.relay.run(None) == EXITED
    os.waitpid(pid, 0)
    assert running.wait() == -signal.SIGTERM
    assert len(running.relay.clients[0].stdout.buffer) <= 4 * 65536


def _unread(fd: int) -> int:
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


def test_client_that_vanishes_lets_the_program_go_on(log: Path) -> None:
    running = Running(log, "seq", "100000")
    client = running.attach()
    client.close()
    for fd in (running.stdin, running.stdout, running.stderr):
        os.close(fd)
    assert running.relay.run(None) == EXITED
    assert running.relay.clients == []
    assert running.logged() == subprocess.check_output(["seq", "100000"])


def test_client_that_only_closes_its_output_lets_the_program_go_on(log: Path) -> None:
    running = Running(log, "seq", "100000")
    running.attach()
    os.close(running.stdout)
    assert running.relay.run(None) == EXITED
    assert running.logged() == subprocess.check_output(["seq", "100000"])


def test_input_written_before_the_client_left_still_arrives_and_then_ends(log: Path) -> None:
    running = Running(log, "cat", stdin=True)
    client = running.attach()
    os.write(running.stdin, b"last words\n")
    client.close()
    assert running.relay.run(None) == EXITED
    assert running.logged() == b"last words\n"


def test_input_stays_open_where_no_client_ever_was(log: Path) -> None:
    """`-d -i`: the program waits for input, it does not see its end."""
    running = Running(log, "cat", stdin=True)
    assert running.relay.run(time.monotonic()) == QUIET
    assert select.select([running.relay.pidfd], [], [], 0.1)[0] == []
    os.close(running.relay.given.target)
    running.relay.given.target = -1
    assert running.relay.run(None) == EXITED


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (SIGNAL, b""),
        (SIGNAL, b"\xff"),
        (SIGNAL, b"\x0f\x0f"),
        (RESIZE, b""),
        (RESIZE, b"x" * 60000),
        (b"?", b"junk"),
        (b"x", b""),
    ],
)
@pytest.mark.parametrize("tty", [False, True])
def test_message_that_makes_no_sense_changes_nothing(log: Path, kind: bytes, content: bytes, tty: bool) -> None:
    running = Running(log, "sh", "-c", "sleep 0.05; stty size 2>/dev/null; echo alive", tty=tty)
    client = running.attach()
    client.send(kind, content)
    assert running.relay.run(None) == EXITED
    assert running.logged().split() == ([b"0", b"0", b"alive"] if tty else [b"alive"])


def test_window_size_is_there_before_the_program_starts(log: Path) -> None:
    running = Running(log, "sh", "-c", "read x; stty size", stdin=True, tty=True)
    ours, theirs = channel.pair()
    ours.send(RESIZE, (40).to_bytes(2, "little") + (132).to_bytes(2, "little") + bytes(4))
    running.relay.attach(theirs, NOBODY)
    assert termios.tcgetwinsize(running.master) == (40, 132)
    os.write(running.master, b"\n")
    assert running.relay.run(None) == EXITED
    assert running.logged().endswith(b"40 132\r\n")


def test_terminal_closed_by_its_last_user_and_opened_again_works(log: Path) -> None:
    script = "T=$(tty); exec <&- >&- 2>&-; sleep 0.1; exec <$T >$T 2>&1; echo back"
    running = Running(log, "sh", "-c", script, tty=True)
    assert running.relay.run(None) == EXITED
    assert running.logged() == b"back\r\n"


def test_last_output_on_a_terminal_is_kept(log: Path) -> None:
    """Nothing was read while it wrote: the terminal gives it a page at a time."""
    running = Running(log, "sh", "-c", "stty -opost; seq 2500", tty=True)
    running.wait()
    assert running.relay.run(None) == EXITED
    assert running.logged() == subprocess.check_output(["seq", "2500"])


def test_terminal_comes_from_a_devpts_only(tmp_path: Path) -> None:
    """Another device in its place is refused, and not kept open."""
    (tmp_path / "dev/pts").mkdir(parents=True)
    os.mknod(tmp_path / "dev/pts/ptmx", 0o20666, os.makedev(1, 3))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(Exception, match="not the multiplexer of a devpts"):
        terminal.open_pty(str(tmp_path))
    assert os.listdir("/proc/self/fd") == before


def test_relay_sleeps_after_the_deadline_while_it_must_stay(log: Path) -> None:
    """Input that the program does not take keeps it from being quiet; the wait has no time limit then."""
    running = Running(log, "sleep", "1000", stdin=True)
    running.attach().send(DETACH)
    running.relay.given.buffer = bytes(100000)
    pid = os.fork()
    if pid == 0:
        running.relay.run(PAST)
        os._exit(0)
    while "sleeping" not in Path(f"/proc/{pid}/status").read_text() or _unread(running.relay.given.target) < 65536:
        time.sleep(0.01)
    timeouts = subprocess.run(
        ["timeout", "0.5", "strace", "-qq", "-e", "trace=poll,ppoll", "-o", f"{log}.trace", "-p", str(pid)], check=False
    )
    running.program.kill()
    os.waitpid(pid, 0)
    assert timeouts.returncode == 124
    assert Path(f"{log}.trace").read_text().count("poll(") <= 1


def test_a_mark_without_a_place_is_given_up(tmp_path: Path) -> None:
    """Somebody has removed all of /run/pyrun: the monitor goes on, instead of trying for ever."""
    make_mark(f"{tmp_path}/gone/below/mark")
    make_mark(f"{tmp_path}/below/mark")
    make_mark(f"{tmp_path}/below/mark")
    assert [path.name for path in tmp_path.iterdir()] == ["below"]
    assert (tmp_path / "below" / "mark").read_bytes() == b""
