// node run.mjs SCENARIO ADDRESS TOKEN SCREENSHOTS MORE...: plays a scenario against a panel that is there.
// What it cannot do itself it asks for, by a line "please ...", and waits for a line "done".
import path from "node:path";

import { Person } from "./browser.mjs";
import * as scenarios from "./scenarios.mjs";

const [scenario, address, token, screenshots, ...more] = process.argv.slice(2);
const person = await Person.at(address, token, path.join(screenshots, scenario));
try {
  await scenarios[scenario](person, ...more);
  await person.leaves();
  process.exit(0);
} catch (problem) {
  await person.look("failure").catch(() => {});
  const text = await person.page.evaluate(() => document.body.innerText).catch(() => "");
  console.error(`${problem.stack}\n----- the page said\n${text}\n----- the browser said\n${person.complaints.join("\n")}`);
  process.exit(1);
}
