"""Snapshots of a running VM of 1 GiB: how long it stands, and how soon a VM goes on from one."""
import json
import os
import pathlib
import subprocess
import tempfile
import time

from figures import Row, Sample
from guest import Guest
from machine import ORRERY, TOP, settings, small_guest
from programs import initrd_with

COUNTER = TOP / "tests" / "system" / "programs" / "counter.c"
FILLED = "mount -t tmpfs -o size=900m tmp /mnt && dd if=/dev/urandom of=/mnt/file bs=1M count=600 2>/dev/null"


def orrery(*words) -> str:
    return subprocess.run([ORRERY, *words], check=True, capture_output=True, text=True).stdout


class Vm:
    """A guest with 1 GiB of memory, of which it has filled most, and a disk."""

    def __init__(self, folder: pathlib.Path, work: str):
        self.folder, self.library, self.socket = folder, folder / "library", folder / "vm.sock"
        disk = folder / "work.qcow2"
        orrery("disk", "create", disk, "1G")
        machine = small_guest(memory="1G", disks=[disk])
        machine.initrd = initrd_with(folder, COUNTER)
        self.guest = Guest([*machine.command(), "--control", str(self.socket)], "bench-snapshot")
        self.guest.wait_for_shell()
        self.guest.run(FILLED, timeout=300)
        self.guest.send(work + "\n")
        self.made = 0

    def snapshot(self) -> tuple[str, float]:
        """Its name, and for how many milliseconds the VM stood."""
        self.made += 1
        name = f"s{self.made}"
        told = orrery("snapshot", "create", name, "--vm", self.socket, "--library", self.library, "--json")
        return name, json.loads(told)["pause_ns"] / 1e6

    def go_on(self, name: str) -> float:
        """Milliseconds from starting the process to the first byte that its guest prints."""
        began = time.monotonic()
        command = [ORRERY, "run", "--snapshot", f"{name},library={self.library}", "--engine", settings.engine]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            os.read(process.stdout.fileno(), 1)
            taken = time.monotonic() - began
            process.kill()
        return taken * 1e3

    def end(self) -> None:
        self.guest.process.kill()
        self.guest.process.wait()


WORKS = {"idle": "true", "changes 300 pages every 5 ms": "/counter 5", "changes memory all the time": "/counter"}


def snapshots(times: int) -> list[Row]:
    rows = []
    for what, work in WORKS.items():
        with tempfile.TemporaryDirectory(prefix="orrery-bench-") as folder:
            vm = Vm(pathlib.Path(folder), work)
            try:
                time.sleep(2)
                made = [vm.snapshot() for _ in range(times)]
                rows.append(Row(f"snapshot of 1 GiB, pause: the guest {what}", "ms", Sample([pause for _, pause in made]), {}))
                if "every" in what:
                    sample = Sample([vm.go_on(name) for name, _ in made])
                    rows.append(Row("going on from it: process to the guest's first byte", "ms", sample, {}))
            finally:
                vm.end()
    return rows
