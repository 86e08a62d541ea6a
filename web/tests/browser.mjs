// A person at the page, played by Playwright in Debian's Chromium.
import { mkdir } from "node:fs/promises";
import path from "node:path";
import readline from "node:readline";

import { chromium } from "playwright-core";

const program = process.env.CHROMIUM ?? "/usr/bin/chromium";
/** A guest boots on an engine that other tests share a processor with. */
const patience = Number(process.env.PATIENCE ?? 1) * 60_000;

export class Person {
  /** What the browser complained of: a policy broken, an exception. Nothing may be there in the end. */
  complaints = [];

  static async at(address, token, screenshots) {
    const browser = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--force-color-profile=srgb"] });
    const person = new Person();
    Object.assign(person, { browser, address, token, screenshots });
    await mkdir(screenshots, { recursive: true });
    await person.sit({});
    return person;
  }

  /** A new window: SCREEN has `width`, `height`, `colorScheme`. */
  async sit({ width = 1360, height = 860, colorScheme = "light" }) {
    await this.context?.close();
    this.context = await this.browser.newContext({ viewport: { width, height }, colorScheme });
    this.page = await this.context.newPage();
    this.page.setDefaultTimeout(patience);
    this.page.on("pageerror", (error) => this.complaints.push(String(error)));
    this.page.on("console", (message) => {
      const text = message.text();
      // A panel that is away, a token that is refused and a machine that is gone are what tests want to see.
      if (message.type() === "error" && !/net::ERR|WebSocket connection|status of 40[134]/.test(text)) this.complaints.push(text);
    });
  }

  async logIn() {
    await this.page.goto(`http://${this.address}/#token=${this.token}`);
    await this.page.getByRole("status").getByText("live").waitFor();
  }

  async go(hash) {
    await this.page.evaluate((to) => (location.hash = to), hash);
  }

  async look(name) {
    await this.page.screenshot({ path: path.join(this.screenshots, `${name}.png`) });
  }

  /** Waits until the console's screen has TEXT, a regular expression. */
  async reads(text) {
    await this.page.waitForFunction(
      ([source, flags]) => new RegExp(source, flags).test(document.querySelector(".xterm-rows")?.innerText.replaceAll("\u00a0", " ") ?? ""),
      [text.source, text.flags],
      { timeout: 4 * patience },
    );
  }

  async typesIntoConsole(text) {
    await this.page.locator(".xterm-helper-textarea").focus();
    await this.page.keyboard.type(text);
    await this.page.keyboard.press("Enter");
  }

  /** Presses the button, and confirms: only what disturbs nobody is not asked about. */
  async does(label) {
    await this.page.locator(".head").getByRole("button", { name: label, exact: true }).click();
    if (["Start", "Resume", "Open"].includes(label)) return;
    await this.page.getByRole("dialog").getByRole("button", { name: label, exact: true }).click();
  }

  async seesState(state) {
    await this.page.locator(".head .state", { hasText: state }).first().waitFor();
  }

  async leaves() {
    await this.browser.close();
    if (this.complaints.length > 0) throw new Error(`the browser complained:\n${this.complaints.join("\n")}`);
  }
}

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

/** Whoever started this does WHAT, and says so with a line. */
export async function ask(what) {
  console.log(`please ${what}`);
  const { value, done } = await lines.next();
  if (done || value !== "done") throw new Error(`nobody could ${what}: ${value}`);
}

export function expect(condition, text) {
  if (!condition) throw new Error(text);
}
