"""The user-mode network: out to a server on the host, and in by a forwarded port."""
import hashlib
import http.server
import socket
import threading

from case import SystemTest
from machine import small_guest

MEGABYTE = 1_000_000


def chunk(number: int) -> bytes:
    """A megabyte that differs from every other, so that a lost, doubled or exchanged part shows."""
    seed = hashlib.sha256(str(number).encode()).digest()
    return (seed * (MEGABYTE // len(seed) + 1))[:MEGABYTE]


class Server(http.server.BaseHTTPRequestHandler):
    """GET /N answers with N megabytes."""

    def do_GET(self) -> None:
        megabytes = int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(megabytes * MEGABYTE))
        self.end_headers()
        for number in range(megabytes):
            self.wfile.write(chunk(number))

    def log_message(self, *_) -> None:
        pass


class NetworkTest(SystemTest):
    def serve(self) -> int:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def check_download(self, megabytes: int, cpus: int) -> None:
        port = self.serve()
        guest = self.boot(small_guest(network=True, cpus=cpus))
        fetched = guest.run(f"wget -q -O - http://10.0.2.2:{port}/{megabytes} | md5sum", timeout=600)
        expected = hashlib.md5(b"".join(map(chunk, range(megabytes))))
        self.assertEqual(fetched.split()[0], expected.hexdigest())
        guest.power_off()

    def test_downloads_100_megabytes_intact(self):
        self.check_download(100, cpus=1)

    def test_downloads_with_two_processors(self):
        self.check_download(10, cpus=2)

    def test_a_forwarded_port_reaches_the_guest(self):
        with socket.socket() as probe:  # a port that is free now
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        guest = self.boot(small_guest(network=True, forwards=[(port, 80)]))
        guest.run("echo hello from inside >/tmp/index.html && httpd -h /tmp -p 80")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            answer = connection.makefile("rb").read()
        self.assertIn(b"hello from inside", answer)
        guest.power_off()
