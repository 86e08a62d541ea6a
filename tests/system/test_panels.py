"""Several control panels on one etcd, which are one to agents and users: docs/orrery-panel.md."""
import pathlib
import subprocess
import unittest

from cluster import ClusterTest, Console
from machine import ORRERY, free_port

ETCD = pathlib.Path("/usr/bin/etcd")


def free_address():
    return f"127.0.0.1:{free_port()}"


@unittest.skipUnless(ETCD.exists(), "etcd is not installed: tools/setup test")
class PanelsTest(ClusterTest):
    """`self.panels` are two processes, `self.addresses` where they listen; `self.address` has both."""

    def setUp(self):
        self.etcd = self.addresses = None
        super().setUp()

    def start_panel(self):
        if not self.etcd:
            self.start_etcd()
            self.addresses = [free_address(), free_address()]
            self.panels = [self.start_one(0)]
            self.wait_for(lambda: (self.scratch / "panel/admin.token").exists())
            self.panels.append(self.start_one(1))
            self.panel = self.panels[0]
            self.address = ",".join(self.addresses)

    def start_etcd(self):
        self.etcd_address = free_address()
        client, peer = f"http://{self.etcd_address}", f"http://{free_address()}"
        self.etcd = subprocess.Popen(
            [ETCD, "--data-dir", self.scratch / "etcd", "--listen-client-urls", client, "--advertise-client-urls",
             client, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
             "--initial-cluster", f"default={peer}"],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.addCleanup(self.etcd.wait)
        self.addCleanup(self.etcd.kill)

    def start_one(self, number):
        folder = self.scratch / ("panel" if number == 0 else "panel2")
        while True:
            panel = subprocess.Popen(
                [ORRERY, "panel", folder, "--listen", self.addresses[number], "--etcd", self.etcd_address],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )  # fmt: skip
            if panel.stdout.readline().startswith("http://"):
                break
            # etcd takes a moment to elect itself.
            self.assertIn("etcd", panel.communicate()[1])
        self.addCleanup(self.close, panel)
        return panel

    @staticmethod
    def close(panel):
        panel.kill()
        panel.wait()
        panel.stdout.close()
        panel.stderr.close()

    def kill(self, process):
        process.kill()
        process.wait()

    def ask(self, number, *words, status=0):
        both, self.address = self.address, self.addresses[number]
        try:
            return self.orrery(*words, status=status)
        finally:
            self.address = both

    def console(self, name, number):
        return Console(self, ["vm", "console", name, "--panel", self.addresses[number], "--token-file",
                              str(self.scratch / "panel/admin.token")])  # fmt: skip

    def test_a_guest_is_used_through_either_panel_and_outlives_one(self):
        # The agent is connected to the first.
        self.create("a")
        self.assertIn("starting", self.ask(1, "vm", "start", "a") + self.ask(1, "vm", "show", "a"))
        self.wait_for_state("a", "running")
        process = self.process_of("a")
        for number in (1, 0):
            console = self.console("a", number)
            console.type("\n")
            console.expect("# ", 240)
            console.type(f"echo panel''-{number}\n")
            console.expect(f"panel-{number}", 60)
            console.end()
        self.ask(1, "vm", "pause", "a")
        self.wait_for_state("a", "paused")
        self.kill(self.panels[0])
        self.ask(1, "vm", "resume", "a")
        self.wait_for_state("a", "running")
        self.assertEqual(self.process_of("a"), process)
        console = self.console("a", 1)
        console.type("poweroff -f\n")
        self.wait_for_state("a", "stopped", 120)
        console.wait()
        # (The first has made the administrator; the other knows him.)
        self.assertFalse((self.scratch / "panel2/admin.token").exists())

    def refused(self, *words):
        result = subprocess.run([ORRERY, "panel", self.scratch / "p3", *words],
                                capture_output=True, text=True, timeout=60)  # fmt: skip
        self.assertNotEqual(result.returncode, 0)
        return result.stderr

    def test_a_panel_says_what_is_wrong_with_its_etcd(self):
        nobody = free_address()
        here = ["--listen", "127.0.0.1:0"]
        self.assertIn(f"--etcd: etcd: {nobody}", self.refused(*here, "--etcd", nobody))
        self.assertIn("without a scheme", self.refused(*here, "--etcd", f"http://{nobody}"))
        self.assertIn("--etcd", self.refused(*here, "--etcd-prefix", "mine/"))
        anywhere = ["--listen", "0.0.0.0:0", "--plain"]
        self.assertIn("--advertise", self.refused(*anywhere, "--etcd", self.etcd_address))
        # Another panel is no etcd.
        self.assertIn("answers with status", self.refused(*here, "--etcd", self.addresses[0]))
