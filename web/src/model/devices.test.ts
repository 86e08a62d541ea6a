import assert from "node:assert/strict";
import { test } from "node:test";

import { devicesOf } from "./devices.ts";

test("every option that makes a device is one, numbered as in its VM", () => {
  const devices = devicesOf({
    disk: ["root.qcow2,readonly", "data.raw"],
    net: ["user,forward=tcp:2222:22"],
    memory: ["1G"],
  });
  assert.deepEqual(
    devices.map((each) => [each.name, each.class, each.backing, each.details]),
    [
      ["serial0", "serial", "this page", []],
      ["disk0", "disk", "root.qcow2", ["readonly"]],
      ["disk1", "disk", "data.raw", []],
      ["net0", "network", "user", ["forward=tcp:2222:22"]],
    ],
  );
});

test("a remote device says where its model runs", () => {
  const servers = devicesOf({ device: ["disk0@10.0.0.5", "rng0@server-2:9000"] }).map((each) => [each.name, each.server]);
  assert.deepEqual(servers, [
    ["serial0", ""],
    ["disk0", "10.0.0.5:8471"],
    ["rng0", "server-2:9000"],
  ]);
});
