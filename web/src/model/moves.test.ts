import assert from "node:assert/strict";
import { test } from "node:test";

import type { DeviceMove, Vm } from "../api/types.ts";
import { devicesOf } from "./devices.ts";
import { exampleVm } from "./examples.ts";
import { canMove, goesTo, moveOf } from "./moves.ts";
import { progressOf } from "./progress.ts";

const none = exampleVm().move;

function running(move: Partial<DeviceMove> = {}, server = "s1:8471"): Vm {
  const models = [
    { name: "serial0", kind: "serial", server: "", found: true },
    { name: "disk0", kind: "remote", server, found: true },
  ];
  const desired = { ...exampleVm().desired, power: "on" as const };
  const options = { device: ["disk0@s1,s2"] };
  return exampleVm({ state: "running", platform: "host-1", desired, options, models, move: { ...none, ...move }, revision: 2 });
}

test("what is at a device server can move, of a machine that runs, by who may, one at a time", () => {
  const [serial, disk] = devicesOf(running());
  assert.ok(serial && disk);
  assert.ok(canMove(running(), disk, "operator"));
  assert.ok(!canMove(running(), disk, "viewer"));
  assert.ok(!canMove(running(), serial, "operator"));
  assert.ok(!canMove(running({ state: "under way" }), disk, "operator"));
  assert.ok(!canMove(exampleVm({ options: { device: ["disk0@s1"] } }), disk, "operator"));
});

test("a device is where its machine says that it is, and on its way to where it was told to go", () => {
  const [, disk] = devicesOf(running({ number: 1, device: "disk0", server: "s2", state: "under way" }, "s2:8471"));
  assert.equal(disk?.server, "s2:8471");
  assert.ok(disk);
  assert.equal(goesTo(running({ number: 1, device: "disk0", server: "s2", state: "under way" }), disk), "s2");
  assert.equal(goesTo(running(), disk), "");
});

test("a move is followed until it is done, or refused with the reason", () => {
  const action = moveOf("disk0", "s2");
  const before = running({ number: 1, device: "disk0", state: "refused", detail: "an old reason" });
  const at = (state: DeviceMove["state"], detail = "") =>
    progressOf(action, before, { ...running({ number: 2, device: "disk0", server: "s2", state, detail }), revision: 3 });
  assert.equal(at("under way").status, "waiting");
  assert.deepEqual(at("done"), { status: "done", text: "has its disk0 at s2" });
  assert.deepEqual(at("refused", "nobody is there"), { status: "failed", text: "failed: nobody is there" });
  assert.equal(progressOf(action, before, before).status, "waiting");
});
