"""Terminals: -it as a person has it, driven through a real pseudo-terminal."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from lab import BUSYBOX, PYRUN, TYPED, Host, wait_until


class Terminal:
    """A terminal with pyrun, or another program, in it."""

    def __init__(self, host: Host, *arguments: str, command: "list[str] | None" = None) -> None:
        self.master, peer = os.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        self.before = termios.tcgetattr(peer)
        self.peer = peer
        line = [
            "setsid",
            "--ctty",
            *(command or PYRUN),
            *arguments,
        ]  # it is the caller's own terminal, not only an open file
        self.client = host.start(line, stdin=peer, stdout=peer, stderr=peer)
        self.screen = b""

    def type(self, text: bytes) -> None:
        os.write(self.master, text)

    def expect(self, text: bytes, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            if select.select([self.master], [], [], 0.1)[0]:
                self.screen += os.read(self.master, 4096)

    def end(self) -> int:
        code = self.client.wait(timeout=20)
        assert termios.tcgetattr(self.peer) == self.before
        os.close(self.master)
        os.close(self.peer)
        return code


def test_shell_with_terminal(host: Host) -> None:
    terminal = Terminal(host, "run", "-it", "--rm", BUSYBOX, "sh")
    terminal.type(b"tty; stty size; echo $TERM; ls -l /dev/console | cut -c1\r")
    terminal.expect(b"/dev/pts/0\r\n33 77\r\nxterm\r\nc\r\n")
    terminal.type(b"exit 5\r")
    assert terminal.end() == 5


def test_window_size_follows(host: Host) -> None:
    terminal = Terminal(
        host, "run", "-it", "--rm", BUSYBOX, "sh", "-c", "trap 'stty size' WINCH; echo up; while :; do sleep 0.1; done"
    )
    terminal.expect(b"up\r\n")
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 11, 22, 0, 0))
    terminal.client.send_signal(signal.SIGWINCH)
    terminal.expect(b"11 22\r\n")
    terminal.client.send_signal(signal.SIGKILL)
    terminal.client.wait()
    for identity in host.ok("ps", "-q").split():
        host.ok("rm", "-f", identity)


def test_what_a_program_drew_is_drawn_again_for_who_attaches(host: Host) -> None:
    """Its window is of the same size as before; as Docker does, it has another one for a moment."""
    script = "trap 'echo drawn; stty size' WINCH; echo up; while :; do sleep 0.05; done"
    first = Terminal(host, "run", "-it", "--name", "drawing", BUSYBOX, "sh", "-c", script)
    first.expect(b"up\r\n")
    first.type(b"\x10\x11")
    assert first.end() == 0
    second = Terminal(host, "attach", "drawing")
    second.expect(b"drawn\r\n33 77\r\n")
    host.ok("rm", "-f", "drawing")
    assert second.end() == 137


def test_a_program_that_ignores_ctrl_c_is_told_of(host: Host) -> None:
    """It gets each of them, being process 1; who presses the keys for the third time learns how to end it."""
    terminal = Terminal(host, "run", "--name", "deaf", BUSYBOX, "sleep", "600")
    terminal.before[3] |= termios.NOFLSH  # else a ctrl-c throws away what was written and not read yet
    termios.tcsetattr(terminal.peer, termios.TCSANOW, terminal.before)
    wait_until(lambda: host.pyrun("exec", "deaf", "cat", "/proc/1/comm").stdout == b"sleep\n")
    said = b"pyrun: the program goes on after ctrl-c (pyrun stop, or pyrun kill, from another terminal ends it)\r\n"
    while said not in terminal.screen:  # two that come at once are one
        terminal.type(b"\x03")
        terminal.expect(b"^C")
        terminal.screen = terminal.screen.replace(b"^C", b"")
    assert terminal.screen.count(said) == 1
    host.ok("rm", "-f", "deaf")
    assert terminal.end() == 137


def test_job_control_and_interrupt(host: Host) -> None:
    terminal = Terminal(host, "run", "-it", "--rm", BUSYBOX, "sh")
    terminal.expect(b"# ")
    terminal.type(b"sleep 1000\r")
    terminal.expect(b"sleep 1000\r\n")
    inside = "--ns $(ip netns pids $(ip netns list | grep -o '^pyrun-[^ ]*') | head -n 1) --nslist net"
    wait_until(lambda: host.shell(f"pgrep -x {inside} sleep").returncode == 0)
    terminal.type(b"\x1a")
    terminal.expect(b"Stopped")
    terminal.type(b"fg\r")
    wait_until(lambda: host.shell(f"pgrep -x -r S {inside} sleep").returncode == 0)  # no longer stopped
    terminal.type(b"\x03")
    terminal.type(b"echo after-$?\r")
    terminal.expect(b"after-130")
    terminal.type(b"exit 3\r")
    assert terminal.end() == 3


def test_detach_keys_leave_it_running(host: Host) -> None:
    terminal = Terminal(host, "run", "-it", "--name", "kept", BUSYBOX, "sh")
    terminal.expect(b"# ")
    terminal.type(b"echo here\r")
    terminal.expect(b"here\r\n")
    terminal.type(b"\x10\x11")
    assert terminal.end() == 0
    assert "kept" in host.ok("ps")
    host.ok("rm", "-f", "kept")


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_detach_keys_may_be_others(host: Host, verb: str) -> None:
    """The usual ones are typed text then."""
    words = ["run", "-it", "--name", "kept", "--detach-keys", "ctrl-a,x", BUSYBOX]
    if verb == "exec":
        host.ok("run", "-d", "--name", "kept", BUSYBOX, "sleep", "60")
        words = ["exec", "-it", "--detach-keys", "ctrl-a,x", "kept"]
    terminal = Terminal(host, *words, "sh", "-c", "stty -echo raw; echo up; head -c 2 | od -An -c; exec sleep 60")
    terminal.expect(b"up")
    terminal.type(b"\x10\x11")
    terminal.expect(b"020 021")
    terminal.type(b"\x01x")
    assert terminal.end() == 0
    assert "kept" in host.ok("ps")
    host.ok("rm", "-f", "kept")


def test_exec_with_terminal(host: Host) -> None:
    host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "60")
    terminal = Terminal(host, "exec", "-it", "box", "sh")
    terminal.type(b"tty; stty size; exit 4\r")
    terminal.expect(b"/dev/pts/0\r\n33 77\r\n")
    assert terminal.end() == 4


@pytest.mark.parametrize("verb", [["run", "--rm"], ["exec"]])
def test_terminal_is_refused_without_one(host: Host, verb: list[str]) -> None:
    target = BUSYBOX
    if verb == ["exec"]:
        host.ok("run", "-d", "--name", "box", BUSYBOX, "sleep", "60")
        target = "box"
    done = host.pyrun(*verb, "-it", target, "sh")
    assert (done.returncode, done.stderr) == (1, b"pyrun: the input device is not a TTY\n")


# Types a letter into every terminal that it finds, in both spellings of the request (CVE-2019-10063).
_TYPIST = """
import ctypes, os
libc, typed = ctypes.CDLL(None), []
for name in ("/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "/dev/tty", "/dev/console"):
    for request in (0x5412, 0x100005412):
        try: typed.append(libc.syscall(16, os.open(name, os.O_RDONLY | os.O_NOCTTY), ctypes.c_long(request), b"x"))
        except OSError: typed.append(None)
print("typed", typed.count(0), flush=True)
"""


@pytest.mark.parametrize("power", [[], ["--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"]])
@pytest.mark.parametrize("options", [["-i"], ["-it"]])
def test_a_program_cannot_type_into_the_callers_terminal(host: Host, options: list[str], power: list[str]) -> None:
    """T-A6: with all power over terminals it reaches its own at most; no key waits at the caller's."""
    python = [os.path.realpath("/usr/bin/python3"), "-I", "-S", "-c", _TYPIST]
    terminal = Terminal(host, "run", "--rm", *options, *power, "@host", *python)
    terminal.expect(b"typed ")
    terminal.expect(b"\n")
    own = b"typed 0" if not power or "-it" not in options else b"typed "
    assert own in terminal.screen, terminal.screen
    assert terminal.client.wait(20) == 0
    waiting = fcntl.ioctl(terminal.peer, termios.FIONREAD, bytes(4))
    assert int.from_bytes(waiting, "little") == 0
    terminal.end()


def test_a_terminal_that_is_hung_up_ends_the_client(host: Host) -> None:
    """With the code of an output that fails, though its complaint cannot be written either."""
    terminal = Terminal(host, "run", "-it", "--name", "talker", BUSYBOX, "sh", "-c", "while echo talk; do :; done")
    terminal.expect(b"talk\r\n")
    os.close(terminal.master)
    assert terminal.client.wait(timeout=20) == 1
    os.close(terminal.peer)
    host.ok("rm", "-f", "talker")


def test_complaints_that_cannot_be_written_change_no_exit_code(host: Host) -> None:
    for line in ("run --memory 1 x", "run -d /nowhere", "rnu"):
        assert host.shell(f"{TYPED} {line} 2>/dev/full").returncode == 125, line
    assert host.shell(f"{TYPED} kill nobody 2>/dev/full").returncode == 1


def test_output_only_terminal(host: Host) -> None:
    done = host.pyrun("run", "-t", "--rm", BUSYBOX, "sh", "-c", "test -t 1 && echo yes")
    assert (done.returncode, done.stdout) == (0, b"yes\r\n")


def test_closed_standard_descriptors(host: Host) -> None:
    """T-P7: whichever of 0, 1 and 2 the caller has closed, the program's are never somebody else's file."""
    for closing in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"):
        command = [
            "bash",
            "-c",
            f'exec "$@" {closing}',
            "bash",
            *PYRUN,
            "run",
            "--rm",
            "-i",
            BUSYBOX,
            "sh",
            "-c",
            "exit 6",
        ]
        assert host.run(command).returncode == 6, closing


def test_inherited_descriptors_do_not_reach_the_program(host: Host) -> None:
    """T-P6: of what the caller has open, only 0, 1 and 2 exist inside."""
    holder = [os.open("/", os.O_RDONLY) for _ in range(3)]
    try:
        command = [*PYRUN, "run", "--rm", BUSYBOX, "sh", "-c", "ls /proc/1/fd; true"]
        client = host.start(command, stdout=subprocess.PIPE, pass_fds=holder)
        assert client.communicate()[0] == b"0\n1\n2\n"
    finally:
        for fd in holder:
            os.close(fd)


def test_started_in_the_background_and_brought_to_the_front(host: Host) -> None:
    """A shell with job control: SIGTTOU stops us where we set the terminal, SIGCONT interrupts that very call."""
    shell = ["setsid", "--ctty", "--wait", "bash", "--norc", "--noediting", "-i"]
    terminal = Terminal(host, command=shell)
    script = "read line; echo got $line; exit 7"
    terminal.type(f"{TYPED} run -it --rm --name ground {BUSYBOX} sh -c '{script}' &\r".encode())
    stopped = "ps -o stat= -p $(pgrep -d, -f --ns $$ --nslist net '[p]yrun.*name ground') | grep T"
    wait_until(lambda: host.shell(stopped).returncode == 0)
    terminal.type(b"fg\r")
    wait_until(lambda: host.shell(stopped).returncode != 0)
    terminal.type(b"line\r")
    terminal.expect(b"got line\r\nbash-")  # and the prompt: what is typed before it, is typed into the container
    terminal.type(b"echo code $?; stty -a\r")
    terminal.expect(b"code 7\r\n")
    terminal.expect(b" icanon ")
    terminal.type(b"exit\r")
    terminal.client.wait(timeout=20)
