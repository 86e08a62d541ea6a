"""A running guest and its serial console: send, expect, and the transcript of it all."""
import ctypes
import fcntl
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios
import time

from machine import LOGS, Machine, settings

# Carriage returns, and the control sequences that shells and systemd send whoever listens.
CONTROL_SEQUENCE = re.compile(rb"\r|\x1b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")


PR_SET_PDEATHSIG = 1  # prctl(2)


def prepare_child() -> None:
    """Ties the child to its surroundings, before it becomes another program."""
    # A test run that is killed leaves no guests behind.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # As under a person's shell: the terminal is the session's, and the child in its foreground.
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class GuestError(AssertionError):
    """The guest did not do what a test waited for."""


class Guest:
    """A machine started as a child process. Use as a context manager: leaving it kills what still runs."""

    def __init__(self, machine: Machine | list[str], name: str, terminal: bool = False, cwd=None):
        self.command_line = machine.command() if isinstance(machine, Machine) else machine
        self.log = LOGS / f"{name}.log"
        LOGS.mkdir(parents=True, exist_ok=True)
        self.transcript = b""
        self._unread = b""  # what `expect` has not consumed yet, without control sequences
        self._sequence = 0
        self._console = None
        if terminal:
            self._input, child_side = pty.openpty()
            self._output = self._input
            self.terminal = child_side  # kept open, so that its settings can be read after the child's end
            streams = {"stdin": child_side, "stdout": child_side, "stderr": child_side}
        else:
            streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command_line, **streams, start_new_session=True, cwd=cwd, preexec_fn=prepare_child
        )
        if not terminal:
            self._input, self._output = self.process.stdin.fileno(), self.process.stdout.fileno()

    def use_console(self, console: socket.socket) -> None:
        """Where the guest's console is, when it is not the process's own streams; closed with the guest."""
        if self._console is not None:
            self._console.close()
        self._console = console
        self._input = self._output = console.fileno()

    def __enter__(self) -> "Guest":
        return self

    def __exit__(self, kind, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._drain()
        if self._console is not None:
            self._console.close()
        self.log.write_bytes(self.describe().encode())

    def describe(self) -> str:
        text = self.transcript.decode(errors="replace")
        return f"$ {' '.join(self.command_line)}\n{text}\n[exit status {self.process.poll()}]\n"

    def send(self, text: str) -> None:
        os.write(self._input, text.encode())

    def close_input(self) -> None:
        self.process.stdin.close()

    def expect(self, pattern: str, timeout: float) -> re.Match:
        """Waits until the output after the last match has `pattern`; the match's groups are bytes."""
        expression = re.compile(pattern.encode(), re.MULTILINE)
        deadline = time.monotonic() + timeout * settings.patience
        while True:
            self._unread = CONTROL_SEQUENCE.sub(b"", self._unread)
            if match := expression.search(self._unread):
                self._unread = self._unread[match.end() :]
                return match
            if not self._read(deadline):
                waited = time.monotonic() - self.started
                raise GuestError(f"no {pattern!r} after {waited:.1f} s (exit status {self.process.poll()})")

    def expect_silence(self, seconds: float) -> None:
        """Takes what was on its way, then sees that nothing comes for so long."""
        deadline = time.monotonic() + 30
        while select.select([self._output], [], [], seconds)[0]:
            if not self._read(deadline):
                raise GuestError("output where there should be none")

    def wait(self, timeout: float) -> int:
        """Waits for the end of the process and returns its exit status."""
        deadline = time.monotonic() + timeout * settings.patience
        while self._read(deadline):
            pass
        try:
            return self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise GuestError(f"still running after {time.monotonic() - self.started:.1f} s") from None

    def wait_for_shell(self, timeout: float = 240) -> None:
        self.expect(r"^(root@)?orrery:[^\n]*# ", timeout)

    def run(self, command: str, timeout: float = 60, status: int | None = 0) -> str:
        """Runs a command in the guest's shell and returns its output; fails on another exit status."""
        self._sequence += 1
        number = self._sequence
        # The quotes keep the marks from matching the terminal's echo of this very line.
        self.send(f"echo BEGIN''-{number}; {command}; echo END''-{number}-$?\n")
        match = self.expect(rf"BEGIN-{number}\n((?:.|\n)*?)END-{number}-(\d+)\n", timeout)
        output = match.group(1).decode(errors="replace").strip()
        actual = int(match.group(2))
        if status is not None and actual != status:
            raise GuestError(f"{command!r} ended with {actual}, not {status}:\n{output}")
        return output

    def power_off(self, timeout: float = 120) -> None:
        self.send("poweroff -f\n")
        if (status := self.wait(timeout)) != 0:
            raise GuestError(f"exit status {status} after a power-off, where 0 is promised")

    def _read(self, deadline: float) -> bool:
        """Reads what there is, or waits for more until the deadline; false at the end of the output or of the time."""
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        ready, _, _ = select.select([self._output], [], [], min(left, 0.5))
        if not ready:
            # A terminal gives no end of file while this side holds its other end.
            return self.process.poll() is None
        try:
            data = os.read(self._output, 65536)
        except OSError:
            return False
        self.transcript += data
        self._unread += data
        return bool(data)

    def _drain(self) -> None:
        while select.select([self._output], [], [], 0)[0] and self._read(time.monotonic() + 1):
            pass
