"""A control panel, an agent and guests: docs/orrery-panel.md."""
import json
import os
import re
import select
import signal
import subprocess
import time

from cluster import ClusterTest, Console
from machine import ORRERY, settings


class PanelTest(ClusterTest):
    def console(self, name):
        return Console(self, ["vm", "console", name, "--panel", self.address, "--token-file",
                              str(self.scratch / "panel/admin.token")])  # fmt: skip

    def boot(self, name):
        """Starts it; its console, at a shell."""
        self.orrery("vm", "start", name)
        self.wait_for_state(name, "running")
        console = self.console(name)
        console.type("\n")
        console.expect("# ", 240)
        return console

    def test_a_guest_is_made_used_and_stopped(self):
        self.create("a", "--guest", "busybox", "--label", "rack=p")
        console = self.boot("a")
        console.type("echo $((6*7))\n")
        console.expect("\n42\r?\n", 60)
        # Two watch one console.
        second = self.console("a")
        second.expect("42", 60)
        second.type("echo seen by both''!\n")
        console.expect("seen by both!", 60)
        console.type("poweroff -f\n")
        self.wait_for_state("a", "stopped", 120)
        console.wait()
        second.wait()
        self.assertIn("seen by both!", self.orrery("vm", "logs", "a"))
        self.assertIsNone(self.process_of("a"))
        kinds = [each["kind"] for each in self.events() if each["subject"] == "vms/a"]
        self.assertEqual(kinds, ["created", "assigned", "running", "stopped"])
        self.orrery("vm", "remove", "a")
        self.assertIn("no virtual machine a", self.orrery("vm", "show", "a", status=1))

    def get(self, path, *words):
        token = (self.scratch / "panel/admin.token").read_text().strip()
        answer = subprocess.run(
            ["curl", "-sS", "-H", f"Authorization: Bearer {token}", f"http://{self.address}{path}", *words],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return json.loads(answer.stdout)

    def post(self, path, body):
        return self.get(path, "-d", json.dumps(body))

    def events(self):
        return self.get("/v1/events?limit=1000")["items"]

    def test_agents_and_panels_are_killed_and_the_guest_does_not_notice(self):
        self.create("a")
        console = self.boot("a")
        process = self.process_of("a")
        console.type("i=0; while :; do i=$((i+1)); echo tick''-$i; sleep 0.2; done\n")
        console.expect(r"tick-1\r?\n", 60)
        for victims in ("agent", "panel", "agent panel", "panel agent"):
            for victim in victims.split():
                self.kill(getattr(self, victim))
            self.assertEqual(self.process_of("a"), process)
            for victim in victims.split():
                getattr(self, f"start_{victim}")()
            self.wait_for(self.is_ready)
            self.wait_for_state("a", "running")
            console.end()
            console = self.console_when_there("a")
            console.expect(r"tick-(\d+)\r?\n", 60)
            self.assertEqual(self.process_of("a"), process)
        vm = self.show("a")
        self.assertEqual((vm["epoch"], vm["platform"]), (1, "h1"))
        self.orrery("vm", "pause", "a")
        self.wait_for_state("a", "paused")
        self.orrery("vm", "resume", "a")
        self.wait_for_state("a", "running")
        self.orrery("vm", "stop", "a", "--force")
        self.wait_for_state("a", "stopped")
        self.wait_for(lambda: self.process_of("a") is None)

    def test_a_panel_that_is_told_to_end_sends_everybody_away(self):
        self.start_agent_too("h2")
        self.panel.terminate()
        self.assertEqual(self.panel.wait(timeout=60), 0)

    def start_agent_too(self, name):
        join = self.scratch / "join2"
        join.write_text(self.orrery("platform", "token"))
        agent = subprocess.Popen([ORRERY, "host", self.scratch / name, "--name", name, "--panel", self.address,
                                  "--files", self.scratch, "--join-file", join])  # fmt: skip
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        self.wait_for(lambda: [each["state"] for each in self.list("platform")] == ["ready", "ready"])

    def console_when_there(self, name):
        """An agent that has just come back may not have found the guest yet."""
        deadline = time.monotonic() + 60
        while True:
            console = self.console(name)
            if select.select([console.process.stdout], [], [], 5)[0] and console.read():
                return console
            console.end()
            self.assertLess(time.monotonic(), deadline)

    def suspend(self, name):
        self.orrery("vm", "suspend", name)
        self.wait_for_state(name, "suspended", 120)
        self.wait_for(lambda: self.process_of(name) is None)

    def test_a_guest_is_suspended_and_resumed(self):
        self.kill(self.agent)
        self.start_agent("--files", self.scratch)
        self.wait_for(self.is_ready)
        disk = self.empty_disk(16 << 20)
        self.create("a", "--disk", str(disk), "--cpus", "2")
        console = self.boot("a")
        console.type("mke2fs -q /dev/vda && mount /dev/vda /mnt && echo kept >/mnt/file && echo MOUNT''ED\n")
        console.expect("MOUNTED", 120)
        console.type("i=0; while :; do i=$((i+1)); echo tick''-$i; echo $i >/mnt/last; sleep 0.1; done\n")
        console.expect(r"tick-20\r?\n", 60)
        self.suspend("a")
        console.wait()
        vm = self.show("a")
        self.assertEqual((vm["platform"], vm["suspended_on"]), ("", "h1"))
        self.assertIn("resume it", self.orrery("vm", "remove", "a", status=1))
        last = int(re.findall(r"tick-(\d+)", self.orrery("vm", "logs", "a"))[-1])
        # Neither agent nor panel has to live on meanwhile.
        for victim in ("agent", "panel"):
            self.kill(getattr(self, victim))
        self.start_panel()
        self.start_agent("--files", self.scratch)
        self.wait_for(self.is_ready)
        self.orrery("vm", "resume", "a")
        self.wait_for_state("a", "running")
        self.assertEqual(self.show("a")["suspended_on"], "")
        console = self.console("a")
        found = console.expect(r"tick-(\d+)\r?\n", 60)
        self.assertGreater(int(found.group(1)), last)
        console.type("\x03cat /mnt/file; umount /mnt && poweroff -f\n")
        console.expect("kept", 60)
        self.wait_for_state("a", "stopped", 120)
        self.assertEqual(list((self.scratch / "host/vms/a").glob("suspended/vm")), [])
        subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)

    def test_the_state_of_a_suspended_guest_is_given_up(self):
        self.create("a")
        self.orrery("vm", "start", "a")
        self.wait_for_state("a", "running")
        self.suspend("a")
        state = self.scratch / "host/vms/a/suspended/vm"
        self.assertTrue(state.exists())
        self.assertIn("force", self.orrery("vm", "stop", "a", status=1))
        self.orrery("vm", "stop", "a", "--force")
        self.wait_for(lambda: not state.exists())
        self.orrery("vm", "remove", "a")

    def test_a_device_model_moves_while_its_disk_is_written(self):
        here, there = self.start_two_device_servers()
        self.create("far", "--certificate", self.scratch / "vm.pem", "--device", f"disk0@{here}")
        stopped = self.orrery("vm", "move-device", "far", "disk0", there, status=1)
        self.assertIn("far is stopped", stopped)
        console = self.boot("far")
        console.type("mke2fs -q /dev/vda && mount /dev/vda /mnt && echo MOUNT''ED\n")
        console.expect("MOUNTED", 120)
        console.type("(cd /mnt; for i in 1 2 3 4 5 6; do head -c 4194304 /dev/urandom >$i; sync; done; "
                     "md5sum ? >sums; sync; echo WRITTEN''-ALL)\n")
        for _ in range(3):
            for server in (there, here):
                moved = self.orrery("vm", "move-device", "far", "disk0", server)
                self.assertEqual(moved, f"disk0 of far is at {server}\n")
                self.assertEqual(self.servers_of("disk0"), [server])
        console.expect("WRITTEN-ALL", 240)
        console.type("echo 3 >/proc/sys/vm/drop_caches; cd /mnt; md5sum -c sums && echo SAME''-ALL\n")
        console.expect("SAME-ALL", 120)
        self.assertIn(f"device model disk0: remote, at {here}\n", self.orrery("vm", "show", "far"))
        self.assertIn("in its own process", self.orrery("vm", "show", "far"))
        # Nobody is there; no such device; one that cannot move.
        self.assertIn("disk0 stays where it was", self.orrery("vm", "move-device", "far", "disk0", "127.0.0.1:1", status=1))
        self.assertIn("no device model disk7", self.orrery("vm", "move-device", "far", "disk7", there, status=1))
        self.assertIn("in the process of far", self.orrery("vm", "move-device", "far", "serial0", there, status=1))
        # A move that was asked for while the agent is away is made when it is back.
        self.agent.kill()
        self.agent.wait()
        asked = self.post("/v1/vms/far/move-device", {"device": "disk0", "target": there})
        self.assertEqual(asked["move"]["state"], "under way")
        self.start_agent()
        self.wait_for(lambda: self.show("far")["move"]["state"] != "under way")
        self.assertEqual(self.show("far")["move"]["state"], "done", self.show("far"))
        self.assertEqual(self.servers_of("disk0"), [there])
        kinds = [each["kind"] for each in self.events() if each["subject"] == "vms/far"]
        self.assertEqual(kinds.count("moved"), 7, kinds)
        self.assertEqual(kinds.count("not moved"), 1, kinds)
        audited = [each["request"] for each in self.get("/v1/audit")["items"]]
        self.assertEqual(audited.count("POST /v1/vms/far/move-device"), 11, "the refused ones included")
        guest = self.get("/v1/guests")["items"][0]
        self.assertEqual((guest["vm"], guest["platform"], guest["state"]), ("far", "h1", "running"))
        self.orrery("vm", "stop", "--force", "far")
        self.wait_for_state("far", "stopped")
        self.assertEqual(self.servers_of("disk0"), [])

    def test_a_device_model_that_went_elsewhere_by_itself_is_seen_there(self):
        here, there = self.start_two_device_servers()
        self.create("far", "--certificate", self.scratch / "vm.pem", "--device", f"disk0@{here},{there}")
        self.orrery("vm", "start", "far")
        self.wait_for(lambda: self.servers_of("disk0") == [here])
        self.device_servers[0].kill()
        self.wait_for(lambda: self.servers_of("disk0") == [there])
        self.orrery("vm", "stop", "--force", "far")
        self.wait_for_state("far", "stopped")

    def servers_of(self, device):
        models = self.get("/v1/device-models")["items"]
        return [each["server"] for each in models if each["name"] == device and each["found"]]

    def test_what_happens_while_the_agent_is_away_is_seen_afterwards(self):
        self.create("a")
        self.orrery("vm", "start", "a")
        self.wait_for_state("a", "running")
        self.kill(self.agent)
        os.kill(self.process_of("a"), signal.SIGKILL)
        self.wait_for(lambda: self.process_of("a") is None)
        self.assertEqual(self.show("a")["state"], "running")
        self.start_agent()
        self.wait_for_state("a", "failed")
        self.assertIn("killed", self.show("a")["detail"])
        self.orrery("vm", "start", "a")
        self.wait_for_state("a", "running")
        self.assertEqual(self.show("a")["epoch"], 2)

    def test_what_cannot_be_started_says_why(self):
        self.orrery("vm", "create", "a", "--kernel", "none")
        self.orrery("vm", "start", "a")
        self.wait_for_state("a", "failed")
        self.assertIn("none", self.show("a")["detail"])
        self.orrery("vm", "create", "b", "--kernel", "/etc/passwd")
        self.orrery("vm", "start", "b")
        self.wait_for_state("b", "failed")
        self.assertIn("--files", self.show("b")["detail"])
        self.create("c", "--on", "elsewhere")
        self.orrery("vm", "start", "c")
        self.assertEqual(self.show("c")["state"], "pending")
        self.orrery("vm", "stop", "c")
        self.assertEqual(self.show("c")["state"], "stopped")
        self.orrery("platform", "drain", "h1")
        self.create("d")
        self.orrery("vm", "start", "d")
        self.assertIn("draining", self.show("d")["detail"])
        self.orrery("platform", "open", "h1")
        self.wait_for_state("d", "running")
