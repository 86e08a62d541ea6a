import assert from "node:assert/strict";
import { test } from "node:test";

import type { VmState } from "../api/types.ts";
import { fitting, may, platformActions, vmActions } from "./actions.ts";
import { exampleVm } from "./examples.ts";
import { progressOf } from "./progress.ts";

const action = (name: string) => vmActions.find((each) => each.name === name)!;

test("a start is done when the machine runs, and says what it waits for", () => {
  const before = exampleVm();
  const at = (state: VmState, detail = "") => progressOf(action("start"), before, exampleVm({ state, detail, revision: 2 }));
  assert.deepEqual(at("starting"), { status: "waiting", text: "starting" });
  assert.deepEqual(at("pending", "no room"), { status: "waiting", text: "waits: no room" });
  assert.deepEqual(at("running"), { status: "done", text: "is running" });
  assert.deepEqual(at("failed", "no kernel"), { status: "failed", text: "failed: no kernel" });
});

test("a machine that had failed before has not failed again", () => {
  const before = exampleVm({ state: "failed" });
  assert.equal(progressOf(action("start"), before, before).status, "waiting");
});

test("a reset is done when the button counts as pressed", () => {
  const before = exampleVm({ state: "running" });
  const after = exampleVm({ state: "running", desired: { ...before.desired, resets: 1 } });
  assert.equal(progressOf(action("reset"), before, before).status, "waiting");
  assert.equal(progressOf(action("reset"), before, after).status, "done");
});

test("a suspension that its host refuses has failed, though the machine runs", () => {
  const before = exampleVm({ state: "running" });
  const at = (state: VmState, suspend: boolean, detail = "") =>
    progressOf(action("suspend"), before, exampleVm({ state, detail, desired: { ...before.desired, suspend }, revision: 2 }));
  assert.deepEqual(at("suspending", true), { status: "waiting", text: "suspending" });
  assert.deepEqual(at("suspended", true), { status: "done", text: "is suspended" });
  assert.deepEqual(at("running", false, "no room"), { status: "failed", text: "failed: no room" });
  assert.equal(progressOf(action("suspend"), before, before).status, "waiting");
});

test("a machine that is gone is what a removal wants, and nothing else does", () => {
  assert.equal(progressOf(action("delete"), exampleVm(), undefined).status, "done");
  assert.equal(progressOf(action("start"), exampleVm(), undefined).status, "failed");
});

test("a role is offered what it may do, and a state what it allows", () => {
  const names = (state: VmState, role: "viewer" | "operator" | "administrator") =>
    fitting(vmActions, exampleVm({ state }), role).map((each) => each.name);
  assert.deepEqual(names("running", "viewer"), []);
  assert.deepEqual(names("running", "operator"), ["pause", "suspend", "power-off", "force-off", "reset"]);
  assert.deepEqual(names("stopped", "operator"), ["start"]);
  assert.deepEqual(names("stopped", "administrator"), ["start", "delete"]);
  assert.deepEqual(names("suspending", "administrator"), ["force-off"]);
  assert.deepEqual(names("suspended", "administrator"), ["resume", "discard"]);
  assert.deepEqual(names("unknown", "administrator"), ["force-off", "release"]);
  assert.ok(may("administrator", "viewer") && !may("viewer", "operator"));
});

test("whatever can lose something asks before", () => {
  for (const each of [...vmActions, ...platformActions]) {
    assert.ok(!each.danger || each.question, `${each.name} does not ask`);
  }
});
