"""The translator, whichever engine the other tests run on: in its sandbox, on several processors, short of room for its code."""
import re

from case import SystemTest
from machine import small_guest


class TranslatorTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()

    def check_work(self, guest) -> None:
        """The same sum on each processor at once, of bytes that each makes itself."""
        guest.run("for i in 1 2 3 4; do (seq 1 30000 | gzip -c | gunzip -c | md5sum >/tmp/sum$i) & done; wait")
        expected = guest.run("seq 1 30000 | md5sum")
        for number in range(1, 5):
            self.assertEqual(guest.run(f"cat /tmp/sum{number}"), expected)
        self.assertEqual(guest.run("dmesg -r | grep -E '^<[0-3]>'", status=None), "")

    def test_boots_and_works_on_4_cpus(self):
        guest = self.boot(small_guest(cpus=4, engine="translate"))
        self.check_work(guest)
        guest.power_off()

    def test_works_with_a_code_cache_that_is_full_again_and_again(self):
        guest = self.boot(small_guest(cpus=2, engine="translate", more=["--code-cache", "1M", "--engine-stats"]))
        self.check_work(guest)
        guest.power_off()
        cleared = re.findall(r"(\d+) code cache cleared", guest.describe())
        self.assertEqual(len(cleared), 2, guest.describe()[-2000:])
        for times in cleared:
            self.assertGreater(int(times), 1)
        used = re.search(r"([\d.]+) s of CPU time .*, (\d+) MiB at most", guest.describe())
        self.assertIsNotNone(used, guest.describe()[-2000:])
        self.assertGreater(float(used[1]), 0.1)
        self.assertGreater(int(used[2]), 10)
