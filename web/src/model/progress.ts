// How far an action has come, by what became of the thing that it was done to.
import type { Action } from "./actions.ts";

export interface Progress {
  status: "waiting" | "done" | "failed";
  text: string;
}

interface Thing {
  state: string;
  detail?: string;
  revision: number;
}

/** NOW: the thing as it was seen last; undefined: it is gone. BEFORE: as it was when the action was asked for. */
export function progressOf<T extends Thing>(action: Action<T>, before: T, now: T | undefined): Progress {
  if (action.reached(now, before)) return { status: "done", text: action.done };
  if (!now) return { status: "failed", text: "is gone" };
  const why = action.why?.(now) ?? now.detail;
  const detail = why ? `: ${why}` : "";
  if (now.revision > before.revision && (now.state === "failed" || action.refused?.(now))) {
    return { status: "failed", text: `failed${detail}` };
  }
  return { status: "waiting", text: now.state === "pending" ? `waits${detail}` : action.doing };
}
