#!/usr/bin/env python3
"""Writes the generated test files: generate.py DIRECTORY. Each form of generate/*.py becomes one file.

Files that exist are left alone unless their code or inputs differ, so that reviewed expectations stay. New files
have no expectations: `isa_run --executor host --record` takes them from the host's own processor; read
what it writes, then commit. Files of forms that are gone are deleted (only those that say they are generated).
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from generate import avx, bit_fields, control, form, integer, mmx_sse, stack_string, system, x87  # noqa: E402


def without_expectations(text):
    lines, skipping = [], False
    for line in text.splitlines():
        if line.startswith(";! out:"):
            skipping = True
        elif not (skipping and line.startswith(";!  ")):
            skipping = False
            lines.append(line)
    return lines


def main():
    directory = pathlib.Path(sys.argv[1])
    written, kept = 0, set()
    for module in (integer, bit_fields, control, stack_string, system, x87, mmx_sse, avx):
        for one in module.forms():
            path = directory / one.folder / (one.name + ".asm")
            if path in kept:
                sys.exit(f"generate.py: two forms are called {path}")
            kept.add(path)
            text = one.text()
            if path.exists() and without_expectations(path.read_text()) == text.splitlines():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            written += 1
    for path in directory.rglob("*.asm"):
        if path not in kept and form.MARK in path.read_text():
            path.unlink()
    print(f"{len(kept)} forms, {written} written")


main()
