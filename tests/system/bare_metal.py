"""Guests of a few bytes: multiboot images around 32-bit code, for what needs no operating system."""
import pathlib
import struct

LOAD_ADDRESS = 0x100000
HEADER = struct.Struct("<8I")


def write_image(path: pathlib.Path, code: bytes) -> pathlib.Path:
    """A flat image by the Multiboot Specification 0.6.96, 3.1: its header, then `code`, which starts in 32-bit mode."""
    magic, has_addresses = 0x1BADB002, 1 << 16
    checksum = -(magic + has_addresses) & 0xFFFFFFFF
    start = LOAD_ADDRESS + HEADER.size
    end = start + len(code)
    header = HEADER.pack(magic, has_addresses, checksum, LOAD_ADDRESS, LOAD_ADDRESS, end, end, start)
    path.write_bytes(header + code)
    return path


def out_byte(port: int, value: int) -> bytes:
    return b"\x66\xba" + struct.pack("<H", port) + b"\xb0" + bytes([value]) + b"\xee"  # mov dx; mov al; out dx, al


def print_text(text: str) -> bytes:
    """Code that writes to the first serial port, without waiting: for fewer bytes than its FIFO has."""
    return b"".join(out_byte(0x3F8, byte) for byte in text.encode())


def debug_exit(value: int) -> bytes:
    return out_byte(0xF4, value)


HALT = b"\xfa\xf4\xeb\xfc"  # cli; 1: hlt; jmp 1b
# An empty interrupt table makes of any exception a triple fault: push 0; push 0; lidt [esp]; ud2
TRIPLE_FAULT = b"\x6a\x00\x6a\x00\x0f\x01\x1c\x24\x0f\x0b"
