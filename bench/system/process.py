"""What a running process costs its host, read from /proc."""
import os
import pathlib
import re

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """User and system time of all its threads so far; resolution 1 / SC_CLK_TCK."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_beyond_guest(pid: int, guest_bytes: int) -> float:
    """MiB resident outside the guest's own RAM, which is known by its size: the mapping, or run of mappings made from
    it, of at least half of that."""
    total = 0
    mapping = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := re.match(r"^([0-9a-f]+)-([0-9a-f]+) ", line):
            mapping = int(match[2], 16) - int(match[1], 16)
        elif line.startswith("Rss:") and mapping < guest_bytes // 2:
            total += int(line.split()[1])
    return total / 1024
