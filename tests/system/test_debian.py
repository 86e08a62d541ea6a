"""A stock Debian 12 with systemd on a disk."""
import pathlib
import subprocess

from case import SystemTest, long_test
from guest import Guest
from machine import GUESTS, ORRERY, debian, settings


class DebianTest(SystemTest):
    def boot_debian(self, cpus: int, disk: pathlib.Path | None = None) -> Guest:
        guest = self.start(debian(disk or self.debian_disk(), cpus=cpus))
        guest.wait_for_shell(timeout=600)
        # The shell's line editor redraws what it echoes; as a dumb terminal it does not.
        guest.send("TERM=dumb exec bash --noediting\n")
        guest.wait_for_shell()
        return guest

    def check_boot(self, cpus: int) -> None:
        guest = self.boot_debian(cpus)
        self.assertEqual(guest.run("nproc"), str(cpus))
        state = guest.run("systemctl is-system-running --wait", timeout=300, status=None)
        self.assertEqual(state, "running", guest.run("systemctl --failed --no-legend --plain", status=None))
        # The boot does not wait for the network: a link is routable first, and configured once the lease is applied.
        guest.run("timeout 120 sh -c 'until networkctl --no-legend | grep -q \"routable *configured\"; do sleep 0.2; done'", timeout=180)
        guest.run("ping -c 1 -W 10 10.0.2.2")
        self.power_off(guest)

    def power_off(self, guest: Guest) -> None:
        guest.send("systemctl poweroff\n")
        self.assertEqual(guest.wait(180), 0)

    def test_shows_the_hosts_instruction_sets(self):
        host = set(pathlib.Path("/proc/cpuinfo").read_text().split())
        if not {"avx2", "bmi2", "fma", "f16c", "abm"} <= host or settings.engine == "kvm":
            self.skipTest("the host is no x86-64-v3, or KVM decides what is shown")
        guest = self.boot_debian(1)
        self.assertIn("x86-64-v3 (supported, searched)", guest.run("/lib64/ld-linux-x86-64.so.2 --help"))
        # The same sums by glibc's and perl's functions for these instruction sets, and without them.
        command = "perl -e 'for $i (1..20000) { $s += sin($i) * exp(-$i / 9999) ** 1.5 } printf \"%.9f\\n\", $s'"
        plain = "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-FMA,-FMA_Usable,-AVX,-AVX_Usable "
        self.assertEqual(guest.run(command), guest.run(plain + command))
        self.power_off(guest)

    def test_boots_with_1_cpu(self):
        self.check_boot(1)

    def test_boots_with_2_cpus(self):
        self.check_boot(2)

    def test_boots_with_4_cpus(self):
        self.check_boot(4)

    def test_boots_and_writes_on_a_qcow2_overlay(self):
        self.skip_unless_orrery()
        overlay = self.scratch / "work.qcow2"
        subprocess.run([ORRERY, "disk", "create", overlay, "--backing", GUESTS / "debian.raw", "--backing-format", "raw"], check=True)
        guest = self.boot_debian(2, overlay)
        guest.run("head -c 30000000 /dev/urandom >/root/data && md5sum /root/data >/root/sum && sync", timeout=120)
        self.power_off(guest)
        subprocess.run(["qemu-img", "check", "-q", overlay], check=True)
        guest = self.boot_debian(2, overlay)
        guest.run("md5sum --check /root/sum", timeout=120)
        self.power_off(guest)
        subprocess.run(["qemu-img", "check", "-q", overlay], check=True)

    def test_stress_finds_no_wrong_result(self):
        seconds = 120 if settings.long else 10
        guest = self.boot_debian(2)
        stressors = "--cpu 2 --vm 1 --vm-bytes 32M --fork 1 --switch 1 --timer 1 --hdd 1 --hdd-bytes 16M --atomic 1"
        # --verify: each stressor checks what it computed, and stress-ng's status tells.
        guest.run(f"stress-ng {stressors} --verify --timeout {seconds}", timeout=seconds * 4 + 240)
        self.assertEqual(guest.run("dmesg --level=emerg,alert,crit,err --notime", status=None), "")
        self.power_off(guest)

    @long_test
    def test_every_stressor_of_memory_and_processor_verifies(self):
        guest = self.boot_debian(2)
        guest.run(
            "stress-ng --class cpu,memory --sequential 1 --timeout 2 --verify --exclude oom-pipe,bad-altstack",
            timeout=3600,
        )
        self.power_off(guest)
