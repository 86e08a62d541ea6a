"""Guests whose disk is an image of a store, here or on a server."""
import contextlib
import subprocess

from guest import GuestError
from machine import GUESTS, ORRERY, small_guest
from store import MIB, StoreCase


class StoreTest(StoreCase):
    @contextlib.contextmanager
    def nbd_server(self):
        """Yields "nbd://HOST:PORT/" of a server that gives images both ways."""
        command = [ORRERY, "store", "serve", self.store, "--listen", "127.0.0.1:0", "--nbd", "127.0.0.1:0", "--scratch", self.scratch]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                self.assertRegex(process.stdout.readline(), "^store://")
                yield process.stdout.readline().strip()
            finally:
                process.terminate()
                self.assertEqual(process.wait(timeout=60), 0)

    def test_other_programs_read_images_by_nbd_and_write_to_copies_of_their_own(self):
        def run(*command) -> subprocess.CompletedProcess:
            return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

        disk = self.scratch / "disk.raw"
        subprocess.run(["mke2fs", "-q", "-t", "ext4", disk, "64M"], check=True)
        self.add(disk, "disk")
        with self.nbd_server() as address:
            exports = run("nbdinfo", "--list", address).stdout
            for name in ("disk", "copy/disk"):
                self.assertIn(f'export="{name}"', exports)
            write = ["qemu-io", "-f", "raw", "-c", "write -P 7 1000K 1M", "-c", "read -P 7 1000K 1M", "-c", "discard 4M 1M", "-c", "read -P 0 4M 1M"]
            written = run(*write, f"{address}copy/disk")
            self.assertEqual(written.returncode, 0, written.stdout + written.stderr)
            self.assertNotEqual(run(*write, f"{address}disk").returncode, 0)
            for name in ("disk", "copy/disk"):
                same = run("qemu-img", "compare", "-f", "raw", "-F", "raw", disk, address + name)
                self.assertIn("identical", same.stdout, same.stderr)
            self.assertNotEqual(run("nbdinfo", f"{address}other").returncode, 0)

    def test_a_guest_reads_an_image_of_a_folder(self):
        expected = self.add_small_disk()
        self.check_read(f"store:{self.store}/disk,readonly", expected)

    def test_a_guest_reads_an_image_of_a_server_and_the_next_one_reads_the_cache(self):
        expected = self.add_small_disk()
        with self.server() as address:
            self.check_read(f"{address}disk,readonly,{self.cache()}", expected)
            cached = self.cached_bytes()
            self.assertGreater(cached, MIB)
            self.check_read(f"{address}disk,readonly,{self.cache()}", expected)
            self.assertEqual(self.cached_bytes(), cached)

    def test_a_guest_waits_for_a_server_that_was_away(self):
        expected = self.add_small_disk()
        with self.server() as address:
            guest = self.boot(small_guest(disks=[f"{address}disk,readonly,{self.cache()}"]))
            guest.run("mount -o ro /dev/vda /mnt", timeout=120)
        guest.send("md5sum </mnt/data\n")
        with self.assertRaises(GuestError):
            guest.expect(expected, timeout=3)
        with self.server(address.removeprefix("store://").rstrip("/")):
            guest.expect(expected, timeout=120)
            guest.wait_for_shell()
            guest.power_off()

    def test_debian_boots_from_a_server_and_writes_to_its_overlay(self):
        self.add(GUESTS / "debian.raw", "debian")
        overlay = self.scratch / "work.qcow2"
        with self.server() as address:
            disk = f"{address}debian,overlay={overlay},{self.cache()}"
            for turn in range(2):
                guest = self.start(debian(disk, cpus=2))
                guest.wait_for_shell(timeout=600)
                guest.send("TERM=dumb exec bash --noediting\n")
                guest.wait_for_shell()
                if turn == 0:
                    guest.run("head -c 30000000 /dev/urandom >/root/data && md5sum /root/data >/root/sum && sync", timeout=120)
                else:
                    guest.run("md5sum --check /root/sum", timeout=120)
                guest.send("systemctl poweroff\n")
                self.assertEqual(guest.wait(180), 0)
        self.assertLess(self.cached_bytes(), 60 * MIB)  # of 91 MB
