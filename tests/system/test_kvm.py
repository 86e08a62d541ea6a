"""The KVM backend: a tiny Linux up to its first program, and how `--engine auto` judges the host.

Where /dev/kvm has no hardware behind it, KVM emulates ring 0 at some two million instructions a second and lacks several
instructions; the flags below keep the kernel away from those, and user programs do not run there at all.
"""
import os
import unittest

from case import SystemTest
from machine import GUESTS, Machine, settings

EMULATOR_FLAGS = "noxsave clearcpuid=151,141,308,298,297,580,59,145 lpj=100000 rodata=off"


@unittest.skipUnless(os.access("/dev/kvm", os.R_OK | os.W_OK), "this host has no /dev/kvm")
class KvmTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()
        engine = settings.engine
        self.addCleanup(setattr, settings, "engine", engine)
        settings.engine = "kvm"

    def check_boot(self, cpus: int) -> None:
        append = f"console=ttyS0 {EMULATOR_FLAGS} loglevel=7 panic=-1"
        guest = self.start(Machine(GUESTS / "tiny-vmlinux", append=append, cpus=cpus, memory="128M"))
        # The kernel knows no ACPI: it finds its processors in the MP tables.
        guest.expect(f"smp: Brought up 1 node, {cpus} CPU", 240)
        guest.expect("Run /sbin/init as init process", 240)
        # There is no init: the kernel resets, which --no-reboot makes the end.
        self.assertEqual(guest.wait(120), 0)

    def test_runs_a_tiny_linux_with_1_cpu(self):
        self.check_boot(1)

    def test_runs_a_tiny_linux_with_2_cpus(self):
        self.check_boot(2)


if __name__ == "__main__":
    unittest.main()
