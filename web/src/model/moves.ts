// Taking a device model from one device server to another, while its guest runs.
import type { Role, Vm } from "../api/types.ts";
import { type Action, may } from "./actions.ts";
import type { Device } from "./devices.ts";

/** Whether ROLE may take DEVICE of VM elsewhere now. */
export function canMove(vm: Vm, device: Device, role: Role): boolean {
  const told = vm.models.some((model) => model.name === device.name && model.server !== "");
  return told && vm.desired.power === "on" && vm.move.state !== "under way" && may(role, "operator");
}

/** Where DEVICE of VM is on its way to; empty: nowhere. */
export function goesTo(vm: Vm, device: Device): string {
  return device.server !== "" && vm.move.state === "under way" && vm.move.device === device.name ? vm.move.server : "";
}

export function moveOf(device: string, target: string): Action<Vm> {
  const isThis = (vm: Vm, before: Vm) => vm.move.number > before.move.number && vm.move.device === device;
  return {
    name: "move-device",
    label: `Moving ${device}`,
    role: "operator",
    method: "POST",
    path: "/move-device",
    body: { device, target },
    fits: () => true,
    doing: `moving ${device} to ${target}`,
    done: `has its ${device} at ${target}`,
    reached: (vm, before) => vm !== undefined && isThis(vm, before) && vm.move.state === "done",
    refused: (vm) => vm.move.device === device && vm.move.state === "refused",
    why: (vm) => vm.move.detail,
  };
}
