import assert from "node:assert/strict";
import { test } from "node:test";

import type { Figures } from "../api/types.ts";
import { sampleOf } from "./rates.ts";

function figures(seconds: number, more: Partial<Figures> = {}): Figures {
  return {
    vm: "web-1",
    platform: "host-1",
    taken_ns: seconds * 1e9,
    processor_ns: 0,
    resident: 0,
    devices: [],
    ...more,
  };
}

const device = (name: string, bytes: number) => ({ name, in: bytes / 512, in_bytes: bytes, out: 0, out_bytes: 2 * bytes });

test("a rate is what was counted in between, by the host's clock", () => {
  const sample = sampleOf(
    figures(10, { processor_ns: 1e9, devices: [device("disk0", 0), device("disk1", 512), device("net0", 0)] }),
    figures(12, { processor_ns: 4e9, resident: 7, devices: [device("disk0", 1024), device("disk1", 512), device("net0", 2048)] }),
    5,
  );
  assert.deepEqual(sample, {
    time: 5,
    processors: 1.5,
    memory: 7,
    disk: { in: 512, out: 1024, operations: 1 },
    network: { in: 1024, out: 2048, operations: 2 },
    devices: {
      disk0: { in: 512, out: 1024, operations: 1 },
      disk1: { in: 0, out: 0, operations: 0 },
      net0: { in: 1024, out: 2048, operations: 2 },
    },
  });
});

test("there is no rate across a start, nor within one instant", () => {
  assert.equal(sampleOf(figures(10, { processor_ns: 5 }), figures(11, { processor_ns: 4 }), 0), undefined);
  assert.equal(sampleOf(figures(10), figures(10), 0), undefined);
  assert.equal(sampleOf(figures(10), figures(1), 0), undefined);
});
