"""What a test wants to run, and the command line that runs it: on Orrery, or on QEMU to judge a guest by a peer."""
import dataclasses
import os
import pathlib
import socket

TOP = pathlib.Path(__file__).resolve().parents[2]
GUESTS = TOP / "build" / "guests"
LOGS = TOP / "build" / "test-logs"
ORRERY = pathlib.Path(os.environ.get("ORRERY", TOP / "build" / "release" / "orrery"))


@dataclasses.dataclass
class Settings:
    """What the command line of tests/system/run chose."""

    peer: str = "orrery"
    engine: str = "translate"
    # How much longer than expected a guest may take before it counts as hung.
    patience: float = 1.0
    long: bool = False


settings = Settings()


@dataclasses.dataclass
class Machine:
    kernel: pathlib.Path
    initrd: pathlib.Path | None = None
    append: str | None = None
    cpus: int = 1
    memory: str = "512M"
    disks: list[pathlib.Path] = dataclasses.field(default_factory=list)
    network: bool = False
    forwards: list[tuple[int, int]] = dataclasses.field(default_factory=list)  # (host port, guest port)
    tap: str | None = None  # an interface of the host, or of the network namespace that the command runs in
    no_reboot: bool = True
    debug_exit: bool = False
    engine: str | None = None  # where a test is about one
    more: list[str] = dataclasses.field(default_factory=list)  # words for Orrery only

    def command(self) -> list[str]:
        return self._qemu() if settings.peer == "qemu" else self._orrery()

    def _boot(self, dashes: str) -> list[str]:
        words = [f"{dashes}kernel", str(self.kernel)]
        if self.initrd:
            words += [f"{dashes}initrd", str(self.initrd)]
        if self.append is not None:
            words += [f"{dashes}append", self.append]
        return words

    def _orrery(self) -> list[str]:
        words = [str(ORRERY), "run", "--engine", self.engine or settings.engine, *self._boot("--")]
        words += ["--memory", self.memory, "--cpus", str(self.cpus)]
        for disk in self.disks:
            words += ["--disk", str(disk)]
        if self.network:
            words += ["--net", ",".join(["user"] + [f"forward=tcp:{h}:{g}" for h, g in self.forwards])]
        words += ["--net", f"tap={self.tap}"] if self.tap else []
        words += ["--no-reboot"] if self.no_reboot else []
        words += ["--debug-exit"] if self.debug_exit else []
        return words + self.more

    def _qemu(self) -> list[str]:
        words = ["qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-cpu", "max", "-nodefaults"]
        words += ["-display", "none", "-serial", "stdio", *self._boot("-")]
        words += ["-m", self.memory, "-smp", str(self.cpus)]
        for disk in self.disks:
            words += ["-drive", f"file={disk},if=virtio,format=raw"]
        if self.network:
            words += ["-nic", ",".join(["user,model=virtio"] + [f"hostfwd=tcp::{h}-:{g}" for h, g in self.forwards])]
        words += ["-no-reboot"] if self.no_reboot else []
        words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"] if self.debug_exit else []
        return words


def small_guest(**options) -> Machine:
    """Debian's kernel and an initramfs with busybox; ends in a shell on the console."""
    options.setdefault("append", "console=ttyS0 quiet panic=-1")
    return Machine(kernel=GUESTS / "vmlinux", initrd=GUESTS / "initramfs.cpio", **options)


def debian(disk: pathlib.Path, **options) -> Machine:
    """A Debian 12 installation on `disk`, a copy of build/guests/debian.raw."""
    options.setdefault("append", "root=/dev/vda rw console=ttyS0 quiet panic=-1 systemd.show_status=false")
    return Machine(
        kernel=GUESTS / "debian-vmlinux", initrd=GUESTS / "debian-initrd", disks=[disk], network=True, **options
    )


def free_port() -> int:
    """One of loopback's that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
