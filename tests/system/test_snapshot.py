"""`orrery snapshot` on VMs that run, and VMs that go on from snapshots."""
import json
import pathlib
import re
import subprocess

from case import SystemTest
from machine import ORRERY, Machine, settings, small_guest
from programs import initrd_with

COUNTER = pathlib.Path(__file__).resolve().parent / "programs" / "counter.c"
COUNT = rb"count (\d+) ([0-9a-f]{16})\n"


class SnapshotTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()
        self.library = self.scratch / "library"
        self.vms = 0

    def orrery(self, *words, status: int = 0) -> str:
        result = subprocess.run([ORRERY, *words], capture_output=True, text=True, timeout=300)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def start_controlled(self, words: list[str]):
        """A guest and its control socket."""
        self.vms += 1
        socket = self.scratch / f"vm{self.vms}.sock"
        return self.start([*words, "--control", str(socket)]), socket

    def start_counting(self, disk: pathlib.Path | None = None, **options):
        machine = small_guest(disks=[disk] if disk else [], **options)
        machine.initrd = initrd_with(self.scratch, COUNTER)
        guest, socket = self.start_controlled(machine.command())
        guest.wait_for_shell()
        return guest, socket

    def go_on(self, name: str, *more: str, options: str = ""):
        words = [str(ORRERY), "run", "--snapshot", f"{name}{options},library={self.library}", *more]
        return self.start_controlled(words)

    def snapshot(self, name: str, socket) -> dict:
        told = self.orrery("snapshot", "create", name, "--vm", socket, "--library", self.library, "--json")
        return json.loads(told)

    def new_disk(self) -> pathlib.Path:
        disk = self.scratch / "work.qcow2"
        self.orrery("disk", "create", disk, "64M")
        return disk

    def counts(self, transcript: bytes) -> dict[int, bytes]:
        found = re.findall(COUNT, transcript.replace(b"\r", b""))
        self.assertNotIn(b"WRONG", transcript)
        return {int(number): checksum for number, checksum in found}

    def test_goes_on_exactly_where_it_was(self):
        disk = self.new_disk()
        guest, socket = self.start_counting(disk, cpus=2)
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt && echo before >/mnt/file && sync", timeout=120)
        guest.send("/counter 5\n")
        guest.expect(r"count 40 ", 120)
        before = max(self.counts(guest.transcript))
        done = self.snapshot("counting", socket)
        self.assertGreater(done["memory"], 511 << 20)
        # The VM itself goes on as if nothing had been.
        guest.expect(rf"count {before + 60} ", 120)
        self.orrery("control", socket, "quit")
        self.assertEqual(guest.wait(60), 0)
        original = self.counts(guest.transcript)
        self.assertEqual(sorted(original), list(range(len(original))))

        # Two that go on from it at the same time, and know nothing of each other.
        others = [self.go_on("counting")[0] for _ in range(2)]
        for other in others:
            began = int(other.expect(r"count (\d+) ", 120).group(1))
            other.expect(rf"count {began + 100} ", 120)
        firsts = []
        for other in others:
            again = self.counts(other.transcript)
            first = min(again)
            firsts.append(first)
            self.assertGreaterEqual(first, before - 1)
            self.assertEqual(sorted(again), list(range(first, first + len(again))))
            for number in set(again) & set(original):
                self.assertEqual(again[number], original[number], number)
            self.assertTrue(set(again) & set(original), "they have no number in common")
        self.assertEqual(firsts[0], firsts[1])
        # It is Linux still, with its disk as it was.
        for number, other in enumerate(others):
            other.send("\x03")
            self.assertEqual(other.run("cat /mnt/file"), "before")
            other.run(f"echo {number} >/mnt/file; sync; umount /mnt; mount /dev/vda /mnt")
            self.assertEqual(other.run("cat /mnt/file"), str(number))
            self.assertEqual(other.run("dmesg -r | grep -E '^<[0-3]>'", status=None), "")
            other.power_off()
        self.assertEqual(self.orrery("snapshot", "verify", "counting", "--library", self.library), "counting: whole\n")

    def start_with_three(self):
        """A VM, and three snapshots of it that differ in what is on its disk."""
        disk = self.new_disk()
        guest, socket = self.start_counting(disk)
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        for name in ("one", "two", "three"):
            guest.run(f"echo {name} >/mnt/file; dd if=/dev/urandom of=/mnt/{name} bs=64k count=64 2>/dev/null; sync")
            self.snapshot(name, socket)
        return disk, guest

    def test_the_disk_of_the_vm_goes_on_under_its_name(self):
        disk, guest = self.start_with_three()
        guest.run("echo after >/mnt/file; umount /mnt")
        guest.power_off()
        guest = self.boot(small_guest(disks=[disk]))
        guest.run("mount /dev/vda /mnt")
        self.assertEqual(guest.run("cat /mnt/file; ls -1 /mnt"), "after\nfile\nlost+found\none\nthree\ntwo")
        guest.power_off()
        for name, files in (("one", "one"), ("two", "one\ntwo"), ("three", "one\nthree\ntwo")):
            guest, _ = self.go_on(name)
            self.assertEqual(guest.run("cat /mnt/file; ls -1 /mnt"), f"{name}\nfile\nlost+found\n{files}")
            guest.power_off()
        parents = {each["name"]: each["parent"] for each in json.loads(
            self.orrery("snapshot", "list", "--library", self.library, "--json"))}
        self.assertEqual(parents, {"one": "", "two": "one", "three": "two"})

    def test_snapshots_of_a_vm_that_goes_on_from_one(self):
        disk = self.new_disk()
        guest, socket = self.start_counting(disk)
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt && echo first >/mnt/file && sync", timeout=120)
        self.snapshot("first", socket)
        guest.power_off()
        guest, socket = self.go_on("first")
        guest.run("true")
        self.assertIn("disks=FOLDER", self.orrery(
            "snapshot", "create", "second", "--vm", socket, "--library", self.library, status=1))
        guest.power_off()
        guest, socket = self.go_on("first", options=f",disks={self.scratch / 'kept'}")
        guest.run("echo second >/mnt/file; sync")
        self.snapshot("second", socket)
        guest.run("echo third >/mnt/file; sync")
        guest.power_off()
        for name in ("first", "second"):
            guest, _ = self.go_on(name)
            self.assertEqual(guest.run("cat /mnt/file"), name)
            guest.power_off()
        self.assertIn("is there already", self.orrery(
            "run", "--snapshot", f"first,disks={self.scratch / 'kept'},library={self.library}", status=1))

    def test_a_busy_guest(self):
        """Processors, memory and disk at work, while one snapshot after the other is made."""
        disk = self.new_disk()
        guest, socket = self.start_counting(disk, cpus=2)
        guest.run("mke2fs -q /dev/vda && mount /dev/vda /mnt", timeout=120)
        guest.send("while :; do dd if=/dev/urandom of=/mnt/file bs=16k count=100 conv=fsync 2>/dev/null; done &\n")
        guest.send("/counter\n")
        guest.expect(r"count 10 ", 120)
        for number in range(4):
            self.snapshot(f"busy{number}", socket)
        before = max(self.counts(guest.transcript))
        guest.expect(rf"count {before + 50} ", 120)
        self.orrery("control", socket, "quit")
        self.assertEqual(guest.wait(60), 0)
        original = self.counts(guest.transcript)
        for number in (0, 3):
            guest, _ = self.go_on(f"busy{number}")
            guest.expect(r"count \d+ .*\ncount \d+ .*\ncount \d+ ", 120)
            again = self.counts(guest.transcript)
            for count in set(again) & set(original):
                self.assertEqual(again[count], original[count])
            guest.send("\x03")
            guest.run("kill %1; wait; umount /mnt; e2fsck -fn /dev/vda || fsck -n /dev/vda", timeout=120, status=None)
            guest.power_off()

    def suspend(self, name: str, socket) -> None:
        self.orrery("snapshot", "create", name, "--vm", socket, "--library", self.library, "--end")

    def test_suspended_and_resumed(self):
        """A VM that ends with its snapshot, and goes on with its own disks, twice over."""
        raw = self.empty_disk(64 << 20)
        machine = small_guest(cpus=2, disks=[raw, self.new_disk()])
        machine.initrd = initrd_with(self.scratch, COUNTER)
        guest, socket = self.start_controlled(machine.command())
        guest.wait_for_shell()
        for disk in "ab":
            guest.run(f"mke2fs -q /dev/vd{disk} && mkdir -p /{disk} && mount /dev/vd{disk} /{disk}", timeout=120)
        guest.send("while :; do dd if=/dev/urandom of=/a/noise bs=16k count=20 conv=fsync 2>/dev/null; done &\n")
        guest.send("/counter 5\n")
        transcript = b""  # of all nights: a suspension may be in the middle of a line
        for number in range(2):
            guest.expect(r"count \d+ .*\n(count \d+ .*\n){20}", 120)
            self.suspend(f"night{number}", socket)
            self.assertEqual(guest.wait(60), 0)
            transcript += guest.transcript
            guest, socket = self.go_on(f"night{number}")
        guest.expect(r"count \d+ .*\n(count \d+ .*\n){20}", 120)
        transcript += guest.transcript
        self.assertNotIn(b"WRONG", transcript)
        numbers = [int(number) for number, _ in re.findall(COUNT, transcript.replace(b"\r", b""))]
        self.assertEqual(numbers, list(range(len(numbers))), "a number is missing, or was counted twice")
        guest.send("\x03")
        guest.run("kill %1; wait; cp /a/noise /b/noise && sync && cmp /a/noise /b/noise && umount /a /b", timeout=120)
        guest.power_off()
        subprocess.run(["e2fsck", "-fn", raw], check=True, capture_output=True)
        # It has gone on since, and its disks with it.
        self.assertIn("has gone on since", self.orrery(
            "run", "--snapshot", f"night1,library={self.library}", status=1))
        self.assertIn("stayed where they were", self.orrery(
            "snapshot", "revert", "night1", "--library", self.library, status=1))

    def test_suspended_with_disks_of_every_kind(self):
        """Whatever its disks are, a suspended VM goes on with them; others with copies, as long as it has not."""
        vhdx, luks, key = (self.scratch / name for name in ("disk.vhdx", "disk.luks", "key"))
        key.write_bytes(b"of the disk")
        self.orrery("disk", "create", vhdx, "64M")
        self.orrery("disk", "create", luks, "64M", "--encrypt", "luks2", "--key-file", key,
                    "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
        disks = [self.empty_disk(64 << 20), self.new_disk(), vhdx]
        words = small_guest(disks=disks).command()
        guest, socket = self.start_controlled(words)
        self.write_on_each(guest, "abc")
        self.suspend("open", socket)
        guest.wait(60)
        library = ["--library", self.library]
        out, store = self.scratch / "out", self.scratch / "store"
        self.orrery("snapshot", "export", "open", out, *library)
        self.orrery("snapshot", "push", "open", store, *library)
        for _ in range(2):
            other, _ = self.start_controlled([str(ORRERY), "run", "--snapshot", str(out / "open")])
            self.read_on_each(other, "abc")
            other.power_off()
        guest, _ = self.go_on("open")
        self.read_on_each(guest, "abc")
        guest.power_off()
        for command in (["export", "open", self.scratch / "late"], ["push", "open", store, "--name", "late"]):
            self.assertIn("has gone on since", self.orrery("snapshot", *command, *library, status=1))

        guest, socket = self.start_controlled([*words, "--disk", f"{luks},encryption=luks,key-file={key}"])
        guest.wait_for_shell()
        guest.run("mke2fs -q /dev/vdd && mkdir -p /d && mount /dev/vdd /d && echo secret >/d/file", timeout=120)
        self.suspend("secret", socket)
        guest.wait(60)
        for command in (["export", "secret", out], ["push", "secret", store]):
            self.assertIn("is encrypted", self.orrery("snapshot", *command, *library, status=1))
        guest, _ = self.go_on("secret")
        self.assertEqual(guest.run("cat /d/file && umount /d && mount /dev/vdd /d && cat /d/file"), "secret\nsecret")
        guest.power_off()

    def write_on_each(self, guest, disks: str) -> None:
        guest.wait_for_shell()
        for disk in disks:
            guest.run(f"mke2fs -q /dev/vd{disk} && mkdir -p /{disk} && mount /dev/vd{disk} /{disk}", timeout=120)
            guest.run(f"echo on-{disk} >/{disk}/file")

    def read_on_each(self, guest, disks: str) -> None:
        for disk in disks:
            again = f"umount /{disk} && mount /dev/vd{disk} /{disk} && cat /{disk}/file"
            self.assertEqual(guest.run(f"cat /{disk}/file && {again}"), f"on-{disk}\non-{disk}")

    def test_what_is_not_there_or_not_as_it_was(self):
        guest, socket = self.start_counting(self.new_disk())
        self.snapshot("whole", socket)
        self.assertIn("already", self.orrery(
            "snapshot", "create", "whole", "--vm", socket, "--library", self.library, status=1))
        guest.power_off()
        run = ["run", "--snapshot"]
        where = f"library={self.library}"
        self.assertIn("there is no snapshot", self.orrery(*run, f"none,{where}", status=1))
        self.assertIn("--memory", self.orrery(*run, f"whole,{where}", "--memory", "1G", status=1))
        folder = self.library / "whole"
        for file, remedy in (("state", "damaged"), ("manifest.json", "damaged"), ("memory", "damaged")):
            content = (folder / file).read_bytes()
            (folder / file).write_bytes(content[: len(content) // 2])
            self.assertIn(remedy, self.orrery(*run, f"whole,{where}", status=1))
            flipped = bytearray(content)
            flipped[len(content) // 2] ^= 1
            (folder / file).write_bytes(flipped)
            damaged = ["snapshot", "verify", "whole", "--library", self.library]
            self.assertIn(str(folder / file), self.orrery(*damaged, status=2))
            (folder / file).write_bytes(content)
        self.orrery("snapshot", "verify", "whole", "--library", self.library)
        (frozen,) = (self.library / "disks").iterdir()
        subprocess.run(["qemu-io", "-c", "write 0 4k", frozen], check=True, capture_output=True)
        self.assertIn("is not the disk", self.orrery(*run, f"whole,{where}", status=1))

    def test_a_raw_disk_is_refused_by_name(self):
        guest, socket = self.start_counting(self.empty_disk(1 << 20))
        told = self.orrery("snapshot", "create", "raw", "--vm", socket, "--library", self.library, status=1)
        self.assertIn("overlay=", told)
        self.assertEqual(list(self.library.glob("*raw*")) + list(self.library.glob(".new*")), [])
        guest.power_off()

    def test_trees_are_pruned_and_reverted(self):
        disk, guest = self.start_with_three()
        library = ["--library", self.library]
        # The VM's disk lies over the last one's.
        told = self.orrery("snapshot", "delete", "three", *library)
        self.assertIn("in use", told)
        self.assertEqual(len(list((self.library / "disks").iterdir())), 3)
        guest.run("echo after >/mnt/file; umount /mnt")
        guest.power_off()
        # "two" has "three"'s disk over it, and that the VM's.
        told = self.orrery("snapshot", "merge", "two", *library)
        self.assertEqual(told.count("gone"), 2, told)
        self.assertEqual(len(list((self.library / "disks").iterdir())), 1)
        guest = self.boot(small_guest(disks=[disk]))
        guest.run("mount /dev/vda /mnt")
        self.assertEqual(guest.run("cat /mnt/file; ls -1 /mnt"), "after\nfile\nlost+found\none\nthree\ntwo")
        self.assertIn("in use", self.orrery("snapshot", "revert", "one", *library, status=1))
        guest.power_off()
        self.orrery("snapshot", "revert", "one", *library)
        guest = self.boot(small_guest(disks=[disk]))
        guest.run("mount /dev/vda /mnt")
        self.assertEqual(guest.run("cat /mnt/file; ls -1 /mnt"), "one\nfile\nlost+found\none")
        guest.power_off()
        guest, _ = self.go_on("one", options=f",disks={self.scratch / 'kept'}")
        guest.run("true")
        guest.power_off()
        # Whoever was moved is not taken for gone.
        (self.scratch / "kept" / "disk0.qcow2").rename(self.scratch / "moved.qcow2")
        self.orrery("snapshot", "merge", "one", *library)
        self.assertEqual(len(list((self.library / "disks").iterdir())), 1)
        subprocess.run(["qemu-img", "check", disk], check=True, capture_output=True)
        subprocess.run(["qemu-img", "check", self.scratch / "moved.qcow2"], check=True, capture_output=True)

    def start_with_file(self, text: str):
        """A guest with a disk that has a file, and a program that counts."""
        guest, socket = self.start_counting(self.new_disk())
        guest.run(f"mke2fs -q /dev/vda && mount /dev/vda /mnt && echo {text} >/mnt/file && sync", timeout=120)
        guest.send("/counter 5\n")
        guest.expect(r"count 20 ", 120)
        return guest, socket

    def check_goes_on(self, guest, original: dict[int, bytes], text: str) -> None:
        began = int(guest.expect(r"count (\d+) ", 120).group(1))
        guest.expect(rf"count {began + 40} ", 120)
        again = self.counts(guest.transcript)
        self.assertTrue(set(again) & set(original), "they have no number in common")
        for number in set(again) & set(original):
            self.assertEqual(again[number], original[number], number)
        guest.send("\x03")
        self.assertEqual(guest.run("cat /mnt/file"), text)
        guest.run("umount /mnt && mount /dev/vda /mnt && echo other >/mnt/file && sync")
        guest.power_off()

    def snapshot_and_go(self, guest, socket, name: str) -> dict[int, bytes]:
        """Returns what the VM counted before and after."""
        self.snapshot(name, socket)
        before = max(self.counts(guest.transcript))
        guest.expect(rf"count {before + 60} ", 120)
        self.orrery("control", socket, "quit")
        guest.wait(60)
        return self.counts(guest.transcript)

    def test_exported_and_imported(self):
        guest, socket = self.start_with_file("here")
        original = self.snapshot_and_go(guest, socket, "one")
        out = self.scratch / "out"
        self.orrery("snapshot", "export", "one", out, "--library", self.library)
        # Another host has nothing else of this one.
        self.library.rename(self.scratch / "elsewhere")
        (self.scratch / "work.qcow2").unlink()
        out.rename(self.scratch / "moved")
        exported = self.scratch / "moved" / "one"
        self.assertNotIn("kernel =", self.orrery("snapshot", "show", exported))
        self.orrery("snapshot", "import", exported, "--library", self.library, "--name", "two")
        guest, _ = self.go_on("two")
        self.check_goes_on(guest, original, "here")
        # A flipped bit anywhere is found.
        for file in (exported / "memory", *(self.scratch / "moved" / "disks").iterdir()):
            content = bytearray(file.read_bytes())
            content[content.find(b"here\n") if b"here\n" in content else -4096] ^= 1
            file.write_bytes(content)
            told = self.orrery("snapshot", "import", exported, "--library", self.library, "--name", "three", status=1)
            self.assertRegex(told, "damaged|changed")
            content[content.find(b"iere\n") if b"iere\n" in content else -4096] ^= 1
            file.write_bytes(content)

    def test_from_a_store_here_and_on_a_server(self):
        guest, socket = self.start_with_file("stored")
        original = self.snapshot_and_go(guest, socket, "one")
        store = self.scratch / "store"
        self.orrery("snapshot", "push", "one", store, "--library", self.library)
        self.assertIn("content", self.orrery("snapshot", "show", f"store:{store}/one"))
        self.library.rename(self.scratch / "elsewhere")
        (self.scratch / "work.qcow2").unlink()
        run = ["env", f"XDG_CACHE_HOME={self.scratch / 'cache'}", str(ORRERY), "run", "--snapshot"]
        guest, _ = self.start_controlled([*run, f"store:{store}/one"])
        self.check_goes_on(guest, original, "stored")
        command = [ORRERY, "store", "serve", store, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                address = server.stdout.readline().strip()
                # Two at once, each with its own disk.
                guests = [self.start_controlled([*run, f"{address}one"])[0] for _ in range(2)]
                for guest in guests:
                    self.check_goes_on(guest, original, "stored")
            finally:
                server.terminate()
                self.assertEqual(server.wait(timeout=60), 0)
