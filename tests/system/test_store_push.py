"""Images that are added to a store's server, by HTTPS, while it is in use."""
import contextlib
import json
import pathlib
import random
import signal
import socket
import subprocess
import threading

from machine import ORRERY, small_guest
from store import MIB, StoreCase


class Relay:
    """Passes a client's bytes on to a server, as many as it may, and then breaks the connection and takes no other one."""

    def __init__(self, server: str, allowed: int):
        host, port = server.rsplit(":", 1)
        self.server = (host, int(port))
        self.left = allowed
        self.used_up = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.used_up.is_set():
            client, _ = self.listener.accept()
            if self.used_up.is_set():
                client.close()
                break
            server = socket.create_connection(self.server)
            threading.Thread(target=self.pump, args=(server, client, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(client, server, True), daemon=True).start()
        self.listener.close()

    def pump(self, source, target, counted: bool):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if counted:
                    self.left -= len(data)
                    if self.left < 0:
                        break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        if self.left < 0 and not self.used_up.is_set():
            self.used_up.set()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port)).close()  # wakes accept()


class StorePushTest(StoreCase):
    def setUp(self):
        super().setUp()
        self.here = self.scratch / "here"
        self.authority = self.scratch / "authority.pem"
        self.orrery("certificate", "authority", self.authority)
        self.certificate("server", "--address", "127.0.0.1")
        self.certificate("client")
        tokens = {"ann": "a" * 32, "ben": "b" * 32}
        (self.scratch / "tokens").write_text("".join(f"{name} {token}\n" for name, token in tokens.items()))
        for name, token in tokens.items():
            (self.scratch / f"{name}.token").write_text(token + "\n")

    def orrery(self, *words, status=0) -> str:
        done = subprocess.run([ORRERY, *words], capture_output=True, text=True, timeout=300, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def certificate(self, name: str, *more):
        self.orrery("certificate", "create", self.scratch / f"{name}.pem", "--authority", self.authority, "--name", name, *more)

    def https(self):
        return self.server("127.0.0.1:0", "--certificate", self.scratch / "server.pem", "--upload-tokens", self.scratch / "tokens")

    def push_words(self, image: str, to: str, who="ann") -> list:
        return [ORRERY, "store", "push", self.here, image, to, "--token-file", self.scratch / f"{who}.token",
                "--certificate", self.scratch / "client.pem", "--json"]  # fmt: skip

    def push(self, *words, **more) -> dict:
        return json.loads(self.orrery(*self.push_words(*words, **more)[1:]))

    def add_here(self, name: str, *parts: bytes) -> pathlib.Path:
        disk = self.scratch / f"{name}.raw"
        disk.write_bytes(b"".join(parts))
        self.orrery("store", "add", self.here, disk, "--name", name)
        return disk

    def check_there(self, name: str, disk: pathlib.Path):
        self.orrery("disk", "compare", f"store:{self.store}/{name}", disk)

    def test_an_interrupted_push_goes_on_and_sends_only_what_is_missing(self):
        disk = self.add_here("disk", random.Random(1).randbytes(24 * MIB))
        self.orrery("store", "add", self.store, self.add_here("other", random.Random(2).randbytes(MIB)))
        with self.https() as address:
            relay = Relay(address.removeprefix("store://").rstrip("/"), 12 * MIB)
            words = self.push_words("disk", f"store://127.0.0.1:{relay.port}/disk")
            with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as first:
                self.assertTrue(relay.used_up.wait(timeout=300))
                first.send_signal(signal.SIGINT)
                self.assertNotEqual(first.wait(timeout=300), 0)
            self.assertNotIn("disk", self.orrery("store", "list", self.store).split())
            second = self.push("disk", f"{address}disk")
            # 12 MiB less what the broken connection had taken and not brought, 2 MiB at most.
            self.assertLess(second["sent"], 15 * MIB)
            self.assertLess(second["sent_segments"], second["segments"])
            self.assertGreater(second["sent_segments"], 0)
            self.check_there("disk", disk)
            again = self.push("disk", f"{address}copy")
            self.assertEqual(again["sent_segments"], 0)
            self.assertLess(again["sent"], MIB)
        self.orrery("store", "scrub", self.store)

    def test_two_push_at_once_while_the_store_is_collected(self):
        shared = random.Random(3).randbytes(8 * MIB)
        disks = {name: self.add_here(name, shared, random.Random(name).randbytes(8 * MIB)) for name in ("ann", "ben")}
        # What is collected meanwhile is the same bytes that both refer to.
        self.add(self.add_here("gone", shared, random.Random(4).randbytes(8 * MIB)), "gone")
        with self.https() as address:
            running = [
                subprocess.Popen(self.push_words(name, address + name, who=name), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                for name in disks
            ]
            self.orrery("store", "remove", self.store, "gone")
            while any(process.poll() is None for process in running):
                self.orrery("store", "gc", self.store, "--percent", "1")
            for process in running:
                self.assertEqual(process.returncode, 0, process.stderr.read())
                process.stderr.close()
            for name, disk in disks.items():
                self.check_there(name, disk)
        self.orrery("store", "gc", self.store)
        self.orrery("store", "scrub", self.store)
        self.assertEqual(list((self.store / "incoming").iterdir()), [])

    def test_only_who_may_is_served(self):
        self.add_here("disk", random.Random(5).randbytes(MIB))
        with self.https() as address:
            words = self.push_words("disk", f"{address}disk")[1:]
            (self.scratch / "ann.token").write_text("c" * 32)
            self.assertIn("a token of this server is needed", self.orrery(*words, status=1))
            index = words.index("--certificate")
            told = self.orrery("disk", "info", f"{address}disk", status=1)
            self.assertIn("name a certificate", told)
            self.orrery("certificate", "authority", self.scratch / "another.pem")
            self.authority = self.scratch / "another.pem"
            self.certificate("stranger")
            words[index + 1] = self.scratch / "stranger.pem"
            told = self.orrery("store", "push", *words[2:], status=1)
            self.assertIn("certificate is not accepted", told)

    def test_a_guest_boots_from_a_server_by_https(self):
        expected = self.add_small_disk()
        with self.https() as address:
            certificate = f"certificate={self.scratch / 'client.pem'}"
            self.check_read(f"{address}disk,readonly,{certificate},{self.cache()}", expected)
