"""C programs for the small guest."""
import pathlib
import subprocess

from machine import small_guest


def initrd_with(folder: pathlib.Path, source: pathlib.Path) -> pathlib.Path:
    """The small guest's initrd with a program in its root, made from one C file; the program is in `folder`, too."""
    program = source.stem
    subprocess.run(["gcc", "-O2", "-static", "-pthread", "-o", folder / program, source, "-lm"], check=True)
    extra = subprocess.run(
        ["cpio", "-o", "-H", "newc", "--quiet"], input=f"{program}\n".encode(), cwd=folder, capture_output=True, check=True
    ).stdout
    base = small_guest().initrd.read_bytes()
    initrd = folder / "initrd"
    initrd.write_bytes(base + b"\0" * (-len(base) % 512) + extra)
    return initrd
