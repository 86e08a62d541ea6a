"""`orrery top`: docs/orrery-top.md."""
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from cluster import ClusterTest
from machine import ORRERY, settings


class TopTest(ClusterTest):
    def words(self, *more):
        return [ORRERY, "top", "--panel", self.address, "--token-file", self.scratch / "panel/admin.token", *more]

    def busy_guest(self):
        self.create("busy", "--net", "user")
        self.orrery("vm", "start", "busy")
        self.wait_for_state("busy", "running")
        # It writes to its console all the time.
        console = subprocess.Popen(
            [ORRERY, "vm", "console", "busy", *self.words()[2:]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        self.addCleanup(console.stdin.close)
        self.addCleanup(console.wait)
        self.addCleanup(console.kill)
        console.stdin.write(b"\nwhile :; do :; done\n")
        console.stdin.flush()

    def test_programs_get_rates(self):
        self.busy_guest()
        self.create("idle")

        def processors():
            top = json.loads(self.orrery("top", "--json"))
            self.assertEqual([each["name"] for each in top["platforms"]], ["h1"])
            self.assertEqual([each["name"] for each in top["vms"]], ["busy", "idle"])
            self.assertIsNone(top["vms"][1]["rates"])
            rates = top["vms"][0]["rates"]
            self.assertGreater(rates["resident"], 1 << 20)
            self.assertAlmostEqual(top["platforms"][0]["rates"]["processors"], rates["processors"])
            return rates["processors"]

        self.wait_for(lambda: processors() > 0.05)

    def test_people_get_a_table(self):
        self.busy_guest()
        text = self.orrery("top", "--once")
        self.assertIn("1 virtual machines, 1 running", text)
        self.assertRegex(text, r"PLATFORM +STATE +VMS +ALLOCATED +CPU% +RESIDENT +DISK +NET\nh1 +ready +1 ")
        self.assertRegex(text, r"busy +running +h1 +[0-9.]+ ")
        # To a pipe: one after the other, until it is told to end.
        top = subprocess.Popen(self.words("--seconds", "1"), stdout=subprocess.PIPE, text=True)
        self.addCleanup(top.stdout.close)
        heads = 0
        while heads < 3:
            heads += top.stdout.readline().startswith("PLATFORM")
        top.terminate()
        top.stdout.read()
        self.assertEqual(top.wait(), 0)

    def test_a_terminal_is_filled_and_given_back(self):
        self.busy_guest()
        screen = Screen(self, self.words("--seconds", "1"), rows=10, columns=60)
        screen.expect("by processor; keys")
        screen.expect(r"busy +running +h1 +[0-9]")
        screen.resize(rows=10, columns=30)
        screen.expect(r"(?m)^by processor; keys: p m d n a \x1b")
        for line in screen.lines():
            self.assertLessEqual(len(line), 30, line)
        screen.type("m")
        screen.expect("by memory")
        self.kill(self.panel)
        screen.expect("NOT UP TO DATE")
        self.start_panel()
        screen.expect("by memory")
        screen.type("\x03")
        self.assertEqual(screen.wait(), 0)
        self.assertIn("\x1b[?1049l", screen.text, "the other screen is left")
        self.assertIn("\x1b[?25h", screen.text, "the cursor is back")
        self.assertTrue(screen.echoes(), "the terminal is as it was")

    def test_it_says_why_there_is_nothing(self):
        nobody = subprocess.run(
            [ORRERY, "top", "--panel", "127.0.0.1:1", "--token-file", self.scratch / "panel/admin.token"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        self.assertEqual(nobody.returncode, 1)
        self.assertIn("is `orrery panel` running there", nobody.stderr)
        wrong = self.scratch / "wrong"
        wrong.write_text("wrong\n")
        wrong.chmod(0o600)
        refused = subprocess.run([ORRERY, "top", "--panel", self.address, "--token-file", wrong],
                                 capture_output=True, text=True, timeout=60)  # fmt: skip
        self.assertEqual(refused.returncode, 1)
        self.assertIn("orrery top: ", refused.stderr)


class Screen:
    """A terminal with a program in it."""

    def __init__(self, test, words, rows, columns):
        self.test = test
        self.text = ""
        self.seen = 0
        self.master, slave = pty.openpty()
        test.addCleanup(os.close, self.master)
        self.resize_only(rows, columns)
        self.program = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )  # fmt: skip
        os.close(slave)
        test.addCleanup(self.program.wait)
        test.addCleanup(self.program.kill)

    def resize_only(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.resize_only(rows, columns)
        self.program.send_signal(signal.SIGWINCH)

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self):
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                self.text += os.read(self.master, 65536).decode()
            except OSError:  # the program has ended
                return False
        return True

    def expect(self, pattern):
        """Behind what was found before."""
        deadline = time.monotonic() + 60 * settings.patience
        while not (found := re.compile(pattern).search(self.text, self.seen)):
            self.test.assertLess(time.monotonic(), deadline, f"no {pattern} in {self.text[self.seen:]!r}")
            self.test.assertTrue(self.read(), f"the program has ended before {pattern}: {self.text!r}")
        self.seen = found.end()

    def lines(self):
        """Of the last whole picture."""
        picture = self.text.split("\x1b[H")[-1].split("\x1b[J")[0]
        return [line.replace("\x1b[K", "") for line in picture.split("\r\n")]

    def wait(self):
        deadline = time.monotonic() + 60 * settings.patience
        while self.program.poll() is None:
            self.test.assertLess(time.monotonic(), deadline, "it does not end")
            self.read()
        while select.select([self.master], [], [], 0)[0] and self.read():
            pass
        return self.program.returncode

    def echoes(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)
