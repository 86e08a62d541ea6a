// Actions that somebody asked for, and how far they are.
import { effect, signal } from "@preact/signals";

import { type Client, Refused, Unreachable, randomKey } from "../api/client.ts";
import type { Platform, Vm } from "../api/types.ts";
import type { Action } from "../model/actions.ts";
import { type Progress, progressOf } from "../model/progress.ts";
import { noteVm, platforms, session, vms } from "./session.ts";

export interface Job {
  id: number;
  subject: string;
  status: Progress["status"];
  text: string;
}

export const jobs = signal<readonly Job[]>([]);

/** One that is done is shown so long; one that failed until it is dismissed. */
const shown = 4000;
let next = 1;

export function dismiss(id: number): void {
  jobs.value = jobs.peek().filter((job) => job.id !== id);
}

function add(subject: string, text: string): number {
  const id = next++;
  jobs.value = [...jobs.peek(), { id, subject, status: "waiting", text }];
  return id;
}

function update(id: number, status: Progress["status"], text: string): void {
  jobs.value = jobs.peek().map((job) => (job.id === id ? { ...job, status, text } : job));
  if (status === "done") setTimeout(() => dismiss(id), shown);
}

/** While the panel does not answer, the same request is made again: its key lets it be done once. */
export async function askUntilAnswered<T>(client: Client, path: string, asked: Parameters<Client["ask"]>[1]): Promise<T> {
  const key = randomKey();
  for (;;) {
    try {
      return await client.ask<T>(path, { ...asked, key });
    } catch (error) {
      const again = error instanceof Unreachable || (error instanceof Refused && error.status === 503);
      if (!again || !session.value) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

export function actOnVm(action: Action<Vm>, vm: Vm): Promise<void> {
  return act(action, vm, `/v1/vms/${vm.name}`, () => vms.value.get(vm.name), noteVm);
}

export function actOnPlatform(action: Action<Platform>, platform: Platform): Promise<void> {
  const path = `/v1/platforms/${platform.name}`;
  const note = () => session.value?.live.refresh(`platforms/${platform.name}`);
  return act(action, platform, path, () => platforms.value.get(platform.name), note);
}

async function act<T extends { name: string; state: string; revision: number }>(
  action: Action<T>,
  before: T,
  path: string,
  now: () => T | undefined,
  note: (answer: T) => void,
): Promise<void> {
  if (!session.value) return;
  const id = add(before.name, action.doing);
  try {
    const asked = { method: action.method, ...(action.body === undefined ? {} : { body: action.body }) };
    const answer = await askUntilAnswered<T>(session.value.client, path + action.path, asked);
    if (action.method === "DELETE") {
      update(id, "done", action.done);
      session.value?.live.refresh(path.slice("/v1/".length));
      return;
    }
    note(answer);
    follow(id, action, before, now);
  } catch (error) {
    update(id, "failed", `${action.label} failed: ${(error as Error).message}`);
  }
}

/** Until the thing is where the action wants it, or the notice was dismissed. */
function follow<T extends { state: string; revision: number }>(
  id: number,
  action: Action<T>,
  before: T,
  now: () => T | undefined,
): void {
  let over = false;
  const stop = effect(() => {
    const progress = progressOf(action, before, now());
    if (over) return;
    if (jobs.peek().some((job) => job.id === id)) update(id, progress.status, progress.text);
    if (progress.status === "waiting") return;
    over = true;
    queueMicrotask(() => stop());
  });
}
