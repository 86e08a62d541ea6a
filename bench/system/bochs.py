"""Bochs 2.7 (Debian's package) as a peer: boots a kernel and an initramfs from a CD image made with ISOLINUX, its first
serial port on a socket. Needs the packages bochs, seabios, isolinux, syslinux-common and genisoimage."""
import os
import pathlib
import pty
import select
import shutil
import subprocess
import time

import process

LOADER = [pathlib.Path("/usr/lib/ISOLINUX/isolinux.bin"), pathlib.Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")]
PROMPT = b"orrery:/root#"
LIMIT = 300  # seconds

ISOLINUX = """default linux
prompt 0
label linux
  kernel /vmlinuz
  append initrd=/initrd {append}
"""

# No sound, no window: the speaker and the plugins of sound cards open devices otherwise.
BOCHSRC = """config_interface: textconfig
display_library: rfb, options="timeout=0"
memory: guest=512, host=512
romimage: file=/usr/share/seabios/bios.bin
vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin
cpu: model=corei7_haswell_4770, count=1, ips=50000000, reset_on_triple_fault=0
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path={image}, status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={terminal}
sound: waveoutdrv=dummy, waveout=none, waveindrv=dummy, wavein=none, midioutdrv=dummy, midiout=none
speaker: enabled=0
log: {folder}/bochs.log
"""


def available() -> bool:
    programs = shutil.which("bochs") and shutil.which("genisoimage")
    return bool(programs) and all(file.exists() for file in LOADER)


def make_image(folder: pathlib.Path, kernel: pathlib.Path, initrd: pathlib.Path, append: str) -> pathlib.Path:
    tree = folder / "tree"
    tree.mkdir()
    for file in LOADER:
        shutil.copy(file, tree)
    shutil.copy(kernel, tree / "vmlinuz")
    shutil.copy(initrd, tree / "initrd")
    (tree / "isolinux.cfg").write_text(ISOLINUX.format(append=append))
    image = folder / "boot.iso"
    no_emulation = ["-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    subprocess.run(["genisoimage", "-quiet", "-o", image, *no_emulation, tree], check=True, stderr=subprocess.DEVNULL)
    return image


def seconds_to_shell(folder: pathlib.Path, image: pathlib.Path) -> float:
    """Processor time of Bochs from the kernel's first message to its shell's prompt."""
    ours, theirs = pty.openpty()
    configuration = folder / "bochsrc"
    configuration.write_text(BOCHSRC.format(image=image, terminal=os.ttyname(theirs), folder=folder))
    # Debian's Bochs has the debugger built in, which waits for "c" (continue).
    command = ["bochs-bin", "-q", "-f", configuration]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        try:
            child.stdin.write(b"c\n")
            child.stdin.flush()
            return _listen(ours, child)
        finally:
            child.kill()
            os.close(ours)
            os.close(theirs)


def _listen(terminal: int, child: subprocess.Popen) -> float:
    begin = None
    heard = b""
    deadline = time.monotonic() + LIMIT
    while PROMPT not in heard:
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Bochs did not reach the shell; its last words: {heard[-300:]!r}")
        if not select.select([terminal], [], [], 1)[0]:
            continue
        heard += os.read(terminal, 4096)
        if begin is None and b"Linux version" in heard:
            begin = process.cpu_seconds(child.pid)
    return process.cpu_seconds(child.pid) - begin
