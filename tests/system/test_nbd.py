"""Guests of QEMU whose disk is our NBD export."""
import contextlib
import pathlib
import subprocess

from case import SystemTest
from machine import ORRERY, settings, small_guest

MIB = 1 << 20
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"


class NbdTest(SystemTest):
    def setUp(self):
        super().setUp()
        self.skip_unless_orrery()

    @contextlib.contextmanager
    def export(self, disk: pathlib.Path, *options: str):
        """Yields the address of the export; in the end the server has to end well."""
        command = [ORRERY, "disk", "export-nbd", disk, "--socket", self.scratch / "nbd.sock", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                yield server.stdout.readline().strip()
            finally:
                server.terminate()
                self.assertEqual(server.wait(timeout=60), 0)

    @contextlib.contextmanager
    def on_qemu(self):
        before, settings.peer = settings.peer, "qemu"
        try:
            yield
        finally:
            settings.peer = before

    def test_qemu_boots_from_our_export(self):
        disk = self.scratch / "boot.raw"
        subprocess.run(["nasm", "-f", "bin", "-o", disk, PROGRAMS / "boot_sector.asm"], check=True)
        with self.export(disk, "--format", "raw") as address:
            command = ["qemu-system-x86_64", "-accel", "tcg", "-nodefaults", "-display", "none", "-serial", "stdio"]
            command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-drive", f"file={address},format=raw,if=ide"]
            guest = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        self.assertEqual(guest.returncode, 33, guest.stderr)
        self.assertIn("booted from a network block device", guest.stdout)
        self.assertEqual(disk.read_bytes()[1024:1024 + 34], b"BOOTED FROM A NETWORK BLOCK DEVICE")

    def test_what_a_guest_of_qemu_writes_is_there_for_a_guest_of_ours(self):
        disk = self.scratch / "disk.qcow2"
        subprocess.run([ORRERY, "disk", "create", disk, "64M"], check=True)
        with self.export(disk) as address, self.on_qemu():
            guest = self.boot(small_guest(disks=[address], cpus=2))
            guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
            guest.run("head -c 8388608 /dev/urandom >/mnt/data && rm -f /mnt/nothing && sync", timeout=120)
            written = guest.run("md5sum </mnt/data", timeout=120)
            guest.run("umount /mnt", timeout=120)
            guest.power_off()
        subprocess.run(["qemu-img", "check", disk], check=True, capture_output=True)
        guest = self.boot(small_guest(disks=[disk]))
        guest.run("mount -o ro /dev/vda /mnt")
        self.assertEqual(guest.run("md5sum </mnt/data", timeout=120), written)
        guest.power_off()
