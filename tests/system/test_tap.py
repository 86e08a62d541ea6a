"""A tap interface, in a network namespace of the test's own: frames both ways, with segmentation left to the receiver."""
import ctypes
import hashlib
import http.server
import json
import os
import pathlib
import socket
import subprocess
import threading

from case import SystemTest
from machine import small_guest
from test_network import Server, chunk

CLONE_NEWNET = 0x4000_0000  # setns(2)
HOST, GUEST = "10.9.0.1", "10.9.0.2"
MEGABYTES = 20
# An Ethernet frame of a 1500-byte MTU. Only segmentation left to the receiving side makes frames longer on the average.
LONGEST_UNSEGMENTED = 1514


class TapTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()
        if os.geteuid() != 0:
            self.skipTest("a network namespace and a tap interface in it take root")
        # Cleanups run last to first: the guest ends before its network goes.
        self.namespace = f"orrery-test-{os.getpid()}"
        self.ip("netns", "add", self.namespace)
        self.addCleanup(self.ip, "netns", "del", self.namespace)
        self.ip_inside("tuntap", "add", "tap0", "mode", "tap", "vnet_hdr")
        self.ip_inside("addr", "add", f"{HOST}/24", "dev", "tap0")
        self.ip_inside("link", "set", "tap0", "up")

    def ip(self, *words: str) -> str:
        return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout

    def ip_inside(self, *words: str) -> str:
        return self.ip("-n", self.namespace, *words)

    def boot_on_tap(self):
        machine = small_guest(tap="tap0")
        guest = self.boot(["ip", "netns", "exec", self.namespace, *machine.command()])
        guest.run(f"ip addr add {GUEST}/24 dev eth0 && ip link set eth0 up")
        return guest

    def inside(self, make):
        """What `make` returns, called in the namespace. A socket stays in the namespace that it was made in."""
        made = []

        def enter_and_make() -> None:
            with open(pathlib.Path("/run/netns") / self.namespace) as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    return
            made.append(make())

        thread = threading.Thread(target=enter_and_make)  # setns() moves the calling thread only
        thread.start()
        thread.join()
        self.assertTrue(made, f"cannot work in the namespace {self.namespace}")
        return made[0]

    def counters(self) -> dict[str, dict[str, int]]:
        """Of the host's end: "rx" is what the guest sent."""
        return json.loads(self.ip_inside("-s", "-j", "link", "show", "tap0"))[0]["stats64"]

    def check_frames_are_long(self, direction: str, before, after) -> None:
        octets, frames = (after[direction][what] - before[direction][what] for what in ("bytes", "packets"))
        self.assertGreaterEqual(octets, MEGABYTES * 1_000_000)
        self.assertGreater(octets / frames, LONGEST_UNSEGMENTED, f"{direction}: {octets} bytes in {frames} frames")

    def test_pings_the_host(self):
        guest = self.boot_on_tap()
        self.assertIn("3 packets received", guest.run(f"ping -c 3 -W 20 {HOST}", timeout=120))
        guest.power_off()

    def test_long_frames_carry_a_file_there_and_back_intact(self):
        server = self.inside(lambda: http.server.ThreadingHTTPServer((HOST, 0), Server))
        self.addCleanup(server.server_close)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        expected = hashlib.md5(b"".join(map(chunk, range(MEGABYTES)))).hexdigest()
        guest = self.boot_on_tap()

        start = self.counters()
        url = f"http://{HOST}:{server.server_address[1]}/{MEGABYTES}"
        fetched = guest.run(f"wget -q -O /tmp/file {url} && md5sum /tmp/file", timeout=600)
        self.assertEqual(fetched.split()[0], expected)
        middle = self.counters()
        self.check_frames_are_long("tx", start, middle)

        # The guest's server uses sendfile(2). What writes small pieces, as BusyBox's nc does, sends each as a short frame
        # where the receiver keeps up.
        guest.run("httpd -h /tmp")
        connection = self.inside(lambda: socket.create_connection((GUEST, 80), timeout=600))
        self.addCleanup(connection.close)
        connection.sendall(b"GET /file HTTP/1.0\r\n\r\n")
        returned = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        self.assertEqual(hashlib.md5(returned.partition(b"\r\n\r\n")[2]).hexdigest(), expected)
        self.check_frames_are_long("rx", middle, self.counters())
        guest.power_off()
