"""Stores and their servers, for tests: docs/orrery-store.md."""
import contextlib
import pathlib
import subprocess

from case import SystemTest
from machine import ORRERY, small_guest

MIB = 1 << 20


class StoreCase(SystemTest):
    def setUp(self):
        super().setUp()
        self.skip_unless_orrery()
        self.store = self.scratch / "store"

    def add(self, disk: pathlib.Path, name: str) -> None:
        subprocess.run([ORRERY, "store", "add", self.store, disk, "--name", name], check=True, capture_output=True)

    def add_small_disk(self) -> str:
        """An image of an ext4 with a file; returns the file's MD5."""
        content = self.scratch / "content"
        content.mkdir()
        (content / "data").write_bytes(b"".join(b"%d\n" % (i * i) for i in range(1 << 20)))
        disk = self.scratch / "disk.raw"
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", content, disk, "64M"], check=True)
        self.add(disk, "disk")
        disk.unlink()
        return subprocess.run(["md5sum", content / "data"], check=True, capture_output=True, text=True).stdout.split()[0]

    @contextlib.contextmanager
    def server(self, address: str = "127.0.0.1:0", *more):
        """Yields "store://HOST:PORT/"; in the end the server has to end well."""
        command = [ORRERY, "store", "serve", self.store, "--listen", address, *more]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process.stdout.readline().strip()
            finally:
                process.terminate()
                self.assertEqual(process.wait(timeout=60), 0)

    def cache(self) -> str:
        return f"cache={self.scratch / 'cache'}"

    def cached_bytes(self) -> int:
        return sum(pack.stat().st_blocks * 512 for pack in (self.scratch / "cache" / "packs").iterdir())

    def check_read(self, disk: str, expected: str) -> None:
        guest = self.boot(small_guest(disks=[disk], cpus=2))
        self.assertEqual(guest.run("cat /sys/block/vda/ro"), "1")
        guest.run("mount -o ro /dev/vda /mnt", timeout=120)
        self.assertIn(expected, guest.run("md5sum </mnt/data", timeout=120))
        guest.power_off()
