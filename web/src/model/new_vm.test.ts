import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyForm, requestOf } from "./new_vm.ts";

test("what was left empty is not asked for, and a line is one device", () => {
  const request = requestOf({ ...emptyForm, name: " a ", kernel: "vmlinuz", disks: "one.raw\n\n two.raw \n", platform: "p" });
  assert.deepEqual(request, {
    name: "a",
    options: {
      kernel: "vmlinuz",
      append: "console=ttyS0",
      memory: "512M",
      cpus: "1",
      disk: ["one.raw", "two.raw"],
    },
    placement: { platform: "p" },
    restart: "never",
  });
});
