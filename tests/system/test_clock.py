"""The guest's time against the host's."""
import time

from case import SystemTest
from guest import Guest
from machine import small_guest


class ClockTest(SystemTest):
    def uptime(self, guest: Guest) -> tuple[float, float]:
        """The guest's uptime, and the host's time in the middle of asking for it."""
        before = time.monotonic()
        uptime = float(guest.run("cat /proc/uptime").split()[0])
        return uptime, (before + time.monotonic()) / 2

    def test_drifts_less_than_one_percent_in_a_minute(self):
        guest = self.boot(small_guest(cpus=2))
        guest_start, host_start = self.uptime(guest)
        # The sleep is timed by the guest's timer interrupts, the uptime by its clock source: both must agree with the host.
        guest.run("sleep 60", timeout=120)
        guest_end, host_end = self.uptime(guest)
        host_seconds = host_end - host_start
        self.assertAlmostEqual((guest_end - guest_start) / host_seconds, 1.0, delta=0.01)
        self.assertGreaterEqual(guest_end - guest_start, 60)
        self.assertLess(host_seconds, 60 * 1.01 + 1)
        guest.power_off()

    def test_wall_clock_is_the_hosts(self):
        guest = self.boot(small_guest())
        self.assertAlmostEqual(int(guest.run("date +%s")), time.time(), delta=3)
        guest.power_off()

    def test_clock_source_is_not_given_up(self):
        guest = self.boot(small_guest(cpus=2))
        guest.run("sleep 5")
        self.assertEqual(guest.run("dmesg | grep -i 'marking clocksource'", status=None), "")
        guest.power_off()
