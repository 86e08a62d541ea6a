"""Keys from `--input` (docs/formats/input.md), as guests see them."""
import socket

from bare_metal import write_image
from case import SystemTest
from machine import Machine, small_guest

# 1: in al,64h; test al,1; jz 1b; in al,60h; mov dx,3F8h; out dx,al; jmp 1b
COPY_SCAN_CODES = bytes.fromhex("e464 a801 74fa e460 66baf803 ee ebf1")


class InputTest(SystemTest):
    def start_with_input(self, machine: Machine):
        self.skip_unless_orrery()
        path = self.scratch / "input"
        return self.start([*machine.command(), "--input", f"socket={path}"]), path

    def send_lines(self, path, lines: list[str]) -> None:
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(60)
        client.connect(str(path))
        client.sendall("".join(line + "\n" for line in lines).encode())
        answers = b""
        while answers.count(b"\n") < len(lines):
            answers += client.recv(4096)
        self.assertEqual(answers, b"ok\n" * len(lines))

    def test_bare_metal_sees_scan_codes(self):
        image = write_image(self.scratch / "guest.img", b"\x66\xba\xf8\x03\xb0>\xee" + COPY_SCAN_CODES)
        guest, path = self.start_with_input(Machine(kernel=image))
        guest.expect(">", 30)
        # Scan code set 1, translated by the controller: what is below 80h goes down, and the same with bit 7 goes up. Far more
        # than the keyboard's buffer holds.
        self.send_lines(path, ["type qwertyuiop"] * 20 + ["tap ShiftRight"])
        guest.expect("\x36", 30)
        presses = [byte for byte in guest.transcript.split(b">", 1)[1] if byte < 0x80]
        self.assertEqual(bytes(presses), bytes(range(0x10, 0x1A)) * 20 + b"\x36")

    def test_linux_reads_typed_text(self):
        guest, path = self.start_with_input(small_guest())
        guest.wait_for_shell()
        # Linux throws away what is typed while nobody has the terminal open: open it first, then say so.
        guest.send("exec 3</dev/tty1; echo list''ening; read line <&3; echo got-\"$line\"\n")
        guest.expect("listening", 60)
        self.send_lines(path, ["type Hello, World! ~|{}", "tap Enter"])
        guest.expect(r"got-Hello, World! ~\|\{\}", 60)
        guest.power_off()
