// For tests: a platform and a virtual machine as the panel tells of them.
import type { Platform, Vm } from "../api/types.ts";

export function exampleVm(more: Partial<Vm> = {}): Vm {
  return {
    name: "web-1",
    revision: 1,
    options: { kernel: ["vmlinuz"] },
    guest: "",
    placement: {},
    restart: "never",
    needs: { memory: 1 << 30, cpus: 1 },
    desired: { power: "off", force: false, suspend: false, paused: false, resets: 0 },
    state: "stopped",
    detail: "",
    platform: "",
    epoch: 0,
    last_platform: "",
    suspended_on: "",
    failures: 0,
    created: "2026-01-01T00:00:00.000Z",
    models: [],
    move: { number: 0, device: "", server: "", state: "none", detail: "" },
    ...more,
  };
}

export function examplePlatform(more: Partial<Platform> = {}): Platform {
  return {
    name: "host-1",
    revision: 1,
    state: "ready",
    draining: false,
    capacity: { memory: 1 << 30, cpus: 2 },
    allocated: { memory: 0, cpus: 0 },
    vms: 0,
    hypervisors: [],
    labels: {},
    version: "0.1.0",
    joined: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}
