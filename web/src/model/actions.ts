// What can be done, with whom, when, and by whom: one table, from which buttons, keys, the command
// palette, confirmations and requests derive.
import type { Method } from "../api/client.ts";
import type { Platform, Role, Vm, VmState } from "../api/types.ts";

export interface Action<T> {
  name: string;
  label: string;
  role: Role;
  method: Method;
  /** Behind the thing's own path. */
  path: string;
  body?: unknown;
  /** It can lose something. */
  danger?: boolean;
  /** Whether it makes sense now. */
  fits: (thing: T) => boolean;
  /** What is asked before it is done; none: it can be undone, and disturbs nobody. */
  question?: (thing: T) => string;
  /** "NAME: " and this, while it is under way. */
  doing: string;
  /** "NAME: " and this, once `reached`. */
  done: string;
  /** Whether the thing is where it should be; undefined: it is gone. */
  reached: (thing: T | undefined, before: T) => boolean;
  /** Whether what the panel had agreed to was then not done, and the thing is as before: its detail says why. */
  refused?: (thing: T) => boolean;
  /** Why it was refused, where not the thing's detail says so. */
  why?: (thing: T) => string;
}

const ranks: Role[] = ["viewer", "operator", "administrator"];

export function may(role: Role, wanted: Role): boolean {
  return ranks.indexOf(role) >= ranks.indexOf(wanted);
}

const is =
  (...states: VmState[]) =>
  (vm: Vm) =>
    states.includes(vm.state);
const becomes =
  (...states: VmState[]) =>
  (vm: Vm | undefined) =>
    vm !== undefined && states.includes(vm.state);

export const vmActions: Action<Vm>[] = [
  {
    name: "start",
    label: "Start",
    role: "operator",
    method: "POST",
    path: "/start",
    fits: is("stopped", "failed"),
    doing: "starting",
    done: "is running",
    reached: becomes("running", "paused"),
  },
  {
    name: "resume",
    label: "Resume",
    role: "operator",
    method: "POST",
    path: "/resume",
    fits: is("paused", "suspended"),
    doing: "resuming",
    done: "goes on",
    reached: becomes("running"),
  },
  {
    name: "pause",
    label: "Pause",
    role: "operator",
    method: "POST",
    path: "/pause",
    fits: is("running"),
    question: () => "Its processors and its clock stand until it is resumed. Its connections may time out meanwhile.",
    doing: "pausing",
    done: "is paused",
    reached: becomes("paused"),
  },
  {
    name: "suspend",
    label: "Suspend",
    role: "operator",
    method: "POST",
    path: "/suspend",
    fits: is("running", "paused"),
    question: (vm) =>
      `${vm.platform} keeps its memory and processors, and it ends. It goes on there once it is resumed; its connections may time out meanwhile.`,
    doing: "suspending",
    done: "is suspended",
    reached: becomes("suspended"),
    refused: (vm) => !vm.desired.suspend,
  },
  {
    name: "power-off",
    label: "Power off",
    role: "operator",
    method: "POST",
    path: "/stop",
    body: {},
    fits: is("running", "starting", "pending"),
    question: (vm) =>
      vm.state === "pending"
        ? "It waits to be started, and will not be."
        : "The power button is pressed, and the guest shuts down. If it has not after ten seconds, it is forced off.",
    doing: "powering off",
    done: "is off",
    // (One that waits to go on keeps its state.)
    reached: becomes("stopped", "suspended"),
  },
  {
    name: "force-off",
    label: "Force off",
    role: "operator",
    method: "POST",
    path: "/stop",
    body: { force: true },
    danger: true,
    fits: is("running", "paused", "starting", "stopping", "suspending", "unknown"),
    question: () => "As when the plug is pulled: what the guest has not written to its disks is lost.",
    doing: "forcing off",
    done: "is off",
    reached: becomes("stopped"),
  },
  {
    name: "discard",
    label: "Give up state",
    role: "operator",
    method: "POST",
    path: "/stop",
    body: { force: true },
    danger: true,
    fits: is("suspended"),
    question: (vm) =>
      `What ${vm.suspended_on} keeps of it is lost, as when the plug is pulled: it will start anew, with what the guest has written to its disks.`,
    doing: "giving up its state",
    done: "is off",
    reached: becomes("stopped"),
  },
  {
    name: "reset",
    label: "Reset",
    role: "operator",
    method: "POST",
    path: "/reset",
    danger: true,
    fits: is("running", "paused"),
    question: () => "The reset button is pressed: what the guest has not written to its disks is lost, and it starts again.",
    doing: "resetting",
    done: "was reset",
    reached: (vm, before) => vm !== undefined && vm.desired.resets > before.desired.resets,
  },
  {
    name: "release",
    label: "Release",
    role: "administrator",
    method: "POST",
    path: "/release",
    danger: true,
    fits: is("unknown"),
    question: (vm) =>
      `You give your word that it does not run on ${vm.platform} any more. If it does, two of it may write to the same disks.`,
    doing: "releasing",
    done: "was released",
    reached: becomes("stopped", "suspended"),
  },
  {
    name: "delete",
    label: "Delete",
    role: "administrator",
    method: "DELETE",
    path: "",
    danger: true,
    fits: is("stopped", "failed"),
    question: () => "The panel forgets it. Its disks stay where they are.",
    doing: "deleting",
    done: "is deleted",
    reached: (vm) => vm === undefined,
  },
];

export const platformActions: Action<Platform>[] = [
  {
    name: "drain",
    label: "Drain",
    role: "administrator",
    method: "POST",
    path: "/drain",
    fits: (platform) => !platform.draining,
    question: () => "It gets no more virtual machines. Those that run there go on until they are stopped.",
    doing: "draining",
    done: "is draining",
    reached: (platform) => platform?.draining === true,
  },
  {
    name: "open",
    label: "Open",
    role: "administrator",
    method: "POST",
    path: "/open",
    fits: (platform) => platform.draining,
    doing: "opening",
    done: "takes virtual machines again",
    reached: (platform) => platform?.draining === false,
  },
  {
    name: "remove",
    label: "Remove",
    role: "administrator",
    method: "DELETE",
    path: "",
    danger: true,
    fits: (platform) => platform.vms === 0,
    question: () => "The panel forgets it, and its agent's secret is worth nothing any more. To come back, it needs a new join token.",
    doing: "removing",
    done: "is removed",
    reached: (platform) => platform === undefined,
  },
];

/** Those that ROLE may do with THING now. */
export function fitting<T>(actions: Action<T>[], thing: T, role: Role): Action<T>[] {
  return actions.filter((action) => may(role, action.role) && action.fits(thing));
}
