import assert from "node:assert/strict";
import { test } from "node:test";

import { devicesOf } from "./devices.ts";

test("every option that makes a device is one, numbered as in its VM", () => {
  const options = {
    disk: ["root.qcow2,readonly", "data.raw"],
    net: ["user,forward=tcp:2222:22"],
    memory: ["1G"],
  };
  const devices = devicesOf({ options, models: [] });
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
  const options = { device: ["disk0@10.0.0.5", "rng0@server-2:9000,server-3"] };
  const models = [{ name: "rng0", kind: "remote", server: "server-3:8471", found: false }];
  const servers = devicesOf({ options, models: [] }).map((each) => [each.name, each.server]);
  assert.deepEqual(servers, [
    ["serial0", ""],
    ["disk0", "10.0.0.5:8471"],
    ["rng0", "server-2:9000"],
  ]);
  const moved = devicesOf({ options, models }).map((each) => [each.name, each.server, each.found]);
  assert.deepEqual(moved.at(-1), ["rng0", "server-3:8471", false]);
});
