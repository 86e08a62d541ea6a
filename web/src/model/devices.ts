// The device models of a virtual machine, as its options say.
import type { Options } from "../api/types.ts";

export type DeviceClass = "serial" | "disk" | "network" | "console" | "remote";

export interface Device {
  /** As people call it, and unique in its VM: "disk0". */
  name: string;
  class: DeviceClass;
  /** What is behind it. */
  backing: string;
  /** Where a model runs that is not in the VM's own process: "host:port". */
  server: string;
  details: string[];
}

/** Where a device server listens if nothing is said. */
const serverPort = 8471;

export function devicesOf(options: Options): Device[] {
  const all = (name: string) => options[name] ?? [];
  return [
    { name: "serial0", class: "serial", backing: "this page", server: "", details: [] },
    ...all("disk").map((text, at) => device("disk", "disk", at, text)),
    ...all("net").map((text, at) => device("net", "network", at, text)),
    ...all("virtio-console").map((text, at) => device("console", "console", at, text)),
    ...all("device").map(remote),
  ];
}

function device(name: string, kind: DeviceClass, at: number, text: string): Device {
  const [backing = "", ...details] = text.split(",");
  return { name: `${name}${at}`, class: kind, backing, server: "", details };
}

/** "disk0@10.0.0.5" */
function remote(text: string): Device {
  const at = text.lastIndexOf("@");
  const [address = "", ...details] = text.slice(at + 1).split(",");
  const server = /:\d+$/.test(address) ? address : `${address}:${serverPort}`;
  return { name: text.slice(0, at), class: "remote", backing: "", server, details };
}

/** What a class is called, for people. */
export const classNames: Record<DeviceClass, string> = {
  serial: "Serial port",
  disk: "Disk",
  network: "Network card",
  console: "Virtio console",
  remote: "Remote device",
};
