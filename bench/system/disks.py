"""Disk images without a machine: Orrery's storage against qemu-img on the same files, which are in the page cache."""
import pathlib
import random
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


CHAIN_IMAGE = 256 * MIB
CHAIN_LINKS = 1000
CLUSTER = 64 << 10


def make_chain(folder: pathlib.Path, raw: pathlib.Path) -> None:
    """link0.qcow2 is full; each of the others over the one before has four clusters of its own, as a snapshot of an idle machine."""
    places = random.Random(1)
    templates = []
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, folder / "link0.qcow2"], check=True)
    for number in range(8):
        template = folder / f"template{number}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", template, str(CHAIN_IMAGE)], check=True)
        writes = [f"write -q -P {number + 1} {places.randrange(CHAIN_IMAGE // CLUSTER) * CLUSTER} 64k" for _ in range(4)]
        subprocess.run(["qemu-io", "-f", "qcow2", *(part for write in writes for part in ("-c", write)), template], check=True)
        templates.append(template.read_bytes())
    for link in range(1, CHAIN_LINKS + 1):
        image = folder / f"link{link}.qcow2"
        image.write_bytes(templates[link % len(templates)])
        backing = ["-b", f"link{link - 1}.qcow2", "-F", "qcow2"]
        subprocess.run(["qemu-img", "rebase", "-q", "-u", "-f", "qcow2", *backing, image], check=True)


def chain_read(peer: str, folder: pathlib.Path) -> float:
    """Time by the clock of one 4 KiB read, microseconds. PEER: whose, and at which depth."""
    whose, depth = peer.split(" at depth ")
    image = folder / f"link{depth}.qcow2"
    if whose == "orrery":
        count = COUNT * 4
        command = [REQUESTS, image, "read", str(count), str(DEPTH), "4096", str(STEP)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / count * 1e6
    count = COUNT // (1 if depth == "0" else 20)  # half a millisecond each
    command = ["qemu-img", "bench", "-f", "qcow2", "-c", str(count), "-d", str(DEPTH), "-s", "4096", "-S", str(STEP), "-i", "io_uring", image]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return float(said.split("completed in ")[1].split()[0]) / count * 1e6


def chain_open(peer: str, folder: pathlib.Path) -> float:
    """Time by the clock of opening a disk, all links checked; milliseconds."""
    image = folder / f"link{peer.split(' at depth ')[1]}.qcow2"
    return float(subprocess.run([REQUESTS, image, "open", "50"], check=True, capture_output=True, text=True).stdout) * 1e3


def chains(times: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as name:
        folder = pathlib.Path(name)
        raw = folder / "full.img"
        with open("/dev/urandom", "rb") as source:
            raw.write_bytes(source.read(CHAIN_IMAGE))
        make_chain(folder, raw)

        def row(what: str, unit: str, function, ours: str, *others: str) -> Row:
            sides: dict[str, list[float]] = {side: [] for side in (ours, *others)}
            for _ in range(times):
                for side, values in sides.items():
                    values.append(function(side, folder))
            samples = {side: Sample(values) for side, values in sides.items()}
            return Row(what, unit, samples.pop(ours), samples)

        return [
            row("qcow2, 200 links below: 4 KiB read", "us", chain_read, "orrery at depth 200", "qemu at depth 200", "qemu at depth 0"),
            row("qcow2, 1000 links below: 4 KiB read", "us", chain_read, "orrery at depth 1000", "orrery at depth 0"),
            row("qcow2, 100 links below: open and check them", "ms", chain_open, "orrery at depth 100", "orrery at depth 0"),
            row("qcow2, 1000 links below: open and check them", "ms", chain_open, "orrery at depth 1000", "orrery at depth 0"),
        ]
