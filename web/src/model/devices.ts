// The device models of a virtual machine: as its options say; and while it runs, where it says that
// they are.
import type { DeviceModel, Vm } from "../api/types.ts";

export type DeviceClass = "serial" | "disk" | "network" | "console" | "remote";

export interface Device {
  /** As people call it, and unique in its VM: "disk0". */
  name: string;
  class: DeviceClass;
  /** What is behind it. */
  backing: string;
  /** Where a model runs that is not in the VM's own process: "host:port". */
  server: string;
  /** False while it is being looked for there. */
  found: boolean;
  details: string[];
}

/** Where a device server listens if nothing is said. */
const serverPort = 8471;

export function devicesOf(vm: Pick<Vm, "options" | "models">): Device[] {
  const all = (name: string) => vm.options[name] ?? [];
  return [
    { name: "serial0", class: "serial", backing: "this page", server: "", found: true, details: [] },
    ...all("disk").map((text, at) => device("disk", "disk", at, text)),
    ...all("net").map((text, at) => device("net", "network", at, text)),
    ...all("virtio-console").map((text, at) => device("console", "console", at, text)),
    ...all("device").map((text) => remote(text, vm.models)),
  ];
}

function device(name: string, kind: DeviceClass, at: number, text: string): Device {
  const [backing = "", ...details] = text.split(",");
  return { name: `${name}${at}`, class: kind, backing, server: "", found: true, details };
}

/** "disk0@10.0.0.5,10.0.0.6": at the first of these that has it, or wherever MODELS say. */
function remote(text: string, models: DeviceModel[]): Device {
  const at = text.lastIndexOf("@");
  const name = text.slice(0, at);
  const [address = "", ...others] = text.slice(at + 1).split(",");
  const now = models.find((model) => model.name === name && model.server !== "");
  const first = /:\d+$/.test(address) ? address : `${address}:${serverPort}`;
  const details = others.map((each) => `or ${each}`);
  return { name, class: "remote", backing: "", server: now?.server ?? first, found: now?.found ?? true, details };
}

/** What a class is called, for people. */
export const classNames: Record<DeviceClass, string> = {
  serial: "Serial port",
  disk: "Disk",
  network: "Network card",
  console: "Virtio console",
  remote: "Remote device",
};
