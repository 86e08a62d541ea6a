"""The measurements: each runs the same work on Orrery and on its peers and returns rows."""
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

import bare_metal
import bochs
import process
from applications import crypto, login, programs
from disks import chains, disks
from figures import Row, Sample
from guest import Guest
from machine import TOP, Machine, settings, small_guest
from nbd import nbd
from programs import initrd_with
from sides import compare, compare_kinds, repeat
from snapshots import snapshots

PROGRAMS = TOP / "bench" / "guest"

GUEST_MIB = 512
REQUESTS = 20_000
DISK_MIB = 256


def seconds_to_shell() -> float:
    with Guest(small_guest(), f"bench-boot-{settings.peer}") as guest:
        guest.wait_for_shell()
        return time.monotonic() - guest.started


LOUD = "console=ttyS0 panic=-1"  # without "quiet", so that the kernel's first message tells when it begins


def loud_processor_seconds() -> float:
    """Processor time from the kernel's first message to its shell: leaves the loaders out, which differ."""
    with Guest(small_guest(append=LOUD), f"bench-loud-{settings.peer}") as guest:
        guest.expect("Linux version", 60)
        before = process.cpu_seconds(guest.process.pid)
        guest.wait_for_shell()
        return process.cpu_seconds(guest.process.pid) - before


