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
    it, of at least half of that. A file that is mapped twice, as the translator's code cache is, counts once."""
    resident: dict[object, int] = {}
    mapping, place = 0, None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if match := re.match(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) (\S+) \S+ (\d+)", line):
            mapping = int(match[2], 16) - int(match[1], 16)
            shared = match[3].endswith("s") and match[5] != "0"
            place = (match[5], match[4], mapping) if shared else match[0]  # inode and offset name the bytes
        elif line.startswith("Rss:") and mapping < guest_bytes // 2:
            resident[place] = max(resident.get(place, 0), int(line.split()[1]))
    return sum(resident.values()) / 1024
