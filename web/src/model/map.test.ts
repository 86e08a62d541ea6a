import assert from "node:assert/strict";
import { test } from "node:test";

import { examplePlatform, exampleVm } from "./examples.ts";
import { mapOf } from "./map.ts";

test("a machine is where its owner is, and numbers are in their order", () => {
  const map = mapOf(
    [examplePlatform({ name: "host-10" }), examplePlatform({ name: "host-2" })],
    [
      exampleVm({ name: "b", platform: "host-2" }),
      exampleVm({ name: "a", platform: "host-2" }),
      exampleVm({ name: "stopped" }),
    ],
  );
  const names = map.platforms.map(({ platform, vms }) => [platform.name, ...vms.map(({ vm }) => vm.name)]);
  assert.deepEqual(names, [["host-2", "a", "b"], ["host-10"]]);
  assert.deepEqual(map.unplaced.map(({ vm }) => vm.name), ["stopped"]);
});

test("a machine whose platform is not known yet is not lost from the map", () => {
  assert.equal(mapOf([], [exampleVm({ platform: "new" })]).unplaced.length, 1);
});

test("a device server shows the models that machines in use have there", () => {
  const options = { device: ["disk0@s", "rng0@s"] };
  const map = mapOf(
    [examplePlatform()],
    [exampleVm({ name: "on", platform: "host-1", options }), exampleVm({ name: "off", options })],
  );
  assert.deepEqual(
    map.servers.map(({ address, models }) => [address, ...models.map(({ vm, device }) => `${vm.name}/${device.name}`)]),
    [["s:8471", "on/disk0", "on/rng0"]],
  );
});
