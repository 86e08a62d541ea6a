import type { ComponentChildren } from "preact";

import { type Action, fitting, platformActions, vmActions } from "../model/actions.ts";
import type { Platform, Vm } from "../api/types.ts";
import { askAndActOnPlatform, askAndActOnVm } from "../state/dialog.ts";
import { session } from "../state/session.ts";

export function VmButtons({ vm, small }: { vm: Vm; small?: boolean }) {
  return buttons(vmActions, vm, askAndActOnVm, small);
}

export function PlatformButtons({ platform }: { platform: Platform }) {
  return buttons(platformActions, platform, askAndActOnPlatform);
}

function buttons<T>(
  actions: Action<T>[],
  thing: T,
  act: (action: Action<T>, thing: T) => void,
  small = false,
): ComponentChildren {
  const fit = fitting(actions, thing, session.value?.user.role ?? "viewer");
  return (
    <div class="buttons">
      {fit.map((action) => (
        <button
          key={action.name}
          class={`${action.danger ? "danger" : action.question ? "" : "primary"} ${small ? "small" : ""}`}
          onClick={() => act(action, thing)}
        >
          {action.label}
        </button>
      ))}
    </div>
  );
}
