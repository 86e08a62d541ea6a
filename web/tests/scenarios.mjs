// What people do with the page. Each scenario has a panel of its own with one platform, h1.
import { ask, expect } from "./browser.mjs";

const guest = {
  kernel: "vmlinux",
  initrd: "initramfs.cpio",
  append: "console=ttyS0 quiet panic=-1",
  memory: "256M",
};

async function creates(person, name, more = {}) {
  const { page } = person;
  await page.keyboard.press("n");
  const dialog = page.getByRole("dialog");
  for (const [field, value] of Object.entries({ name, ...guest, ...more })) await dialog.locator(`[name=${field}]`).fill(value);
  return dialog;
}

async function boots(person, name, more) {
  const dialog = await creates(person, name, more);
  await dialog.getByRole("button", { name: "Create and start" }).click();
  await person.seesState("running");
  await person.typesIntoConsole("");
  await person.reads(/# $/m);
}

/** From a wrong token to a machine that is made, typed at, paused, suspended, forced off and deleted. */
export async function use(person) {
  const { page } = person;
  await page.goto(`http://${person.address}/`);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Token").fill(person.token);
  await page.keyboard.press("Enter");
  await page.locator(".platform", { hasText: "h1" }).getByText("ready").waitFor();
  await person.look("map-empty");

  const dialog = await creates(person, "web-1", { disks: "no-such-disk.raw" });
  await person.look("create");
  await dialog.getByRole("button", { name: "Create and start" }).click();
  await person.seesState("failed");
  await page.locator(".thing > .detail", { hasText: "no-such-disk.raw" }).waitFor();
  await page.getByRole("button", { name: "Dismiss" }).first().click();
  await person.does("Delete");
  await page.getByText("There is no machine web-1").waitFor();

  await boots(person, "web-1", { guest: "busybox" });
  await person.typesIntoConsole("echo $((6*7))");
  await person.reads(/^42$/m);
  await person.look("console");
  await page.keyboard.press("F6");
  expect(await page.evaluate(() => !document.activeElement.closest(".xterm")), "F6 has not left the console");
  await page.keyboard.press("p");
  await page.getByRole("dialog").getByText("processors").waitFor();
  await page.keyboard.press("Enter");
  await person.seesState("paused");
  await page.keyboard.press("r");
  await person.seesState("running");
  await page.getByText("web-1 goes on").waitFor();
  await person.typesIntoConsole("echo still ''here");
  await person.reads(/^still here$/m);
  await person.does("Suspend");
  await person.seesState("suspended");
  await page.locator(".head .on", { hasText: "its state is on h1" }).waitFor();
  await page.getByText("web-1 is suspended").first().waitFor();
  await person.look("suspended");
  await person.does("Resume");
  await person.seesState("running");
  await page.locator(".console .link.open").waitFor();
  await person.typesIntoConsole("echo here once ''more");
  await person.reads(/^here once more$/m);
  await person.does("Force off");
  await person.seesState("stopped");
  await page.getByText("web-1 is off").waitFor();
  await person.reads(/here once more/);
  await person.go("#/events");
  await page.locator(".events .kind.running").first().waitFor();
  await person.look("events");
  await page.goBack();
  await person.does("Delete");
  await page.getByText("There is no machine web-1").waitFor();
}

/** The panel is killed and comes back: the page says so, finds it, and has its console again. */
export async function lose(person) {
  const { page } = person;
  await person.logIn();
  await boots(person, "web-1");
  await ask("kill the panel");
  await page.getByRole("alert").getByText("The panel does not answer.").waitFor();
  await person.look("lost");
  // What is asked for meanwhile is done once it is there.
  await person.does("Pause");
  await ask("start the panel");
  await page.getByRole("alert").waitFor({ state: "hidden" });
  await person.seesState("paused");
  await person.does("Resume");
  await person.seesState("running");
  await page.locator(".console .link.open").waitFor();
  await person.typesIntoConsole("echo found ''again");
  await person.reads(/^found again$/m);
  // A kept state that nobody wants any more.
  await person.does("Suspend");
  await person.seesState("suspended");
  await person.does("Give up state");
  await person.seesState("stopped");
  // One that has been thrown out of the panel is asked for a token, and nothing is shown any more.
  await ask("remove the user");
  await page.getByLabel("Token").waitFor();
  await page.getByText("does not know this token").waitFor();
}

/** Every page, narrow and wide, light and dark, fits its window. */
export async function looks(person) {
  await person.logIn();
  await boots(person, "web-1", { guest: "busybox", devices: "" });
  await person.typesIntoConsole("cat /proc/cpuinfo | head -n 20");
  await person.reads(/model name/);
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, width, height] of [["wide", 1440, 900], ["narrow", 390, 844]]) {
      await person.sit({ width, height, colorScheme });
      await person.logIn();
      await everyPage(person, `${size}-${colorScheme}`);
    }
  }
}

