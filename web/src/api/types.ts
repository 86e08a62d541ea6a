// What the control panel's API tells: docs/formats/panel-api.md. Fields that the page has no use
// for are left out.

export type Role = "viewer" | "operator" | "administrator";

export interface User {
  name: string;
  role: Role;
}

export type VmState =
  | "stopped"
  | "pending"
  | "starting"
  | "running"
  | "paused"
  | "stopping"
  | "suspending"
  | "suspended"
  | "failed"
  | "unknown";

export interface Resources {
  memory: number;
  cpus: number;
}

/** The options of `orrery run`, by their names without dashes. */
export type Options = Record<string, string[]>;

export interface Placement {
  platform?: string;
  labels?: Record<string, string>;
  hypervisor?: string;
  abilities?: string[];
  apart?: string;
}

/** A device model of a machine that runs. */
export interface DeviceModel {
  name: string;
  kind: string;
  /** host:port; empty: it runs in the machine's own process. */
  server: string;
  /** Otherwise it is being looked for at its server. */
  found: boolean;
}

/** The last move of a device model that somebody asked for. */
export interface DeviceMove {
  number: number;
  device: string;
  server: string;
  state: "none" | "under way" | "done" | "refused";
  detail: string;
}

export interface Vm {
  name: string;
  revision: number;
  options: Options;
  guest: string;
  placement: Placement;
  restart: "never" | "on-failure";
  needs: Resources;
  desired: { power: "on" | "off"; force: boolean; suspend: boolean; paused: boolean; resets: number };
  state: VmState;
  detail: string;
  platform: string;
  epoch: number;
  last_platform: string;
  /** The platform that keeps its state; empty: none. */
  suspended_on: string;
  failures: number;
  created: string;
  models: DeviceModel[];
  move: DeviceMove;
}

export interface Platform {
  name: string;
  revision: number;
  state: "joined" | "ready" | "lost";
  draining: boolean;
  capacity: Resources;
  allocated: Resources;
  vms: number;
  hypervisors: { kind: string; version: string; abilities: string[] }[];
  labels: Record<string, string>;
  version: string;
  joined: string;
}

export interface PanelEvent {
  revision: number;
  time: string;
  kind: string;
  /** "vms/web-1", "platforms/host-1" */
  subject: string;
  what: string;
  by: string;
}

export interface NewVm {
  name: string;
  options: Record<string, string | string[]>;
  guest?: string;
  placement?: Placement;
  restart?: string;
}

/** What a machine has used since its process began. */
export interface Figures {
  vm: string;
  platform: string;
  taken_ns: number;
  processor_ns: number;
  resident: number;
  devices: DeviceFigures[];
}

export interface DeviceFigures {
  name: string;
  in: number;
  in_bytes: number;
  out: number;
  out_bytes: number;
}
