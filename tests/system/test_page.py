"""The control panel's page, in a browser: web/tests/scenarios.mjs. Screenshots are in build/web-screenshots."""
import os
import shutil
import subprocess
import urllib.error
import urllib.request

from cluster import ClusterTest
from machine import TOP, settings


class PageTest(ClusterTest):
    def play(self, scenario, token, *more, **deeds):
        """`more`: what else the scenario has to know. `deeds`: what it asks for, by its words."""
        self.assertTrue(shutil.which("chromium"), "chromium is missing: tools/setup test")
        words = [TOP / "tools/web", "play", scenario, self.address, token, TOP / "build/web-screenshots", *more]
        complaints = self.scratch / "complaints"
        with complaints.open("w") as errors:
            person = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
                                      env={**os.environ, "PATIENCE": str(settings.patience)})  # fmt: skip
            self.addCleanup(person.kill)
            for line in person.stdout:
                deeds[line.strip().removeprefix("please ").replace(" ", "_")]()
                person.stdin.write("done\n")
                person.stdin.flush()
            status = person.wait()
            person.stdin.close()
            person.stdout.close()
        self.assertEqual(status, 0, complaints.read_text())

    def admin(self):
        return (self.scratch / "panel/admin.token").read_text().strip()

    def test_a_person_makes_uses_and_deletes_a_machine(self):
        self.play("use", self.admin())

    def test_a_panel_that_is_lost_is_found_again(self):
        token = self.orrery("user", "create", "eve", "--role", "administrator").strip().splitlines()[0]
        self.play("lose", token,
                  kill_the_panel=lambda: self.kill(self.panel),
                  start_the_panel=self.start_panel,
                  remove_the_user=lambda: self.orrery("user", "remove", "eve"))  # fmt: skip

    def test_every_page_fits_every_window(self):
        self.play("looks", self.admin())

    def test_the_map_shows_where_device_models_run_and_what_is_used(self):
        self.make_certificates()
        server = self.start_device_server(f"disk0=disk:{self.empty_disk(1 << 20)}", "rng0=rng")
        self.create("far", "--net", "user", "--certificate", self.scratch / "vm.pem",
                    "--device", f"disk0@{server}", "--device", f"rng0@{server}")  # fmt: skip
        self.orrery("vm", "start", "far")
        self.wait_for_state("far", "running")
        self.play("remote", self.admin())

    def test_a_person_moves_a_device_model(self):
        here, there = self.start_two_device_servers()
        self.create("far", "--certificate", self.scratch / "vm.pem", "--device", f"disk0@{here}")
        self.orrery("vm", "start", "far")
        self.wait_for_state("far", "running")
        self.play("move", self.admin(), here, there)

    def fetch(self, path, **headers):
        request = urllib.request.Request(f"http://{self.address}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def test_its_files_are_part_of_the_program(self):
        status, headers, text = self.fetch("/")
        self.assertEqual((status, headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual(headers["Cache-Control"], "no-cache")
        self.assertIn("default-src 'none'; script-src 'self'; style-src 'self';", headers["Content-Security-Policy"])
        self.assertEqual(self.fetch("/", **{"If-None-Match": headers["ETag"]})[0], 304)
        self.assertNotIn("http", text.replace("<!doctype html>", ""), "it needs nothing from anywhere else")
        script = text.split('src="')[1].split('"')[0]
        status, headers, text = self.fetch(script)
        self.assertEqual((status, headers["Content-Type"]), (200, "text/javascript; charset=utf-8"))
        self.assertIn("immutable", headers["Cache-Control"])
        self.assertEqual(self.fetch("/nothing")[0], 404)