async function everyPage(person, name) {
  const pages = { map: "#/map", machines: "#/vms", machine: "#/vms/web-1", platform: "#/platforms/h1", events: "#/events" };
  for (const [page, hash] of Object.entries(pages)) {
    await person.go(hash);
    await person.page.locator("main").getByText(page === "machine" || page === "machines" ? "web-1" : "h1").first().waitFor();
    if (page === "machine") await person.reads(/model name/);
    await fits(person, `${page}, ${name}`);
    await person.look(`${page}-${name}`);
  }
  for (const [dialog, keys] of Object.entries({ palette: "Control+k", create: "n", keys: "?" })) {
    await person.go("#/map");
    await person.page.keyboard.press(keys);
    await person.page.getByRole("dialog").waitFor();
    await person.look(`${dialog}-${name}`);
    await person.page.keyboard.press("Escape");
    await person.page.getByRole("dialog").waitFor({ state: "hidden" });
  }
}

async function fits(person, what) {
  const over = await person.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(over <= 0, `${what}: ${over} pixels wider than its window`);
}

/** A machine is there, whose disk and random numbers are at a device server: the map shows it, with what is used. */
export async function remote(person) {
  await person.sit({ width: 1440, height: 900, colorScheme: "dark" });
  const { page } = person;
  await person.logIn();
  const server = page.locator(".card.server");
  for (const device of ["disk0", "rng0"]) await server.getByText(device).waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".wires path").length === 2);
  await page.locator(".vm .usage").waitFor();
  await person.look("map");
  await server.getByRole("link", { name: "far" }).first().click();
  await page.locator(".device-list li", { hasText: "disk0" }).getByText("runs on").waitFor();
  await page.locator(".device-list li", { hasText: "net0" }).locator(".rate").waitFor();
  // Several seconds, so that there is a line; then each chart has one.
  await page.waitForFunction(() => document.querySelectorAll(".chart canvas").length === 4);
  await person.typesIntoConsole("while :; do :; done");
  await page.waitForFunction(() => Number.parseFloat(document.querySelector(".chart .legend strong").innerText) > 5);
  await person.look("machine");
}

/** A disk of a machine that runs goes from one device server to another, and not to where nobody is. */
export async function move(person, here, there) {
  const { page } = person;
  await person.logIn();
  await page.locator(".card.server", { hasText: here }).getByText("disk0").waitFor();
  await person.go("#/vms/far");
  const disk = page.locator(".device-list li", { hasText: "disk0" });
  await disk.getByText(`runs on ${here}`).waitFor();
  // By keyboard only: the palette finds it, and the dialog takes what is typed.
  await page.keyboard.press("Control+k");
  await page.keyboard.type("move disk0");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByLabel("Device server").waitFor();
  await page.keyboard.type(there);
  await person.look("dialog");
  await page.keyboard.press("Enter");
  await disk.getByText(`runs on ${there}`).waitFor();
  await page.getByText(`far has its disk0 at ${there}`).waitFor();
  await page.locator(".events .kind", { hasText: /^moved$/ }).first().waitFor();
  await person.look("moved");
  await disk.getByRole("button", { name: "Move disk0" }).click();
  await page.getByRole("dialog").getByLabel("Device server").fill("127.0.0.1:1");
  await page.getByRole("dialog").getByRole("button", { name: "Move", exact: true }).click();
  await page.locator(".jobs").getByText("failed").waitFor();
  await disk.getByText(`runs on ${there}`).waitFor();
  await person.look("refused");
  await person.go("#/map");
  await page.locator(".card.server", { hasText: there }).getByText("disk0").waitFor();
  for (const [size, width, height, colorScheme] of [["narrow-dark", 390, 844, "dark"], ["wide-dark", 1440, 900, "dark"]]) {
    await person.sit({ width, height, colorScheme });
    await person.logIn();
    await person.go("#/vms/far");
    await person.page.locator(".device-list").getByText(`runs on ${there}`).waitFor();
    await fits(person, `a machine with a remote disk, ${size}`);
    await person.look(`machine-${size}`);
  }
}
