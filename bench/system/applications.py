"""Debian's own programs and Debian itself, in a guest, on the peer, and natively."""
import dataclasses
import os
import pathlib
import re
import subprocess
import tempfile
import time

from figures import Row
from guest import Guest
from machine import GUESTS, TOP, debian, settings, small_guest
from sides import compare, compare_kinds

RESULT = re.compile(r"^(\w+) ([\d.]+) ([0-9a-f]{16})\r?$", re.MULTILINE)


class Programs:
    """The kinds of work of bench/guest/programs.sh. All sides must come to the same result."""

    def __init__(self, folder: pathlib.Path):
        subprocess.run([TOP / "tools" / "guests" / "bench-disk"], check=True, capture_output=True)
        self.root = folder / "root"
        self.root.mkdir()
        subprocess.run(["tar", "-C", self.root, "-xf", GUESTS / "bench-root.tar"], check=True)
        self.kinds = self._native("list").split()
        self.digests: dict[str, str] = {}

    def seconds(self) -> dict[str, float]:
        text = "".join(map(self._native, self.kinds)) if settings.peer == "native" else self._run_in_guest([f"/bench/programs {kind}" for kind in self.kinds])
        found = {}
        for kind, seconds, digest in RESULT.findall(text):
            if (expected := self.digests.setdefault(kind, digest)) != digest:
                raise ValueError(f"{kind}: {settings.peer} computes {digest}, not {expected}")
            found[kind] = float(seconds)
        if missing := set(self.kinds) - set(found):
            raise ValueError(f"{settings.peer} did not do {', '.join(sorted(missing))}:\n{text[-2000:]}")
        return found

    def _native(self, kind: str) -> str:
        return subprocess.run(["chroot", self.root, "/bench/programs", kind], capture_output=True, text=True, check=True).stdout

    def _run_in_guest(self, commands: list[str]) -> str:
        with Guest(small_guest(disks=[GUESTS / "bench.raw"]), f"bench-programs-{settings.peer}") as guest:
            guest.wait_for_shell()
            guest.run("mount -o ro /dev/vda /mnt && mount -t tmpfs tmp /mnt/tmp && mount -t devtmpfs dev /mnt/dev")
            return "\n".join(guest.run(f"chroot /mnt {command} 2>/dev/null", timeout=600) for command in commands)


def programs(times: int) -> list[Row]:
    if os.geteuid() != 0:
        raise PermissionError("programs: chroot needs root; run it as root or leave it out")
    with tempfile.TemporaryDirectory() as folder:
        return compare_kinds("program", times, Programs(pathlib.Path(folder)).seconds, ("qemu", "native"))


SPEED = re.compile(r"^\+F:\d+:([\w-]+):([\d.]+)\r?$", re.MULTILINE)  # what `openssl speed -mr` prints last
CIPHERS = ("sha256", "aes-256-gcm")


class Ciphers(Programs):
    """`openssl speed`, 16 KiB at a time."""

    def megabytes_a_second(self) -> dict[str, float]:
        commands = [f"openssl speed -mr -seconds 2 -bytes 16384 -evp {name}" for name in CIPHERS]
        text = "".join(map(self._on_host, commands)) if settings.peer == "native" else self._run_in_guest(commands)
        found = [float(rate) / 1e6 for _, rate in SPEED.findall(text)]
        return dict(zip(CIPHERS, found, strict=True))

    def _on_host(self, command: str) -> str:
        return subprocess.run(["chroot", self.root, *command.split()], capture_output=True, text=True, check=True).stdout


def crypto(times: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = compare_kinds("openssl speed", times, Ciphers(pathlib.Path(folder)).megabytes_a_second, ("qemu", "native"))
        return [dataclasses.replace(row, unit="MB/s", lower_is_better=False) for row in rows]


def seconds_to_login() -> float:
    """Until the shell that the serial getty of the Debian disk starts."""
    with tempfile.TemporaryDirectory() as folder:
        disk = pathlib.Path(folder, "debian.raw")
        subprocess.run(["cp", "--sparse=always", GUESTS / "debian.raw", disk], check=True)
        with Guest(debian(disk), f"bench-debian-{settings.peer}") as guest:
            guest.wait_for_shell(timeout=600)
            return time.monotonic() - guest.started


def login(times: int) -> list[Row]:
    return [compare("Debian disk to its shell", "s", times, seconds_to_login)]
