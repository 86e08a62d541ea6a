"""Debian's GDB on a guest, through `--gdb`."""
import re
import shutil
import socket
import subprocess

from bare_metal import HALT, HEADER, LOAD_ADDRESS, debug_exit, print_text, write_image
from case import SystemTest
from machine import Machine, free_port, settings, small_guest

# xor eax, eax; again: inc eax; mov [200000h], eax; cmp eax, 1000h; jne again
COUNT = bytes.fromhex("31c0 40 a300002000 3d00100000 75f3") + print_text("E") + HALT
CODE = LOAD_ADDRESS + HEADER.size
AGAIN, STORE, COMPARE = CODE + 2, CODE + 3, CODE + 8


class GdbTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()
        if not shutil.which("gdb"):
            self.skipTest("gdb is not installed")

    def start_waiting(self, machine: Machine):
        port = free_port()
        return self.start([*machine.command(), "--gdb", f"{port},wait"]), port

    def debug(self, port: int, *commands: str) -> str:
        """What GDB prints for these commands, in one batch."""
        words = ["gdb", "-batch", "-nx", "-ex", "set confirm off", "-ex", "set pagination off"]
        for command in [f"target remote 127.0.0.1:{port}", *commands]:
            words += ["-ex", command]
        result = subprocess.run(words, capture_output=True, text=True, timeout=180 * settings.patience)
        return result.stdout + result.stderr

    def count(self) -> Machine:
        return Machine(kernel=write_image(self.scratch / "guest.img", COUNT))

    def test_steps_from_the_first_instruction_on(self):
        guest, port = self.start_waiting(self.count())
        told = self.debug(port, "info threads", "print $pc", "stepi", "stepi", "print $pc", "print $eax", "detach")
        self.assertIn("vCPU 0", told)
        self.assertEqual(re.findall(r"= \(void \(\*\)\(\)\) (0x[0-9a-f]+)", told), [f"{CODE:#x}", f"{STORE:#x}"])
        self.assertIn("= 1\n", told)
        guest.expect("E", 30)  # detached, it goes on

    def test_breakpoints_and_changed_registers(self):
        guest, port = self.start_waiting(self.count())
        told = self.debug(port, f"break *{COMPARE:#x}", "continue", "print $eax", "continue", "print $eax",
                          "set $eax = 0xfff", "delete", "detach")
        self.assertIn("Breakpoint 1, ", told)
        self.assertIn("= 1\n", told)
        self.assertIn("= 2\n", told)
        guest.expect("E", 30)

    def test_watches_memory(self):
        guest, port = self.start_waiting(self.count())
        told = self.debug(port, "watch *(int*)0x200000", "continue", "print $pc", "continue", "delete", "detach")
        self.assertIn("New value = 1\n", told)
        self.assertIn("New value = 2\n", told)
        self.assertIn(f"{COMPARE:#x}", told)
        guest.expect("E", 30)

    def test_breaks_in_a_running_linux(self):
        port = free_port()
        guest = self.boot([*small_guest(cpus=2).command(), "--gdb", str(port)])
        guest.send("grep ' __x64_sys_sync$' /proc/kallsyms\n")
        address = guest.expect(r"(?m)^([0-9a-f]{16}) T __x64_sys_sync", 30).group(1)
        guest.send("sleep 4; taskset 2 sync; echo syn''ced\n")
        told = self.debug(port, f"hbreak *0x{address if isinstance(address, str) else address.decode()}", "continue",
                          "print $pc", "print/x $cr0", "thread 1", "print/x $cr0", "stepi", "detach")
        self.assertRegex(told, "Thread 2 hit Breakpoint 1, ")
        self.assertEqual(len(re.findall(r"= 0x8005003[0-9a-f]\b", told)), 2, told)
        guest.expect("synced", 30)
        guest.power_off()

    def test_tells_the_end_of_the_machine(self):
        port = free_port()
        guest = self.start([*Machine(kernel=write_image(self.scratch / "guest.img", COUNT[:-4] + debug_exit(3)),
                                     debug_exit=True).command(), "--gdb", f"{port},wait"])
        self.assertIn("exited normally", self.debug(port, "continue"))
        self.assertEqual(guest.wait(30), 7)

    def test_an_address_in_use_is_refused(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            image = write_image(self.scratch / "guest.img", b"\xeb\xfe")
            guest = self.start([*Machine(kernel=image).command(), "--gdb", str(port)])
            self.assertEqual(guest.wait(30), 1)
            self.assertRegex(guest.transcript, rb"--gdb 127.0.0.1:\d+: .*Address already in use")
