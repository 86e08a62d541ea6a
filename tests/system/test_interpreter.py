"""The interpreter, whichever engine the other tests run on."""
from case import SystemTest
from machine import small_guest


class InterpreterTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()

    def test_boots_and_works_on_4_cpus(self):
        guest = self.boot(small_guest(cpus=4, engine="interpret"))
        self.check_work(guest)
        guest.power_off()

    def test_restarts_when_the_guest_reboots(self):
        guest = self.boot(small_guest(engine="interpret", no_reboot=False))
        guest.send("reboot -f\n")
        guest.wait_for_shell()
        guest.power_off()
