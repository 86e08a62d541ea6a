"""`make run`: a cluster on this host that ends with its guest, or with the command."""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time
import urllib.request

from case import SystemTest
from machine import TOP, settings


class RunTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.skip_unless_orrery()
        self.screen = b""
        self.terminal, inside = pty.openpty()
        self.addCleanup(os.close, self.terminal)
        # (Its state is in TMPDIR, and thereby known. --engine: after the defaults, which it replaces.)
        self.process = subprocess.Popen(
            ["tools/run", "--engine", settings.engine], cwd=TOP, stdin=inside, stdout=inside, stderr=inside,
            start_new_session=True, env={**os.environ, "TMPDIR": str(self.scratch)},
        )  # fmt: skip
        os.close(inside)
        self.addCleanup(self.end_by_force)

    def end_by_force(self):
        self.process.kill()
        self.process.wait()
        for process in self.processes():
            os.kill(process, signal.SIGKILL)

    def processes(self):
        """Whatever has to do with this run."""
        mark = os.fsencode(self.scratch)
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if mark in path.read_bytes():
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    def expect(self, pattern, timeout):
        deadline = time.monotonic() + timeout * settings.patience
        while not (match := re.search(pattern.encode(), self.screen)):
            left = max(0, deadline - time.monotonic())
            if not select.select([self.terminal], [], [], left)[0]:
                self.fail(f"no {pattern!r} in {self.screen.decode(errors='replace')}")
            self.screen += os.read(self.terminal, 65536)
        self.screen = self.screen[match.end() :]
        return match

    def start_guest(self):
        address = self.expect(r"(http://127\.0\.0\.1:\d+)/#token=(\S+)", 900)
        self.expect(r"orrery:/root# ", 240)
        return (each.decode() for each in address.groups())

    def expect_end(self, status):
        self.assertEqual(self.process.wait(timeout=120 * settings.patience), status, self.screen)
        self.assertEqual(self.processes(), [])
        self.assertEqual(list(self.scratch.iterdir()), [])

    def test_everything_ends_with_the_guest(self):
        address, token = self.start_guest()
        with urllib.request.urlopen(address) as page:
            self.assertIn("<title>Orrery</title>", page.read().decode())
        request = urllib.request.Request(f"{address}/v1/vms/guest", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request) as vm:
            self.assertIn('"disk0@127.0.0.1:', vm.read().decode())
        # The server of device models has the disk.
        os.write(self.terminal, b"mount /dev/vda /mnt && head -n 1 /mnt/README\r")
        self.expect("This is the scratch disk", 60)
        os.write(self.terminal, b"poweroff -f\r")
        self.expect("guest is stopped", 120)
        self.expect_end(0)

    def test_everything_ends_when_the_console_is_left(self):
        self.start_guest()
        os.write(self.terminal, b"\x01x")
        self.expect("the guest is ended", 120)
        self.expect_end(0)

    def test_everything_ends_with_the_command(self):
        self.start_guest()
        self.process.send_signal(signal.SIGTERM)
        self.expect_end(130)
