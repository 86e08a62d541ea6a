#!/usr/bin/env python3
"""Assembles every test file into one image and an index: assemble.py IMAGE INDEX LIST (one path per line)

A file runs in each mode that its `;! mode:` line names (64 where there is none; 32, ring0). The image is
laid out for the sandbox (sandbox.hpp) and each slot ends with a jump to its mode's hole in the exit page.
The index has one line per slot: PATH MODE OFFSET LENGTH.
"""
import struct
import subprocess
import sys

CODE_BASE = 0x10000000
EXITS = {"64": 0x101FF000, "32": 0x101FF400, "ring0": 0x101FF800}
SLOT_ALIGNMENT = 64
SYMBOLS = """%define data 0x20000000
%define readonly 0x20002000
%define stack 0x20001f00
"""


def modes_of(path):
    with open(path) as file:
        for line in file:
            if line.startswith(";! mode:"):
                return line.split(":")[1].split()
    return ["64"]


def main():
    image, index, listing = sys.argv[1:]
    with open(listing) as file:
        paths = file.read().split()
    slots = [(path, mode) for path in sorted(paths) for mode in modes_of(path)]
    source = [SYMBOLS, f"org {CODE_BASE:#x}\n"]
    source += [f"dd slot_{i} - $$, end_{i} - slot_{i}\n" for i in range(len(slots))]
    for i, (path, mode) in enumerate(slots):
        bits = 32 if mode == "32" else 64
        source.append(f"align {SLOT_ALIGNMENT}, int3\nbits {bits}\nslot_{i}:\n%include \"{path}\"\n"
                      f"jmp near {EXITS[mode]:#x}\nend_{i}:\n")
    with open(image + ".asm", "w") as file:
        file.write("".join(source))
    # Relaxed displacements and 64-bit absolute moves are the assembler's choice; its warnings are errors.
    done = subprocess.run(["nasm", "-f", "bin", "-O1", "-w+error", "-w-number-overflow", "-w-prefix", "-o", image, image + ".asm"])
    if done.returncode != 0:
        sys.exit("assemble.py: nasm failed; see above")
    with open(image, "rb") as file:
        code = file.read()
    with open(index, "w") as file:
        for i, (path, mode) in enumerate(slots):
            offset, length = struct.unpack_from("<II", code, i * 8)
            file.write(f"{path} {mode} {offset} {length}\n")


main()
