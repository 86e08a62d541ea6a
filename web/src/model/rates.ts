// Rates out of counters: between two of a machine's figures.
import type { Figures } from "../api/types.ts";

export interface Sample {
  /** Milliseconds since 1970, by this browser. */
  time: number;
  /** Processors that were busy, 0 to the number of its threads. */
  processors: number;
  /** Bytes of the host's memory. */
  memory: number;
  /** Bytes a second, of all disks and all network cards. */
  disk: Flow;
  network: Flow;
  devices: Record<string, Flow>;
}

export interface Flow {
  /** Read, or received by the guest. */
  in: number;
  /** Written, or sent. */
  out: number;
  /** Operations a second: requests or frames, both ways. */
  operations: number;
}

const none: Flow = { in: 0, out: 0, operations: 0 };

/** Undefined: there is no rate between these two, as the machine was started anew, or nothing has passed. */
export function sampleOf(before: Figures, now: Figures, time: number): Sample | undefined {
  const seconds = (now.taken_ns - before.taken_ns) / 1e9;
  if (seconds <= 0 || now.processor_ns < before.processor_ns) return undefined;
  const devices: Record<string, Flow> = {};
  for (const device of now.devices) {
    const old = before.devices.find((each) => each.name === device.name);
    if (!old) continue;
    devices[device.name] = {
      in: (device.in_bytes - old.in_bytes) / seconds,
      out: (device.out_bytes - old.out_bytes) / seconds,
      operations: (device.in + device.out - old.in - old.out) / seconds,
    };
  }
  return {
    time,
    processors: (now.processor_ns - before.processor_ns) / 1e9 / seconds,
    memory: now.resident,
    disk: sum(devices, "disk"),
    network: sum(devices, "net"),
    devices,
  };
}

function sum(devices: Record<string, Flow>, prefix: string): Flow {
  return Object.entries(devices)
    .filter(([name]) => name.startsWith(prefix))
    .reduce(
      (all, [, flow]) => ({
        in: all.in + flow.in,
        out: all.out + flow.out,
        operations: all.operations + flow.operations,
      }),
      none,
    );
}
