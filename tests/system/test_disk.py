"""What a guest writes to its disk is there, whole, after a power-off."""
import hashlib
import subprocess

from case import SystemTest
from machine import ORRERY, small_guest

MIB = 1 << 20


class DiskTest(SystemTest):
    def test_data_survives_a_power_off(self):
        disk = self.empty_disk(64 * MIB)
        guest = self.boot(small_guest(disks=[disk], cpus=2))
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.run("head -c 16777216 /dev/urandom >/mnt/data", timeout=120)
        written = guest.run("md5sum </mnt/data", timeout=120)
        guest.run("umount /mnt", timeout=120)
        guest.power_off()

        guest = self.boot(small_guest(disks=[disk]))
        guest.run("mount -o ro /dev/vda /mnt")
        self.assertEqual(guest.run("md5sum </mnt/data", timeout=120), written)
        guest.power_off()

    def test_blocks_are_the_hosts_file(self):
        disk = self.empty_disk(16 * MIB)
        pattern = bytes(range(256)) * (MIB // 256)
        with open(disk, "r+b") as file:
            file.seek(3 * MIB)
            file.write(pattern)
        guest = self.boot(small_guest(disks=[disk]))
        read = guest.run("dd if=/dev/vda bs=64k skip=48 count=16 2>/dev/null | md5sum")
        self.assertEqual(read.split()[0], hashlib.md5(pattern).hexdigest())
        # Odd sizes and places, so that requests neither start nor end on a page.
        guest.run("dd if=/dev/vda of=/tmp/part bs=512 skip=6145 count=2047 2>/dev/null")
        guest.run("dd if=/tmp/part of=/dev/vda bs=512 seek=20481 conv=fsync 2>/dev/null")
        guest.power_off()
        with open(disk, "rb") as file:
            file.seek(20481 * 512)
            self.assertEqual(file.read(2047 * 512), pattern[512:])

    def test_disks_come_in_the_order_given(self):
        disks = [self.empty_disk(size * MIB, f"{size}.raw") for size in (3, 1, 2)]
        guest = self.boot(small_guest(disks=disks))
        sizes = guest.run("cat /sys/class/block/vd[abc]/size").split()
        self.assertEqual([int(size) * 512 // MIB for size in sizes], [3, 1, 2])
        guest.power_off()

    def test_a_qcow2_takes_what_its_raw_backing_file_does_not(self):
        self.skip_unless_orrery()
        base = self.empty_disk(64 * MIB, "base.img")
        subprocess.run(["mke2fs", "-q", "-F", base], check=True)
        before = hashlib.md5(base.read_bytes()).hexdigest()
        overlay = self.scratch / "work.qcow2"
        subprocess.run([ORRERY, "disk", "create", overlay, "--backing", base], check=True)
        for written in ("first", "second"):
            guest = self.boot(small_guest(disks=[overlay]))
            guest.run("mount /dev/vda /mnt", timeout=120)
            if written == "second":
                self.assertEqual(guest.run("cat /mnt/text"), "first")
            guest.run(f"echo {written} >/mnt/text; head -c 8000000 /dev/urandom >/mnt/{written}; sync", timeout=120)
            guest.run("umount /mnt", timeout=120)
            guest.power_off()
            subprocess.run(["qemu-img", "check", "-q", overlay], check=True)
        self.assertEqual(hashlib.md5(base.read_bytes()).hexdigest(), before)
        flat = self.scratch / "flat.img"
        subprocess.run([ORRERY, "disk", "convert", overlay, flat, "--to-format", "raw"], check=True)
        subprocess.run(["qemu-img", "compare", "-q", overlay, flat], check=True)
        subprocess.run(["e2fsck", "-fn", flat], check=True, capture_output=True)

    def test_an_encrypted_disk_is_a_disk_to_its_guest_only(self):
        self.skip_unless_orrery()
        key = self.scratch / "key"
        key.write_text("a key of this test")
        disk = self.scratch / "work.qcow2"
        subprocess.run([ORRERY, "disk", "create", disk, "32M", "--encrypt", "luks2", "--key-file", key,
                        "--pbkdf-force-iterations", "4", "--pbkdf-memory", "1024"], check=True)
        option = f"{disk},encryption=luks,key-file={key}"
        guest = self.boot(small_guest(disks=[option], cpus=2))
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.run("yes easily-found-text | head -c 6000000 >/mnt/text; head -c 9000000 /dev/urandom >/mnt/data; sync",
                  timeout=120)
        written = guest.run("cat /mnt/text /mnt/data | md5sum", timeout=120)
        guest.run("umount /mnt", timeout=120)
        guest.power_off()
        self.assertNotIn(b"easily-found-text", disk.read_bytes())

        guest = self.boot(small_guest(disks=[option]))
        guest.run("mount -o ro /dev/vda /mnt")
        self.assertEqual(guest.run("cat /mnt/text /mnt/data | md5sum", timeout=120), written)
        guest.power_off()
        flat = self.scratch / "flat.img"
        subprocess.run([ORRERY, "disk", "convert", disk, flat, "--to-format", "raw", "--replace", "--key-file", key],
                       check=True)
        subprocess.run(["e2fsck", "-fn", flat], check=True, capture_output=True)

    def test_a_readonly_disk_refuses_writes_and_has_its_serial(self):
        self.skip_unless_orrery()
        disk = self.empty_disk(MIB)
        guest = self.boot(small_guest(disks=[f"{disk},readonly,serial=orrery-7"]))
        self.assertEqual(guest.run("cat /sys/class/block/vda/ro"), "1")
        self.assertEqual(guest.run("cat /sys/class/block/vda/serial"), "orrery-7")
        guest.run("dd if=/dev/zero of=/dev/vda count=1 2>/dev/null", status=1)
        guest.power_off()
