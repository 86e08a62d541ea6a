"""A control panel and an agent, for tests of what they do together: docs/orrery-panel.md."""
import contextlib
import json
import os
import pathlib
import re
import select
import subprocess
import time

from case import SystemTest
from machine import GUESTS, ORRERY, settings


class ClusterTest(SystemTest):
    """Its panel has one platform, h1, which is ready."""

    def setUp(self):
        super().setUp()
        self.skip_unless_orrery()
        self.panel = self.agent = None
        self.device_servers = []
        self.address = "127.0.0.1:0"
        self.addCleanup(self.end_everything)
        self.start_panel()
        join = self.scratch / "join"
        join.write_text(self.orrery("platform", "token"))
        self.start_agent("--join-file", join)
        self.wait_for(self.is_ready)

    def end_everything(self):
        """VMs are nobody's children: whoever has a control socket is told to end."""
        for process in (self.panel, self.agent):
            if process:
                process.kill()
                process.wait()
                process.stdout.close()
        for control in (self.scratch / "host/vms").glob("*/control"):
            subprocess.run([ORRERY, "control", control, "quit"], capture_output=True)

    def start_panel(self):
        self.panel = subprocess.Popen(
            [ORRERY, "panel", self.scratch / "panel", "--listen", self.address], stdout=subprocess.PIPE, text=True
        )
        self.address = self.panel.stdout.readline().strip().removeprefix("http://").removesuffix("/v1")

    def start_agent(self, *words):
        self.agent = subprocess.Popen(
            [ORRERY, "host", self.scratch / "host", "--name", "h1", "--panel", self.address, *self.files(),
             "--label", "rack=p", *words],
            stdout=subprocess.PIPE,
        )  # fmt: skip

    def files(self):
        """The guests are links to where they were made."""
        folders = [GUESTS, self.scratch] + [(GUESTS / name).resolve().parent for name in ("vmlinux", "initramfs.cpio")]
        return [word for folder in folders for word in ("--files", folder)]

    def kill(self, process):
        process.kill()
        process.wait()
        process.stdout.close()

    def orrery(self, *words, status=0):
        result = subprocess.run(
            [ORRERY, *words, "--panel", self.address, "--token-file", self.scratch / "panel/admin.token"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout + result.stderr

    def is_ready(self):
        return [each["state"] for each in self.list("platform")] == ["ready"]

    def list(self, what):
        return json.loads(self.orrery(what, "list", "--json"))

    def show(self, name):
        return json.loads(self.orrery("vm", "show", name, "--json"))

    def wait_for(self, condition, timeout=60):
        deadline = time.monotonic() + timeout * settings.patience
        while not condition():
            self.assertLess(time.monotonic(), deadline, "what was waited for has not come")

    def wait_for_state(self, name, state, timeout=60):
        self.wait_for(lambda: self.show(name)["state"] == state, timeout)

    def create(self, name, *words):
        self.orrery("vm", "create", name, "--kernel", "vmlinux", "--initrd", "initramfs.cpio", "--engine",
                    settings.engine, "--append", "console=ttyS0 quiet panic=-1", "--memory", "256M", *words)  # fmt: skip

    def make_certificates(self):
        """vm.pem for virtual machines, server.pem for device servers."""

        def certificate(*words):
            subprocess.run([ORRERY, "certificate", *words], check=True, capture_output=True, cwd=self.scratch)

        certificate("authority", "a.pem")
        certificate("create", "server.pem", "--authority", "a.pem", "--name", "s", "--address", "127.0.0.1")
        certificate("create", "vm.pem", "--authority", "a.pem", "--name", "far")

    def start_device_server(self, *devices, more=()):
        """Returns its address."""
        server = subprocess.Popen(
            [ORRERY, "device-server", "--listen", "127.0.0.1:0", "--certificate", self.scratch / "server.pem",
             *(word for device in devices for word in ("--device", device)), *more],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.device_servers.append(server)
        self.addCleanup(self.kill, server)
        return server.stdout.readline().split()[-1]

    def start_two_device_servers(self):
        """Both have the same disk0, and open it on use."""
        self.make_certificates()
        disk = f"disk0=disk:{self.empty_disk(64 << 20)},format=raw"
        return [self.start_device_server(disk, more=["--open", "use"]) for _ in range(2)]

    def process_of(self, name):
        """The process that tells there how it has ended."""
        wanted = os.fsencode(self.scratch / "host/vms" / name / "end.json")
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if wanted in path.read_bytes().split(b"\0"):
                    return int(path.parent.name)
        return None


class Console:
    """`orrery vm console`."""

    def __init__(self, test, words):
        self.process = subprocess.Popen([ORRERY, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.seen = b""
        self.test = test
        test.addCleanup(self.end)

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def read(self):
        data = os.read(self.process.stdout.fileno(), 65536)
        self.seen += data
        return bool(data)

    def find(self, pattern, timeout):
        """None: it has not come in time, or cannot come any more."""
        deadline = time.monotonic() + timeout * settings.patience
        while not (match := re.search(pattern.encode(), self.seen)):
            if not select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))[0] or not self.read():
                return None
        self.seen = self.seen[match.end() :]
        return match

    def expect(self, pattern, timeout):
        match = self.find(pattern, timeout)
        if not match:
            self.test.fail(f"no {pattern!r} in {self.seen!r}")
        return match

    def wait(self):
        while self.read():
            pass
        self.test.assertEqual(self.process.wait(timeout=30), 0)

    def end(self):
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
