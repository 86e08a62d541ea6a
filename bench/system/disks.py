"""Disk images without a machine: Orrery's storage against qemu-img on the same files, which are in the page cache."""
import pathlib
import resource
import subprocess
import tempfile

from figures import Row, Sample
from machine import ORRERY, TOP

MIB = 1 << 20
IMAGE = 1024 * MIB
COUNT = 100_000
DEPTH = 16
STEP = 257 * 4096  # away from any readahead, and over all clusters before it comes again
REQUESTS = TOP / "build" / "release" / "bench" / "disk_requests"


def processor_seconds(command: list) -> float:
    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = used()
    subprocess.run(command, check=True, capture_output=True)
    return used() - before


def requests(peer: str, image: pathlib.Path, kind: str) -> float:
    """Processor time of one request, microseconds."""
    if peer == "orrery":
        command = [REQUESTS, image, kind, str(COUNT), str(DEPTH), "4096", str(STEP)]
    else:
        command = ["qemu-img", "bench", "-f", "qcow2", "-c", str(COUNT), "-d", str(DEPTH), "-s", "4096", "-S", str(STEP), "-i", "io_uring"]
        command += ["-w"] if kind == "write" else []
        command += [image]
    return processor_seconds(command) / COUNT * 1e6


def convert(peer: str, source: pathlib.Path, to_format: str) -> float:
    """Processor time of copying a disk, milliseconds for a GiB. (Time by the clock is the host's disk's.)"""
    target = source.with_name("converted")
    target.unlink(missing_ok=True)
    if peer == "orrery":
        command = [ORRERY, "disk", "convert", source, target, "--to-format", to_format]
    else:
        command = ["qemu-img", "convert", "-t", "writeback", "-O", to_format, source, target]  # durable at its end, as ours is
    return processor_seconds(command) * 1e3 * (1024 * MIB / IMAGE)


def disks(times: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as folder:
        image = pathlib.Path(folder) / "full.qcow2"
        raw = pathlib.Path(folder) / "full.img"
        with open("/dev/urandom", "rb") as source, open(raw, "wb") as file:
            for _ in range(IMAGE // MIB):
                file.write(source.read(MIB))
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True)

        def row(name: str, unit: str, function, *arguments) -> Row:
            sides: dict[str, list[float]] = {"orrery": [], "qemu": []}
            for _ in range(times):
                for peer, values in sides.items():
                    values.append(function(peer, *arguments))
            return Row(name, unit, Sample(sides["orrery"]), {"qemu": Sample(sides["qemu"])})

        rows.append(row("qcow2: 4 KiB read, processor time", "us", requests, image, "read"))
        rows.append(row("qcow2: 4 KiB write in place, processor time", "us", requests, image, "write"))
        rows.append(row("convert raw to qcow2, processor time for 1 GiB", "ms", convert, raw, "qcow2"))
        rows.append(row("convert qcow2 to raw, processor time for 1 GiB", "ms", convert, image, "raw"))
    return rows
