import assert from "node:assert/strict";
import { test } from "node:test";

import { age, bytes, figure, percent } from "./format.ts";

test("bytes have the unit that leaves three digits", () => {
  assert.deepEqual(
    [0, 1023, 1024, 1536, 100 * 1024, 1024 ** 2 - 1, 1.5 * 1024 ** 3].map(bytes),
    ["0 B", "1023 B", "1 KiB", "1.5 KiB", "100 KiB", "1024 KiB", "1.5 GiB"],
  );
});

test("figures have as many digits as one reads", () => {
  assert.deepEqual([0, 0.126, 1.5, 12.34, 123.4, -2.5].map(figure), ["0", "0.13", "1.5", "12.3", "123", "-2.5"]);
  assert.equal(percent(0.1234), "12.3 %");
});

test("an age is told in the unit that changes slowly", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const ago = (seconds: number) => age(new Date(now - seconds * 1000).toISOString(), now);
  assert.deepEqual([0, 30, 99, 100, 7200, 200_000].map(ago), ["now", "30 s", "99 s", "1 min", "2 h", "2 d"]);
  assert.equal(ago(-5), "now", "clocks of two hosts are never the same");
});
