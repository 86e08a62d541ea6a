"""Guests whose serial port, clock and keyboard controller are on a device server."""
import socket
import subprocess
import time

from guest import GuestError
from machine import ORRERY, small_guest
from test_remote import RemoteServers


class RemoteRegistersTest(RemoteServers):
    def setUp(self):
        super().setUp()
        self.places = []
        self.servers = [self.start_platform(number) for number in range(2)]

    def start_platform(self, number: int, listen: str = "127.0.0.1:0"):
        """A server with the three, its console and its keys at sockets of its own."""
        for path in (self.console(number), self.keys(number)):
            path.unlink(missing_ok=True)  # of one that was killed
        server = self.start_server(f"uart0=serial:socket={self.console(number)}",
                                   f"keyboard0=keyboard:socket={self.keys(number)}", "clock0=rtc", listen=listen)
        self.places.append(self.address)
        return server

    def console(self, number: int):
        return self.scratch / f"console{number}"

    def keys(self, number: int):
        return self.scratch / f"keys{number}"

    def boot_far(self, more=()):
        places = ",".join(self.places)
        words = ["--certificate", str(self.scratch / "vm.pem"), *more]
        for name in ("uart0", "keyboard0", "clock0"):
            words += ["--device", f"{name}@{places}"]
        guest = self.start(small_guest(cpus=2, more=words))
        self.attach(guest, 0)
        guest.wait_for_shell()
        return guest

    def attach(self, guest, number: int) -> None:
        """Puts the test at the console of that server."""
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.console(number)))
        guest.use_console(client)

    def kill(self, number: int) -> None:
        self.servers[number].kill()
        self.servers[number].wait()

    def check_devices(self, guest, number: int) -> None:
        there = int(guest.run("cat /sys/class/rtc/rtc0/since_epoch"))
        self.assertLess(abs(there - time.time()), 120)
        guest.send("exec 3</dev/tty1; echo list''ening; read line <&3; echo got-\"$line\"\n")
        guest.expect("listening", 60)
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(60)
        client.connect(str(self.keys(number)))
        client.sendall(b"type From afar\ntap Enter\n")
        guest.expect("got-From afar", 60)

    def test_serial_port_clock_and_keyboard(self):
        guest = self.boot_far()
        self.check_devices(guest, 0)
        self.assertEqual(guest.run("seq 1 2000 | md5sum"), guest.run("seq 1 2000 | md5sum"))
        # More than the FIFO holds, both ways.
        text = "x" * 200
        self.assertEqual(guest.run(f"echo {text}"), text)
        guest.power_off()
        for server in self.servers:
            self.stop(server)

    def test_a_killed_platforms_guest_goes_on_at_the_next(self):
        guest = self.boot_far()
        guest.run("echo before >/tmp/before")
        for number in (0, 1, 0):
            other = 1 - number
            self.kill(number)
            self.attach(guest, other)
            self.assertEqual(self.run_again(guest, "cat /tmp/before"), "before")
            self.check_devices(guest, other)
            self.servers[number] = self.start_platform(number, listen=self.places[number])
        guest.power_off()

    def run_again(self, guest, command: str) -> str:
        """What was on its way to the killed console is lost, as on a terminal that is switched off."""
        for _ in range(10):
            try:
                return guest.run(command, timeout=5)
            except GuestError:
                guest.send("\n")
        return guest.run(command)

    def test_a_platform_that_is_killed_and_started_again(self):
        self.kill(1)
        guest = self.boot_far()
        for _ in range(3):
            self.kill(0)
            self.servers[0] = self.start_platform(0, listen=self.places[0])
            self.attach(guest, 0)
            self.assertEqual(self.run_again(guest, "echo here"), "here")
        self.check_devices(guest, 0)
        guest.power_off()

    def test_moves_snapshots_and_a_power_off_without_servers(self):
        control_socket = self.scratch / "vm.sock"

        def control(*words: str) -> subprocess.CompletedProcess:
            return subprocess.run([ORRERY, "control", control_socket, *words], capture_output=True, text=True, timeout=60)

        guest = self.boot_far(more=["--control", str(control_socket)])
        for name in ("uart0", "clock0", "keyboard0"):
            moved = control("move-device", name, self.places[1])
            self.assertEqual((moved.returncode, moved.stderr), (0, ""))
        self.attach(guest, 1)
        self.check_devices(guest, 1)
        self.assertEqual(control("pause").returncode, 0)
        self.assertEqual(control("resume").returncode, 0)
        self.assertEqual(guest.run("echo awake"), "awake")
        # The guest looks at its clock, and so soon waits for a server that does not come.
        guest.run("(while true; do cat /sys/class/rtc/rtc0/since_epoch; done >/dev/null &)")
        for number in range(2):
            self.kill(number)
        deadline = time.monotonic() + 60
        while (paused := control("pause")).returncode == 0 and time.monotonic() < deadline:
            control("resume")
        self.assertRegex(paused.stderr, r"server does not answer \(.*clock0@")
        self.assertEqual(control("quit").returncode, 0)
        self.assertEqual(guest.wait(60), 0)
