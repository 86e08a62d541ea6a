"""The translator, whichever engine the other tests run on: in its sandbox, on several processors, short of room for its code."""
import re

from case import SystemTest, long_test
from machine import small_guest


class TranslatorTest(SystemTest):
    def setUp(self) -> None:
        super().setUp()
        self.skip_unless_orrery()

    def test_boots_and_works_on_4_cpus(self):
        guest = self.boot(small_guest(cpus=4, engine="translate"))
        self.check_work(guest)
        guest.power_off()

    LOCKSTEP = ["--lockstep", "--engine-stats"]

    @long_test
    def test_boots_in_lockstep_with_the_interpreter(self):
        guest = self.start(small_guest(engine="translate", more=self.LOCKSTEP))
        guest.wait_for_shell(timeout=3600)
        guest.power_off(timeout=300)
        self.check_lockstep(guest, least=10**9)

    def test_begins_to_boot_in_lockstep_with_the_interpreter(self):
        guest = self.start(small_guest(engine="translate", append="earlyprintk=ttyS0 console=ttyS0", more=self.LOCKSTEP))
        guest.expect("Zone ranges", 120)
        guest.process.terminate()  # presses a power button that nobody looks at yet
        guest.wait(60)
        self.check_lockstep(guest, least=10**6)

    def check_lockstep(self, guest, least: int) -> None:
        text = guest.describe()
        counted = {name: int(number) for number, name in re.findall(r"vCPU 0: +(\d+) ([a-z ]+)\r?$", text, re.MULTILINE)}
        self.assertEqual(counted.get("differences"), 0, text[-4000:])
        self.assertGreater(counted["instructions in them"], least)

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
