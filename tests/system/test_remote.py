"""Guests whose devices are on a device server."""
import contextlib
import signal
import subprocess

from case import SystemTest
from machine import ORRERY, small_guest


class RemoteServers(SystemTest):
    """Has certificates, and starts servers."""

    def setUp(self):
        super().setUp()
        self.skip_unless_orrery()
        self.authority = self.scratch / "authority.pem"
        self.certificate("authority", self.authority)
        self.certificate("create", self.scratch / "server.pem", "--authority", self.authority, "--name", "server",
                         "--address", "127.0.0.1")
        self.certificate("create", self.scratch / "vm.pem", "--authority", self.authority, "--name", "vm")

    def certificate(self, *words):
        subprocess.run([ORRERY, "certificate", *words], check=True)

    def start_server(self, *devices: str, listen: str = "127.0.0.1:0", more=()) -> subprocess.Popen:
        """The server, and in `address` where it listens."""
        command = [ORRERY, "device-server", "--listen", listen, "--certificate", self.scratch / "server.pem", *more]
        for device in devices:
            command += ["--device", device]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.address = server.stdout.readline().strip()
        return server

    def boot_with(self, *names: str, more=()):
        words = ["--certificate", str(self.scratch / "vm.pem"), *more]
        for name in names:
            words += ["--device", f"{name}@{self.address}"]
        return self.boot(small_guest(cpus=2, more=words))

    def stop(self, server: subprocess.Popen):
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(timeout=60), 0)


class RemoteTest(RemoteServers):
    def test_disk_and_random_numbers(self):
        disk = self.empty_disk(64 << 20)
        server = self.start_server(f"disk0=disk:{disk},format=raw,serial=far-away", "rng0=rng")
        guest = self.boot_with("disk0", "rng0")
        self.assertEqual(guest.run("cat /sys/class/block/vda/serial"), "far-away")
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.run("head -c 8388608 /dev/urandom >/mnt/data && md5sum </mnt/data >/mnt/sum && sync", timeout=120)
        guest.run("echo 3 >/proc/sys/vm/drop_caches && md5sum </mnt/data | cmp - /mnt/sum", timeout=120)
        # (The first of two is ours; the one that the guest uses does not matter.)
        guest.run("for d in /sys/bus/virtio/drivers/virtio_rng/virtio*; do test -e $d || exit 1; done")
        guest.run("umount /mnt")
        guest.power_off()
        self.stop(server)
        subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)

    def test_a_server_that_is_killed_and_started_again(self):
        disk = self.empty_disk(64 << 20)
        device = f"disk0=disk:{disk},format=raw"
        server = self.start_server(device)
        guest = self.boot_with("disk0")
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.send("(for i in 1 2 3 4 5 6; do head -c 4194304 /dev/urandom >/mnt/$i; done; sync; "
                   "cd /mnt; md5sum ? >sums; sync; echo WRITTEN''-ALL)\n")
        for _ in range(3):
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(timeout=0.4)
            server.kill()
            server.wait()
            server = self.start_server(device, listen=self.address)
        guest.expect("WRITTEN-ALL", 240)
        guest.run("echo 3 >/proc/sys/vm/drop_caches; cd /mnt; md5sum -c sums; cd /; umount /mnt", timeout=120)
        guest.power_off()
        self.stop(server)
        subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)

    def test_a_server_that_is_gone_for_good(self):
        """Two servers have the same disk; whichever is killed, the guest goes on with the other."""
        disk = self.empty_disk(64 << 20)
        device = f"disk0=disk:{disk},format=raw"
        servers, addresses = [], []
        for _ in range(2):
            servers.append(self.start_server(device, more=["--open", "use"]))
            addresses.append(self.address)
        self.address = ",".join(addresses)
        guest = self.boot_with("disk0")
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.send("(for i in 1 2 3 4 5 6; do head -c 4194304 /dev/urandom >/mnt/$i; done; sync; "
                   "cd /mnt; md5sum ? >sums; sync; echo WRITTEN''-ALL)\n")
        for number in (0, 1, 0, 1):
            with contextlib.suppress(subprocess.TimeoutExpired):
                servers[number].wait(timeout=0.4)
            servers[number].kill()
            servers[number].wait()
            servers[number] = self.start_server(device, listen=addresses[number],
                                                more=["--open", "use"])
        servers[0].kill()
        servers[0].wait()
        guest.expect("WRITTEN-ALL", 240)
        guest.run("echo 3 >/proc/sys/vm/drop_caches; cd /mnt; md5sum -c sums; cd /; umount /mnt", timeout=120)
        guest.power_off()
        # The disk is closed with the VM: it can be had while the server still runs.
        servers.append(self.start_server(device))
        self.stop(servers.pop())
        self.stop(servers[1])
        subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)

    def test_a_disk_moves_while_it_is_written(self):
        disk = self.empty_disk(64 << 20)
        servers, addresses = [], []
        for _ in range(2):
            servers.append(self.start_server(f"disk0=disk:{disk},format=raw", more=["--open", "use"]))
            addresses.append(self.address)
        socket = self.scratch / "vm.sock"

        def control(*words: str) -> subprocess.CompletedProcess:
            return subprocess.run([ORRERY, "control", socket, *words], capture_output=True, text=True, timeout=60)

        guest = self.boot_with("disk0", more=["--control", str(socket)])
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.send("(for i in 1 2 3 4 5 6; do head -c 4194304 /dev/urandom >/mnt/$i; sync; done; "
                   "cd /mnt; md5sum ? >sums; sync; echo WRITTEN''-ALL)\n")
        for _ in range(5):
            for address in reversed(addresses):
                moved = control("move-device", "disk0", address)
                self.assertEqual((moved.returncode, moved.stderr), (0, ""))
                self.assertIn(f"device disk0@{address}\n", control("status").stdout)
        guest.expect("WRITTEN-ALL", 240)
        nowhere = control("move-device", "disk0", "127.0.0.1:1")
        self.assertEqual(nowhere.returncode, 1)
        self.assertIn("cannot be reached", nowhere.stderr)
        self.assertIn("there is no remote device", control("move-device", "disk7", addresses[0]).stderr)
        self.assertIn("needs a server", control("move-device", "disk7").stderr)
        guest.run("echo 3 >/proc/sys/vm/drop_caches; cd /mnt; md5sum -c sums; cd /; umount /mnt", timeout=120)
        guest.power_off()
        for server in servers:
            self.stop(server)
        subprocess.run(["e2fsck", "-fn", disk], check=True, capture_output=True)

    def test_network_and_console(self):
        server = self.start_server("net0=net:user", f"console0=console:file={self.scratch / 'console.log'}")
        guest = self.boot_with("net0", "console0")
        guest.run("ip link set eth0 up && udhcpc -q -n -i eth0", timeout=120)
        guest.run("ping -c 3 10.0.2.2", timeout=60)
        guest.run("echo far away >/dev/hvc0")
        guest.power_off()
        self.stop(server)
        self.assertIn("far away", (self.scratch / "console.log").read_text())
