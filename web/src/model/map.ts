// What the map shows: who runs what, and which device models run elsewhere.
import type { Platform, Vm } from "../api/types.ts";
import { type Device, devicesOf } from "./devices.ts";

export interface PlacedVm {
  vm: Vm;
  devices: Device[];
}

export interface PlatformOnMap {
  platform: Platform;
  vms: PlacedVm[];
}

/** A device server that some virtual machine uses. */
export interface ServerOnMap {
  address: string;
  models: { vm: Vm; device: Device }[];
}

export interface ClusterMap {
  platforms: PlatformOnMap[];
  /** Nobody owns these. */
  unplaced: PlacedVm[];
  servers: ServerOnMap[];
}

export function mapOf(platforms: Iterable<Platform>, vms: Iterable<Vm>): ClusterMap {
  const map: ClusterMap = { platforms: [], unplaced: [], servers: [] };
  const byName = new Map<string, PlatformOnMap>();
  for (const platform of byNames(platforms)) {
    const entry = { platform, vms: [] };
    byName.set(platform.name, entry);
    map.platforms.push(entry);
  }
  const servers = new Map<string, ServerOnMap>();
  for (const vm of byNames(vms)) {
    const placed = { vm, devices: devicesOf(vm) };
    (byName.get(vm.platform)?.vms ?? map.unplaced).push(placed);
    if (vm.platform) addServers(servers, placed);
  }
  map.servers = [...servers.values()].sort((a, b) => compare(a.address, b.address));
  return map;
}

function addServers(servers: Map<string, ServerOnMap>, { vm, devices }: PlacedVm): void {
  for (const device of devices) {
    if (!device.server) continue;
    const server = servers.get(device.server) ?? { address: device.server, models: [] };
    server.models.push({ vm, device });
    servers.set(device.server, server);
  }
}

/** "web-2" before "web-10". */
export function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

function byNames<T extends { name: string }>(items: Iterable<T>): T[] {
  return [...items].sort((a, b) => compare(a.name, b.name));
}
