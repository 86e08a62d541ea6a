// The one dialog that is open.
import { signal } from "@preact/signals";

import type { Platform, Vm } from "../api/types.ts";
import type { Action } from "../model/actions.ts";
import { actOnPlatform, actOnVm } from "./jobs.ts";

export interface Question {
  kind: "question";
  title: string;
  text: string;
  label: string;
  danger: boolean;
  confirmed: () => void;
}

export interface MoveQuestion {
  kind: "move";
  vm: Vm;
  device: string;
  /** Where it is. */
  server: string;
}

export type Dialog = Question | MoveQuestion | { kind: "create" } | { kind: "palette" } | { kind: "keys" } | { kind: "join" };

export const dialog = signal<Dialog | null>(null);

/** Does it, after it was confirmed where that is called for. */
export function askAndActOnVm(action: Action<Vm>, vm: Vm): void {
  askAndAct(action, vm, () => void actOnVm(action, vm));
}

export function askAndActOnPlatform(action: Action<Platform>, platform: Platform): void {
  askAndAct(action, platform, () => void actOnPlatform(action, platform));
}

function askAndAct<T extends { name: string }>(action: Action<T>, thing: T, confirmed: () => void): void {
  if (!action.question) return confirmed();
  dialog.value = {
    kind: "question",
    title: `${action.label} ${thing.name}?`,
    text: action.question(thing),
    label: action.label,
    danger: action.danger === true,
    confirmed,
  };
}
