"""The base of all system tests: starts guests by name, gives them scratch files, keeps their transcripts for a failure."""
import pathlib
import subprocess
import tempfile
import unittest

from guest import Guest
from machine import GUESTS, Machine, settings


def long_test(function):
    """For tests that take many minutes: only with `tests/system/run --long`."""
    function.is_long = True
    return function


class SystemTest(unittest.TestCase):
    def setUp(self) -> None:
        method = getattr(self, self._testMethodName)
        if getattr(method, "is_long", False) and not settings.long:
            self.skipTest("only with --long")
        self.guests: list[Guest] = []
        scratch = tempfile.TemporaryDirectory(prefix="orrery-test-")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)

    def start(self, machine: Machine | list[str], **options) -> Guest:
        """Starts a guest that ends with the test at the latest."""
        name = f"{type(self).__name__}.{self._testMethodName}"
        guest = Guest(machine, f"{name}-{len(self.guests)}", **options)
        self.guests.append(guest)
        self.addCleanup(guest.__exit__, None)
        return guest

    def boot(self, machine: Machine, **options) -> Guest:
        guest = self.start(machine, **options)
        guest.wait_for_shell()
        return guest

    def empty_disk(self, size: int, name: str = "disk.raw") -> pathlib.Path:
        path = self.scratch / name
        with open(path, "wb") as file:
            file.truncate(size)
        return path

    def debian_disk(self) -> pathlib.Path:
        path = self.scratch / "debian.raw"
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", GUESTS / "debian.raw", path], check=True)
        return path

    def skip_unless_orrery(self) -> None:
        if settings.peer != "orrery":
            self.skipTest("tells of Orrery's own command line")

    def check_work(self, guest) -> None:
        """The same sum on each processor at once, of bytes that each makes itself."""
        guest.run("for i in 1 2 3 4; do (seq 1 30000 | gzip -c | gunzip -c | md5sum >/tmp/sum$i) & done; wait")
        expected = guest.run("seq 1 30000 | md5sum")
        for number in range(1, 5):
            self.assertEqual(guest.run(f"cat /tmp/sum{number}"), expected)
        self.assertEqual(guest.run("dmesg -r | grep -E '^<[0-3]>'", status=None), "")
