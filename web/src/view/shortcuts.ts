// Keys that work wherever one does not type.
import { useEffect } from "preact/hooks";

import { vmActions, fitting, may } from "../model/actions.ts";
import { askAndActOnVm, dialog } from "../state/dialog.ts";
import { go, route } from "../state/route.ts";
import { session, vms } from "../state/session.ts";

export interface Shortcut {
  keys: string;
  help: string;
  run: () => void;
}

export const shortcuts: Shortcut[] = [
  { keys: "g m", help: "the map", run: () => go({ page: "map" }) },
  { keys: "g v", help: "all machines", run: () => go({ page: "vms" }) },
  { keys: "g e", help: "events", run: () => go({ page: "events" }) },
  { keys: "/", help: "find in the list", run: find },
  { keys: "n", help: "new machine", run: create },
  { keys: "s", help: "this machine: start it", run: () => act("start") },
  { keys: "p", help: "this machine: pause it", run: () => act("pause") },
  { keys: "r", help: "this machine: resume it", run: () => act("resume") },
  { keys: "o", help: "this machine: power it off", run: () => act("power-off") },
  { keys: "c", help: "this machine: type into its console", run: () => terminal()?.focus() },
  { keys: "?", help: "these keys", run: () => (dialog.value = { kind: "keys" }) },
];

/** Between the two keys of "g m". */
const longestPause = 1000;

export function useShortcuts(): void {
  useEffect(() => {
    let before = "";
    let at = 0;
    const pressed = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !inTerminal(event)) {
        event.preventDefault();
        dialog.value = { kind: "palette" };
        return;
      }
      if (dialog.value || event.ctrlKey || event.metaKey || event.altKey || types(event)) return;
      const both = event.timeStamp - at < longestPause ? `${before} ${event.key}` : event.key;
      before = event.key;
      at = event.timeStamp;
      const found = shortcuts.find((each) => each.keys === both) ?? shortcuts.find((each) => each.keys === event.key);
      if (!found) return;
      event.preventDefault();
      found.run();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

function types(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName) || target.isContentEditable;
}

function inTerminal(event: KeyboardEvent): boolean {
  return (event.target as HTMLElement).closest(".xterm") !== null;
}

function terminal(): HTMLElement | null {
  return document.querySelector<HTMLElement>(".xterm-helper-textarea");
}

function find(): void {
  const input = document.querySelector<HTMLInputElement>("[data-search]");
  if (input) input.focus();
  else dialog.value = { kind: "palette" };
}

function create(): void {
  if (may(session.value?.user.role ?? "viewer", "administrator")) dialog.value = { kind: "create" };
}

function act(name: string): void {
  const to = route.value;
  const vm = to.page === "vm" ? vms.value.get(to.name) : undefined;
  if (!vm) return;
  const action = fitting(vmActions, vm, session.value?.user.role ?? "viewer").find((each) => each.name === name);
  if (action) askAndActOnVm(action, vm);
}
