import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "./backoff.ts";

test("tries become rarer, up to one in five seconds, and clients do not come all at once", () => {
  assert.deepEqual([0, 1, 2, 10].map((attempt) => backoff(attempt, 1)), [250, 500, 1000, 5000]);
  assert.equal(backoff(10, 0), 2500);
});
