"""`orrery run` as its user meets it: exit statuses, errors, the terminal, pipes."""
import pathlib
import subprocess
import termios

from bare_metal import HALT, TRIPLE_FAULT, debug_exit, print_text, write_image
from case import SystemTest
from machine import GUESTS, ORRERY, TOP, Machine, small_guest


class ExitStatusTest(SystemTest):
    def image(self, code: bytes) -> pathlib.Path:
        return write_image(self.scratch / "guest.img", code)

    def test_debug_exit_gives_the_guests_status(self):
        guest = self.start(Machine(kernel=self.image(print_text("bare") + debug_exit(21) + HALT), debug_exit=True))
        guest.expect("bare", 30)
        self.assertEqual(guest.wait(30), 21 << 1 | 1)

    def test_debug_exit_is_nothing_unless_asked_for(self):
        guest = self.start(Machine(kernel=self.image(debug_exit(21) + print_text("still here") + HALT)))
        guest.expect("still here", 30)

    def test_triple_fault_is_2_and_shows_the_state(self):
        self.skip_unless_orrery()
        guest = self.start(Machine(kernel=self.image(TRIPLE_FAULT)))
        self.assertEqual(guest.wait(30), 2)
        self.assertRegex(guest.transcript.decode().lower(), r"triple fault(.|\n)*rip")

    def check_refused(self, *arguments: str, names: str) -> None:
        """Status 1, at once, with a message that names what is wrong."""
        self.skip_unless_orrery()
        ran = subprocess.run(
            [ORRERY, "run", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30
        )
        self.assertEqual(ran.returncode, 1, ran.stdout + ran.stderr)
        self.assertIn(names, ran.stderr)

    def test_no_kernel_is_refused(self):
        self.check_refused(names="--kernel")

    def test_unknown_flag_is_refused(self):
        self.check_refused("--no-such-flag", names="--no-such-flag")

    def test_missing_kernel_file_is_refused(self):
        self.check_refused("--kernel", "/no/such/file", names="/no/such/file")

    def test_garbage_kernel_is_refused(self):
        garbage = self.scratch / "garbage"
        garbage.write_bytes(b"not a kernel" * 1000)
        self.check_refused("--kernel", str(garbage), names="--kernel")

    def test_truncated_kernel_is_refused(self):
        for name in ("vmlinux", "vmlinuz"):
            with self.subTest(name):
                truncated = self.scratch / name
                truncated.write_bytes((GUESTS / name).read_bytes()[:1_000_000])
                self.check_refused("--kernel", str(truncated), names="--kernel")

    def test_bad_values_are_refused_by_their_flag(self):
        kernel = ("--kernel", str(self.image(HALT)))
        for flag, value in [
            ("--memory", "lots"), ("--memory", "0"), ("--cpus", "0"), ("--cpus", "17"), ("--engine", "magic"),
            ("--disk", "/no/such/disk"), ("--net", "carrier-pigeon"), ("--console", "telepathy"),
            ("--initrd", "/no/such/initrd"), ("--config", "/no/such/config"),
        ]:
            with self.subTest(flag=flag, value=value):
                self.check_refused(*kernel, flag, value, names=flag)

    def test_dry_run_runs_nothing(self):
        self.skip_unless_orrery()
        machine = Machine(kernel=self.image(print_text("ran")))
        guest = self.start([*machine.command(), "--dry-run"])
        self.assertEqual(guest.wait(30), 0)
        self.assertNotIn(b"\nran", guest.transcript)


class ConsoleTest(SystemTest):
    def test_terminal_is_restored_after_power_off(self):
        guest = self.start(small_guest(), terminal=True)
        before = termios.tcgetattr(guest.terminal)
        guest.wait_for_shell()
        guest.power_off()
        self.assertEqual(termios.tcgetattr(guest.terminal), before)

    def test_control_a_x_quits_and_restores_the_terminal(self):
        self.skip_unless_orrery()
        guest = self.start(small_guest(), terminal=True)
        before = termios.tcgetattr(guest.terminal)
        guest.wait_for_shell()
        guest.send("\x01x")
        guest.wait(30)
        self.assertEqual(termios.tcgetattr(guest.terminal), before)

    def test_control_c_goes_to_the_guest(self):
        self.skip_unless_orrery()
        guest = self.start(small_guest(), terminal=True)
        guest.wait_for_shell()
        guest.send("sh -c 'echo run''ning; sleep 1000'\n")
        guest.expect("running", 30)
        guest.send("\x03")
        guest.wait_for_shell(60)
        guest.power_off()

    def test_reads_a_terminal_that_controls_no_session(self):
        self.skip_unless_orrery()
        guest = self.start(["setsid", "--wait", *small_guest().command()], terminal=True)
        guest.wait_for_shell()
        guest.power_off()

    def test_piped_input_is_not_lost_while_the_guest_boots(self):
        guest = self.start(small_guest())
        guest.send("echo piped''-input\npoweroff -f\n")
        guest.close_input()
        self.assertEqual(guest.wait(300), 0)
        self.assertIn(b"piped-input", guest.transcript)

    def test_console_file_gets_the_output(self):
        self.skip_unless_orrery()
        output = self.scratch / "console.txt"
        image = write_image(self.scratch / "guest.img", print_text("to the file") + debug_exit(0) + HALT)
        guest = self.start([*Machine(kernel=image, debug_exit=True).command(), "--console", f"file={output}"])
        self.assertEqual(guest.wait(30), 1)
        self.assertEqual(output.read_bytes(), b"to the file")
        self.assertNotIn(b"to the file", guest.transcript)


class MakeRunTest(SystemTest):
    def test_runs_commands_from_a_pipe(self):
        self.skip_unless_orrery()
        guest = self.start(["make", "--no-print-directory", "run"], cwd=TOP)
        guest.send("uname -a\nmount /dev/vda /mnt && cat /mnt/README\nmount -o remount,ro /mnt; poweroff -f\n")
        guest.close_input()
        self.assertEqual(guest.wait(600), 0)
        self.assertRegex(guest.transcript, rb"(?m)^Linux orrery .*-cloud-amd64 ")
        self.assertIn(b"This is the scratch disk", guest.transcript)
