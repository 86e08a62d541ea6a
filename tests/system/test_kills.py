"""Whoever is killed, in whatever order: no virtual machine runs twice or is lost, and a guest's remote disk has what it
was told is there. ORRERY_KILLS is how many are killed, for long runs; ORRERY_KILLS_SEED repeats a run's choices."""
import contextlib
import os
import random
import re
import signal
import subprocess
import time

from cluster import ClusterTest, Console
from machine import ORRERY, free_port, settings

# Counts on the disk, beginning with what is there: each number is durable, and read back, before it is told.
COUNT = (
    "n=$(dd if=/dev/vda bs=512 count=1 2>/dev/null | tr -d '\\0'); n=${n:-0}; echo BEGINS''-AT-$n; "
    "while :; do n=$((n+1)); printf %-512s $n >/tmp/a; "
    "dd if=/tmp/a of=/dev/vda bs=512 conv=fsync 2>/dev/null && "
    "echo 1 >/proc/sys/vm/drop_caches && dd if=/dev/vda of=/tmp/b bs=512 count=1 2>/dev/null && "
    "cmp /tmp/a /tmp/b && echo COUNTED''-$n; done\n"
)


class KillsTest(ClusterTest):
    def setUp(self):
        self.server = None
        super().setUp()
        disk = self.empty_disk(1 << 20)
        authority = self.scratch / "authority.pem"
        self.certificate("authority", authority)
        self.certificate("create", self.scratch / "server.pem", "--authority", authority, "--name", "server",
                         "--address", "127.0.0.1")
        self.certificate("create", self.scratch / "vm.pem", "--authority", authority, "--name", "vm")
        self.server_command = [ORRERY, "device-server", "--listen", f"127.0.0.1:{free_port()}", "--certificate",
                               self.scratch / "server.pem", "--device", f"disk0=disk:{disk},format=raw"]
        self.start_server()

    def certificate(self, *words):
        subprocess.run([ORRERY, "certificate", *words], check=True)

    def start_server(self):
        self.server = subprocess.Popen(self.server_command, stdout=subprocess.PIPE, text=True)
        self.assertEqual(self.server.stdout.readline().strip(), self.server_command[3])

    def start_agent(self, *words):
        super().start_agent("--files", self.scratch, *words)

    def end_everything(self):
        super().end_everything()
        if self.server:
            self.kill(self.server)

    def kill_and_start(self, victim):
        if victim == "vmm":
            os.kill(self.process_of("a"), signal.SIGKILL)
            return
        self.kill(getattr(self, victim))
        if self.random.random() < 0.5:
            time.sleep(self.random.random() / 2)
        getattr(self, f"start_{victim}")()

    def connect(self, wanted):
        """A console in which WANTED is seen. (An agent that has just come may not have found the guest yet.)"""
        deadline = time.monotonic() + 300 * settings.patience
        while True:
            self.assertLess(time.monotonic(), deadline, f"the guest does not say {wanted!r}")
            console = Console(self, ["vm", "console", "a", "--panel", self.address, "--token-file",
                                     str(self.scratch / "panel/admin.token")])  # fmt: skip
            with contextlib.suppress(BrokenPipeError):
                console.type("\n")
                if console.find(wanted, 20):
                    return console
            console.end()

    def begin_counting(self, last):
        console = self.connect("# ")
        console.type(COUNT)
        begins = int(console.expect(r"BEGINS-AT-(\d+)\s", 120).group(1))
        self.assertIn(begins, (last, last + 1), "the disk has lost what was told to be on it")
        return console

    def count(self, console, last):
        """What is counted next is the next number, or the consoles of those that were killed have told it."""
        number = int(console.expect(r"COUNTED-(\d+)\s", 240).group(1))
        self.assertGreaterEqual(number, last)
        return number

    def test_nothing_is_lost(self):
        seed = int(os.environ.get("ORRERY_KILLS_SEED", random.randrange(1 << 32)))
        kills = int(os.environ.get("ORRERY_KILLS", 200 if settings.long else 8))
        self.random = random.Random(seed)
        self.create("a", "--device", f"disk0@{self.server_command[3]}", "--certificate", str(self.scratch / "vm.pem"))
        self.orrery("vm", "start", "a")
        self.wait_for_state("a", "running")
        console, last = self.begin_counting(0), 0
        for number in range(kills):
            victim = "vmm" if number % 8 == 7 else self.random.choice(["server", "agent", "panel"])
            try:
                last = self.count(console, last)
                console = self.kill_and_find_again(victim, console, last)
            except BaseException:
                print(f"ORRERY_KILLS_SEED={seed}, at kill {number}, of the {victim}")
                raise
        self.orrery("vm", "stop", "a", "--force")
        self.wait_for_state("a", "stopped")

    def kill_and_find_again(self, victim, console, last):
        process, epoch = self.process_of("a"), self.show("a")["epoch"]
        self.kill_and_start(victim)
        console.end()
        if victim != "vmm":
            self.assertEqual(self.process_of("a"), process)
            return self.connect(r"COUNTED-\d+\s")
        last = self.last_told(last)
        self.wait_for_state("a", "failed")
        self.wait_for(lambda: self.start_again(epoch))
        return self.begin_counting(last)

    def start_again(self, epoch):
        """The disk's server may have to finish what the process before has asked for: then a start fails, and says so."""
        vm = self.show("a")
        if vm["state"] == "failed":
            self.orrery("vm", "start", "a")
        return vm["epoch"] > epoch and vm["state"] == "running"

    def last_told(self, last):
        """By a guest that is gone: its log has what no console has shown."""
        log = (self.scratch / "host/vms/a/console.log").read_text(errors="replace")
        return max([last, *map(int, re.findall(r"COUNTED-(\d+)\r?\n", log))])
