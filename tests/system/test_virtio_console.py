"""The virtio console: a terminal, and named channels between programs of guest and host."""
import hashlib
import os
import socket

from case import SystemTest
from guest import Guest
from machine import small_guest


class VirtioConsoleTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()

    def start_with(self, *arguments: str, append: str | None = None) -> Guest:
        options = {} if append is None else {"append": append}
        return self.start([*small_guest(**options).command(), *arguments])

    def connect(self, path) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.settimeout(120)
        client.connect(str(path))
        return client

    def test_is_the_guests_console(self):
        guest = self.start_with("--console", "none", "--virtio-console", "stdio", append="console=hvc0 quiet panic=-1")
        guest.wait_for_shell()
        self.assertEqual(guest.run("tty"), "/dev/hvc0")
        guest.power_off()

    def test_has_a_shell_beside_the_serial_port(self):
        path = self.scratch / "terminal"
        guest = self.start_with("--virtio-console", f"socket={path}")
        guest.wait_for_shell()
        self.assertIn("ttyS0", guest.run("cat /proc/consoles"))
        terminal = self.connect(path)
        # The controlling terminal's device number, of which 229 is the major (Linux, admin-guide/devices.txt).
        terminal.sendall(b"cut -d' ' -f7 /proc/$$/stat; echo do''ne\n")
        answer = b""
        while b"done" not in answer:
            answer += terminal.recv(4096)
        self.assertIn(f"\n{229 << 8}\r\n".encode(), answer)
        guest.power_off()

    def test_named_ports_carry_bytes_both_ways(self):
        paths = [self.scratch / name for name in ("first", "second")]
        guest = self.start_with(
            "--virtio-console", f"socket={paths[0]},name=org.orrery.first",
            "--virtio-console", f"socket={paths[1]},name=org.orrery.second",
        )  # fmt: skip
        guest.wait_for_shell()
        self.assertEqual(guest.run("ls /dev/virtio-ports").split(), ["org.orrery.first", "org.orrery.second"])
        # More than the port, its ring and its queue hold at once: each side has to wait for the other.
        data = os.urandom(300_000)
        expected = hashlib.md5(data).hexdigest()
        for path, name in zip(paths, ("org.orrery.first", "org.orrery.second")):
            with self.subTest(name):
                host = self.connect(path)
                guest.send(f"head -c {len(data)} /dev/virtio-ports/{name} >/tmp/got; echo got''-all\n")
                host.sendall(data)
                guest.expect("got-all", 120)
                self.assertEqual(guest.run("md5sum </tmp/got").split()[0], expected)
                guest.send(f"cat /tmp/got >/dev/virtio-ports/{name}; echo sent''-all\n")
                back = b""
                while len(back) < len(data):
                    back += host.recv(65536)
                guest.expect("sent-all", 120)
                self.assertEqual(hashlib.md5(back).hexdigest(), expected)
        guest.power_off()
