// Everything that there is and that can be done, by typing a part of it.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import type { Role, Vm } from "../api/types.ts";
import { fitting, may, platformActions, vmActions } from "../model/actions.ts";
import { type Device, devicesOf } from "../model/devices.ts";
import { canMove } from "../model/moves.ts";
import { matches } from "../model/search.ts";
import { askAndActOnPlatform, askAndActOnVm, dialog } from "../state/dialog.ts";
import { go } from "../state/route.ts";
import { logOut, platforms, session, vms } from "../state/session.ts";
import { Modal } from "./dialogs.tsx";

interface Entry {
  label: string;
  note: string;
  run: () => void;
}

const most = 12;

export function Palette() {
  const wanted = useSignal("");
  const at = useSignal(0);
  const input = useRef<HTMLInputElement>(null);
  const found = useComputed(() => entries(wanted.value).slice(0, most));
  useEffect(() => input.current?.focus(), []);

  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    dialog.value = null;
    entry.run();
  };
  const pressed = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) at.value = (at.value + step + found.value.length) % Math.max(1, found.value.length);
    else if (event.key === "Enter") run(found.value[at.value]);
    else return;
    event.preventDefault();
  };

  return (
    <Modal title="Find" class="palette">
      <input
        ref={input}
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-label="Find anything, do anything"
        placeholder="A machine, a platform, an action…"
        value={wanted.value}
        onInput={(event) => {
          wanted.value = event.currentTarget.value;
          at.value = 0;
        }}
        onKeyDown={pressed}
      />
      <ul id="palette-list" role="listbox">
        {found.value.map((entry, place) => (
          <li
            key={entry.label + entry.note}
            role="option"
            aria-selected={place === at.value}
            onMouseEnter={() => (at.value = place)}
            onClick={() => run(entry)}
          >
            <span>{entry.label}</span>
            <span class="note">{entry.note}</span>
          </li>
        ))}
        {found.value.length === 0 && <li class="none">Nothing is called so.</li>}
      </ul>
    </Modal>
  );
}

function* movable(role: Role): Iterable<{ vm: Vm; device: Device }> {
  for (const vm of vms.value.values()) {
    for (const device of devicesOf(vm)) {
      if (canMove(vm, device, role)) yield { vm, device };
    }
  }
}

function* all(): Iterable<Entry> {
  const role = session.value?.user.role ?? "viewer";
  for (const vm of vms.value.values()) {
    yield { label: vm.name, note: `machine, ${vm.state}`, run: () => go({ page: "vm", name: vm.name }) };
  }
  for (const platform of platforms.value.values()) {
    yield { label: platform.name, note: `platform, ${platform.state}`, run: () => go({ page: "platform", name: platform.name }) };
  }
  for (const vm of vms.value.values()) {
    for (const action of fitting(vmActions, vm, role)) {
      yield { label: `${action.label} ${vm.name}`, note: "machine", run: () => askAndActOnVm(action, vm) };
    }
  }
  for (const { vm, device } of movable(role)) {
    const run = () => (dialog.value = { kind: "move", vm, device: device.name, server: device.server });
    yield { label: `Move ${device.name} of ${vm.name}`, note: "device model", run };
  }
  for (const platform of platforms.value.values()) {
    for (const action of fitting(platformActions, platform, role)) {
      yield { label: `${action.label} ${platform.name}`, note: "platform", run: () => askAndActOnPlatform(action, platform) };
    }
  }
  if (may(role, "administrator")) {
    yield { label: "New machine", note: "n", run: () => (dialog.value = { kind: "create" }) };
    yield { label: "Add a platform", note: "", run: () => (dialog.value = { kind: "join" }) };
  }
  yield { label: "Map", note: "g m", run: () => go({ page: "map" }) };
  yield { label: "Machines", note: "g v", run: () => go({ page: "vms" }) };
  yield { label: "Events", note: "g e", run: () => go({ page: "events" }) };
  yield { label: "Keys", note: "?", run: () => (dialog.value = { kind: "keys" }) };
  yield { label: "Log out", note: "", run: () => logOut() };
}

function entries(wanted: string): Entry[] {
  return [...all()].filter((entry) => matches(wanted, [entry.label, entry.note]));
}
