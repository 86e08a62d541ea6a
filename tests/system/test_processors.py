"""What four processors see of each other: memory ordering, locked instructions, changed code and changed page tables."""
import pathlib

from case import SystemTest
from machine import settings, small_guest
from programs import initrd_with

PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


class ProcessorsTest(SystemTest):
    def run_in_guest(self, name: str) -> str:
        machine = small_guest(cpus=4)
        machine.initrd = initrd_with(self.scratch, PROGRAMS / f"{name}.c")
        guest = self.boot(machine)
        seconds = 20 if settings.long else 1
        output = guest.run(f"/{name} {seconds}", timeout=60 + 20 * seconds)
        guest.power_off()
        return output

    def test_memory_order_is_the_architectures(self):
        self.assertIn("memory order: passed", self.run_in_guest("memory_order"))

    def test_no_translation_outlives_its_shootdown(self):
        self.assertIn("shootdown: passed", self.run_in_guest("shootdown"))
