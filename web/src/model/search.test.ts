import assert from "node:assert/strict";
import { test } from "node:test";

import { matches } from "./search.ts";

test("every word that is looked for has to be somewhere", () => {
  assert.ok(matches("WEB run", ["web-1", "running"]));
  assert.ok(matches("", ["web-1"]));
  assert.ok(!matches("web off", ["web-1", "running"]));
});
