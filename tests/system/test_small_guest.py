"""Debian's kernel with the small initramfs, up to its shell."""

from case import SystemTest, long_test
from guest import Guest
from machine import settings, small_guest


class SmallGuestTest(SystemTest):
    def check_boot(self, cpus: int) -> Guest:
        guest = self.boot(small_guest(cpus=cpus))
        self.assertEqual(guest.run("nproc"), str(cpus))
        self.assertIn("-cloud-amd64", guest.run("uname -r"))
        return guest

    def test_boots_with_1_cpu(self):
        self.check_boot(1).power_off()

    def test_boots_with_2_cpus(self):
        self.check_boot(2).power_off()

    def test_boots_with_4_cpus(self):
        guest = self.check_boot(4)
        # Each processor is there to be used, not only counted.
        for cpu in range(4):
            guest.run(f"taskset {hex(1 << cpu)} true")
        guest.power_off()

    def test_boots_the_compressed_kernel(self):
        machine = small_guest()
        machine.kernel = machine.kernel.with_name("vmlinuz")
        self.boot(machine).power_off()

    def test_a_newcomer_can_look_around(self):
        guest = self.boot(small_guest(network=True, disks=[self.empty_disk(1 << 20)]))
        self.assertIn("processor\t: 0", guest.run("cat /proc/cpuinfo"))
        devices = guest.run("lspci")
        self.assertIn("0600: 8086:1237", devices)
        self.assertEqual(devices.count("1af4:"), devices.count("(virtio-pci)"))
        self.assertEqual(guest.run("cat /sys/class/block/vda/size"), "2048")
        guest.run("ping -c 1 -W 10 10.0.2.2")
        # No driver failed, nothing in the kernel went wrong.
        self.assertEqual(guest.run("dmesg -r | grep -E '^<[0-3]>'", status=None), "")
        guest.power_off()

    def test_boots_five_times_in_a_row(self):
        self.boot_in_a_row(5)

    @long_test
    def test_boots_twenty_times_in_a_row(self):
        self.boot_in_a_row(20)

    def boot_in_a_row(self, times: int) -> None:
        for number in range(times):
            with self.subTest(boot=number):
                self.boot(small_guest(cpus=2)).power_off()

    def test_restarts_when_the_guest_reboots(self):
        guest = self.boot(small_guest(no_reboot=False))
        guest.send("reboot -f\n")
        guest.wait_for_shell()
        guest.power_off()

    def test_reboot_ends_the_machine_with_no_reboot(self):
        guest = self.boot(small_guest(no_reboot=True))
        guest.send("reboot -f\n")
        self.assertEqual(guest.wait(60), 0)

    def test_goes_on_when_the_consoles_input_ends(self):
        guest = self.boot(small_guest())
        guest.send("(sleep 3; echo still''-here; poweroff -f) &\n")
        guest.close_input()
        guest.expect("still-here", 60)
        self.assertEqual(guest.wait(60), 0)

    def test_survives_load_on_every_processor(self):
        guest = self.boot(small_guest(cpus=4))
        seconds = 120 if settings.long else 15
        guest.run(
            "for i in 1 2 3 4; do"
            " (while :; do head -c 1000000 /dev/urandom | md5sum >/dev/null; done) &"
            " (while :; do head -c 4000000 /dev/zero >/tmp/load$i; done) & done; echo started"
        )
        guest.run(f"sleep {seconds}", timeout=seconds + 120)
        guest.run("kill $(jobs -p); wait", status=None)
        self.assertEqual(guest.run("dmesg -r | grep -E '^<[0-3]>'", status=None), "")
        guest.power_off()


