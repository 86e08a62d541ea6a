"""Orrery's NBD server against qemu-nbd and nbdkit: the same clients on the same file, which is in the page cache."""
import contextlib
import pathlib
import subprocess
import tempfile
import time

import process
from figures import Row, Sample
from machine import ORRERY

MIB = 1 << 20
IMAGE = 1024 * MIB
COUNT = 50_000
DEPTH = 16
STEP = 257 * 4096  # away from any readahead, and over all of the image before it comes again
FORMATS = {"raw": ["orrery", "qemu-nbd", "nbdkit"], "qcow2": ["orrery", "qemu-nbd"]}  # nbdkit has no qcow2


def command(peer: str, image: pathlib.Path, form: str, socket: pathlib.Path) -> list:
    if peer == "orrery":
        return [ORRERY, "disk", "export-nbd", image, "--format", form, "--socket", socket]
    if peer == "qemu-nbd":
        return ["qemu-nbd", "-t", "-e", "64", "-f", form, "--cache=writeback", "--aio=io_uring", "-k", socket, image]
    return ["nbdkit", "--foreground", "--unix", socket, "file", image]


@contextlib.contextmanager
def served(peer: str, image: pathlib.Path, form: str):
    """Yields the address and the server's process."""
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as folder:
        socket = pathlib.Path(folder) / "socket"
        with subprocess.Popen(command(peer, image, form, socket), stdout=subprocess.DEVNULL) as server:
            while not socket.exists():
                time.sleep(0.01)
            try:
                yield f"nbd+unix:///?socket={socket}", server.pid
            finally:
                server.terminate()


def measure(peer: str, image: pathlib.Path, form: str, client: list) -> tuple[float, float]:
    """Seconds by the clock, and of the server's processor time; ADDRESS in the client's words stands for the export."""
    with served(peer, image, form) as (address, pid):
        before, begin = process.cpu_seconds(pid), time.monotonic()
        subprocess.run([str(word).replace("ADDRESS", address) for word in client], check=True, capture_output=True)
        return time.monotonic() - begin, process.cpu_seconds(pid) - before


def nbd(times: int) -> list[Row]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="orrery-bench-") as folder:
        raw = pathlib.Path(folder) / "full.img"
        with open("/dev/urandom", "rb") as source, open(raw, "wb") as file:
            for _ in range(IMAGE // MIB):
                file.write(source.read(MIB))
        qcow2 = raw.with_suffix(".qcow2")
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, qcow2], check=True)
        bench = ["qemu-img", "bench", "-f", "raw", "-c", COUNT, "-d", DEPTH, "-s", 4096, "-S", STEP]
        for form, peers in FORMATS.items():
            image = raw if form == "raw" else qcow2
            for name, client, unit, scale in [
                ("nbdcopy out, of 1 GiB", ["nbdcopy", "ADDRESS", "null:"], "s", 1),
                ("nbdcopy in, of 1 GiB", ["nbdcopy", "--flush", raw, "ADDRESS"], "s", 1),
                ("4 KiB read", [*bench, "ADDRESS"], "us", 1e6 / COUNT),
                ("4 KiB write in place", [*bench, "-w", "ADDRESS"], "us", 1e6 / COUNT),
            ]:
                clock: dict[str, list[float]] = {peer: [] for peer in peers}
                used: dict[str, list[float]] = {peer: [] for peer in peers}
                for _ in range(times):
                    for peer in peers:
                        seconds, processor = measure(peer, image, form, client)
                        clock[peer].append(seconds * scale)
                        used[peer].append(processor * scale)
                for what, sides in [("by the clock", clock), ("server's processor time", used)]:
                    samples = {peer: Sample(values) for peer, values in sides.items()}
                    rows.append(Row(f"NBD, {form}: {name}, {what}", unit, samples.pop("orrery"), samples))
    return rows
