"""`orrery control` on VMs that run (docs/formats/control.md)."""
import json
import subprocess

from bare_metal import write_image
from case import SystemTest
from machine import ORRERY, Machine, small_guest


class ControlTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()
        self.socket = self.scratch / "vm.sock"

    def start_controlled(self, machine: Machine):
        return self.start([*machine.command(), "--control", str(self.socket)])

    def control(self, *words: str, status: int = 0) -> str:
        result = subprocess.run(
            [ORRERY, "control", self.socket, *words], capture_output=True, text=True, timeout=60
        )
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout + result.stderr

    def state(self) -> dict:
        return json.loads(self.control("status", "--json"))

    def test_a_paused_guest_stands_and_goes_on(self):
        disk = self.empty_disk(64 << 20)
        guest = self.start_controlled(small_guest(disks=[disk], cpus=2))
        guest.wait_for_shell()
        # Both processors and the disk are at work, and the clock is looked at, while it is paused.
        guest.send("while :; do dd if=/dev/zero of=/dev/vda bs=64k count=200 conv=fsync 2>/dev/null; done &\n")
        guest.send("while :; do cat /proc/uptime; done\n")
        for _ in range(3):
            uptime = float(guest.expect(r"^(\d+\.\d+) [\d.]+\n", 60).group(1))
            self.control("pause")
            before = disk.stat().st_mtime_ns
            state = self.state()
            self.assertEqual((state["state"], state["vcpus"]), ("paused", 2))
            self.assertEqual([each["under_way"] for each in state["disks"]], [0])
            told = len(guest.transcript)
            guest.expect_silence(1.0)
            self.assertEqual(disk.stat().st_mtime_ns, before)
            printed = guest.transcript[told:].decode()
            self.control("resume")
            self.assertEqual(self.state()["state"], "running")
            # What it printed before it stood was on its way; its clock has not seen the second.
            last = float(([line.split()[0] for line in printed.splitlines() if line.count(".") == 2] or [uptime])[-1])
            after = float(guest.expect(r"^(\d+\.\d+) [\d.]+\n", 60).group(1))
            self.assertLess(after - max(last, uptime), 0.9)
        self.control("quit")
        self.assertEqual(guest.wait(30), 0)
        self.assertFalse(self.socket.exists())

    def test_figures_count_what_was_used(self):
        disk = self.empty_disk(16 << 20)
        guest = self.start_controlled(small_guest(disks=[disk], network=True))
        guest.wait_for_shell()
        before = json.loads(self.control("figures", "--json"))
        self.assertEqual([each["name"] for each in before["devices"]], ["disk0", "net0"])
        guest.run("dd if=/dev/zero of=/dev/vda bs=64k count=32 conv=fsync 2>/dev/null")
        guest.run("dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct 2>/dev/null")
        guest.run("ping -c 3 10.0.2.2")
        after = json.loads(self.control("figures", "--json"))
        self.assertGreater(after["processor_ns"], before["processor_ns"])
        self.assertGreater(after["taken_ns"], before["taken_ns"])
        self.assertGreater(after["resident"], 32 << 20)
        disk0, net0 = ({name: now[name] - old[name] for name in now if name != "name"}
                       for now, old in zip(after["devices"], before["devices"]))  # fmt: skip
        self.assertEqual(disk0["out_bytes"], 2 << 20)
        self.assertGreaterEqual(disk0["in_bytes"], 1 << 20)
        self.assertGreaterEqual(min(net0["in"], net0["out"]), 3)
        self.assertGreaterEqual(min(net0["in_bytes"], net0["out_bytes"]), 3 * 98)
        self.assertRegex(self.control("figures"), r"^[\d.]+ s of processors, .*\ndisk0: ")
        self.control("quit")

    def test_reset_starts_the_guest_again(self):
        # out 3F8h, 'R'; hlt with interrupts off
        image = write_image(self.scratch / "guest.img", bytes.fromhex("66baf803 b052 ee fa f4"))
        guest = self.start_controlled(Machine(kernel=image, no_reboot=False))
        guest.expect("R", 30)
        self.control("reset")
        guest.expect("R", 30)
        self.control("pause")
        self.control("reset")
        self.assertEqual(self.state()["state"], "paused")
        self.control("resume")
        guest.expect("R", 30)
        self.control("quit")
        self.assertEqual(guest.wait(30), 0)

    def test_the_power_button(self):
        guest = self.start_controlled(small_guest())
        guest.wait_for_shell()
        self.control("pause")
        self.assertIn("resume it", self.control("power-off", status=1))
        self.control("resume")
        # The small guest has nobody who listens to the button: it is forced off by the second press.
        self.control("power-off")
        self.assertEqual(guest.run("echo still here"), "still here")
        self.control("power-off")
        self.assertEqual(guest.wait(30), 1)

    def test_nobody_there(self):
        self.assertIn("is a VM running there", self.control("status", status=1))