def against_bochs(times: int) -> list[Row]:
    if not bochs.available():
        print("no Bochs: install bochs seabios isolinux syslinux-common genisoimage", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        guest = small_guest()
        image = bochs.make_image(folder, guest.kernel.with_name("vmlinuz"), guest.initrd, LOUD)
        theirs = repeat(times, bochs.seconds_to_shell, folder, image)
    ours = repeat(times, loud_processor_seconds)
    return [Row("kernel's first message to its shell, processor time", "s", ours, {"bochs": theirs})]


def boot(times: int) -> list[Row]:
    rows = [compare("small guest to its shell", "s", times, seconds_to_shell)]
    # The translator does not count instructions.
    return rows if settings.engine == "translate" else [*rows, instructions_per_second(times)]


def mips_of_a_boot() -> float:
    """What --engine-stats says at the end: instructions by the processor time of the whole process."""
    with Guest([*small_guest().command(), "--engine-stats"], "bench-mips") as guest:
        guest.wait_for_shell()
        guest.send("poweroff -f\n")
        guest.wait(60)
        return float(re.search(rb"([\d.]+) MIPS", guest.transcript)[1])


def instructions_per_second(times: int) -> Row:
    return Row(f"{settings.engine} over a boot", "MIPS", repeat(times, mips_of_a_boot), {}, lower_is_better=False)


def start_to_exit() -> float:
    """Milliseconds from exec to exit of a guest whose first instructions end the machine."""
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(bare_metal.write_image(pathlib.Path(folder, "exit"), bare_metal.debug_exit(0)), debug_exit=True, memory=f"{GUEST_MIB}M")
        begin = time.monotonic()
        subprocess.run(machine.command(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return (time.monotonic() - begin) * 1000


def start_to_first_instructions() -> float:
    """Milliseconds from exec until the guest's first instructions, which write a byte to the first serial port, have
    reached the reader of standard output."""
    with tempfile.TemporaryDirectory() as folder:
        code = bare_metal.print_text("!") + bare_metal.HALT
        machine = Machine(bare_metal.write_image(pathlib.Path(folder, "first"), code), memory=f"{GUEST_MIB}M")
        begin = time.monotonic()
        child = subprocess.Popen(machine.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with child:
            while b"!" not in os.read(child.stdout.fileno(), 4096):
                pass
            taken = (time.monotonic() - begin) * 1000
            child.kill()
            return taken


def start(times: int) -> list[Row]:
    return [
        compare("process start to the output of the first guest instructions", "ms", times * 3, start_to_first_instructions),
        compare("process start, first guest instructions, exit", "ms", times * 3, start_to_exit),
    ]


def memory_at_shell() -> float:
    with Guest(small_guest(memory=f"{GUEST_MIB}M"), f"bench-memory-{settings.peer}") as guest:
        guest.wait_for_shell()
        return process.memory_beyond_guest(guest.process.pid, GUEST_MIB << 20)


def memory(times: int) -> list[Row]:
    return [compare("memory beyond the guest's own, at the shell", "MiB", times, memory_at_shell)]


class RandomReads:
    """The small guest with a disk and the reading program."""

    def __init__(self, folder: pathlib.Path):
        self.initrd = initrd_with(folder, PROGRAMS / "random_read.c")
        self.disk = folder / "disk.raw"
        subprocess.run(["dd", "if=/dev/urandom", f"of={self.disk}", "bs=1M", f"count={DISK_MIB}", "status=none"], check=True)

    def microseconds_per_request(self) -> float:
        machine = small_guest(disks=[self.disk])
        machine.initrd = self.initrd
        with Guest(machine, f"bench-reads-{settings.peer}") as guest:
            guest.wait_for_shell()
            guest.run("/random_read /dev/vda 1000")
            before = process.cpu_seconds(guest.process.pid)
            guest.run(f"/random_read /dev/vda {REQUESTS}", timeout=300)
            return (process.cpu_seconds(guest.process.pid) - before) / REQUESTS * 1e6


def reads(times: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        guest = RandomReads(pathlib.Path(folder))
        return [compare("4 KiB random read, host processor time", "us", times, guest.microseconds_per_request)]


class Work:
    """The kinds of work of bench/guest/work.c, in the small guest and natively."""

    LINE = re.compile(r"^(\w+) ([\d.]+) ([0-9a-f]{16})\r?$", re.MULTILINE)

    def __init__(self, folder: pathlib.Path):
        self.initrd = initrd_with(folder, PROGRAMS / "work.c")
        self.program = folder / "work"
        self.kinds = subprocess.run([self.program, "list"], capture_output=True, text=True, check=True).stdout.split()

    def seconds(self) -> dict[str, float]:
        """Of every kind, on the peer in turn. All peers must come to the same result."""
        text = self._natively() if settings.peer == "native" else self._in_guest()
        found = {name: (float(seconds), check) for name, seconds, check in self.LINE.findall(text)}
        for name, (_, check) in found.items():
            if (expected := self.checks.setdefault(name, check)) != check:
                raise ValueError(f"{name}: {settings.peer} computes {check}, not {expected}")
        return {name: seconds for name, (seconds, _) in found.items()}

    checks: dict[str, str] = {}

    def _natively(self) -> str:
        return "".join(subprocess.run([self.program, kind], capture_output=True, text=True, check=True).stdout for kind in self.kinds)

    def _in_guest(self) -> str:
        machine = small_guest()
        machine.initrd = self.initrd
        with Guest(machine, f"bench-work-{settings.peer}") as guest:
            guest.wait_for_shell()
            return "\n".join(guest.run(f"/work {kind}", timeout=300) for kind in self.kinds)


def work(times: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return compare_kinds("work", times, Work(pathlib.Path(folder)).seconds, ("qemu", "native"))


PAGING_KINDS = ("ping", "visits", "spawn", "faults")
PAGING_FEATURES = ("tags", "batches", "lazy", "directed")


def paging_seconds(initrd: pathlib.Path, features: str) -> dict[str, float]:
    """Processor time of each kind of work with these features of --paging only."""
    machine = small_guest(more=["--paging", features])
    machine.initrd = initrd
    seconds = {}
    with Guest(machine, f"bench-paging-{features}") as guest:
        guest.wait_for_shell()
        for kind in PAGING_KINDS:
            before = process.cpu_seconds(guest.process.pid)
            guest.run(f"/work {kind}", timeout=300)
            seconds[kind] = process.cpu_seconds(guest.process.pid) - before
    return seconds


def paging(times: int) -> list[Row]:
    """All four against none and against each left out, in turn."""
    sides = {"all": "all", "none": "none"}
    for feature in PAGING_FEATURES:
        sides[f"without {feature}"] = ",".join(other for other in PAGING_FEATURES if other != feature)
    with tempfile.TemporaryDirectory() as folder:
        initrd = initrd_with(pathlib.Path(folder), PROGRAMS / "work.c")
        rounds = [{side: paging_seconds(initrd, features) for side, features in sides.items()} for _ in range(times)]
    rows = []
    for kind in PAGING_KINDS:
        samples = {side: Sample([one[side][kind] for one in rounds]) for side in sides}
        rows.append(Row(f"paging: {kind}, processor time", "s", samples.pop("all"), samples))
    return rows


def seconds_on(initrd: pathlib.Path, program: pathlib.Path, processors: int) -> float:
    """Two equal halves of work, in processes of their own, on so many processors."""
    if settings.peer == "native":
        command = ["taskset", "-c", "0" if processors == 1 else f"0-{processors - 1}", program, "halves"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    else:
        machine = small_guest(cpus=processors)
        machine.initrd = initrd
        with Guest(machine, f"bench-processors-{settings.peer}") as guest:
            guest.wait_for_shell()
            text = guest.run("/work halves", timeout=600)
    return float(re.search(r"halves ([\d.]+)", text)[1])


def processors(times: int) -> list[Row]:
    """How many times faster two processors are than one."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        initrd = initrd_with(folder, PROGRAMS / "work.c")

        def speedup() -> float:
            return seconds_on(initrd, folder / "work", 1) / seconds_on(initrd, folder / "work", 2)

        row = compare("two processors against one", "times", times, speedup, ("qemu", "native"))
        return [dataclasses.replace(row, lower_is_better=False)]


def counted(times: int) -> list[Row]:
    """The kinds of work of bench/guest/work.c in counted mode and without, on the translator, in turn."""
    sides = {"counted": ["--counted"], "uncounted": []}
    seconds: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        program = Work(pathlib.Path(folder))
        for _ in range(times):
            for side, more in sides.items():
                machine = small_guest(engine="translate", more=more)
                machine.initrd = program.initrd
                with Guest(machine, f"bench-{side}") as guest:
                    guest.wait_for_shell()
                    text = "\n".join(guest.run(f"/work {kind}", timeout=300) for kind in program.kinds)
                for kind, found, _ in program.LINE.findall(text):
                    seconds.setdefault(kind, {}).setdefault(side, []).append(float(found))
    samples = {kind: {side: Sample(found) for side, found in by_side.items()} for kind, by_side in seconds.items()}
    return [Row(f"counted: {kind}", "s", by_side.pop("counted"), by_side) for kind, by_side in samples.items()]


MEASURES = {
    "boot": boot,
    "login": login,
    "bochs": against_bochs,
    "start": start,
    "memory": memory,
    "reads": reads,
    "work": work,
    "programs": programs,
    "paging": paging,
    "counted": counted,
    "processors": processors,
    "crypto": crypto,
    "disks": disks,
    "chains": chains,
    "nbd": nbd,
    "snapshots": snapshots,
}
