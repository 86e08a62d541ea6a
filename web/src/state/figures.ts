// What machines use, as long as the page is open: the last minutes of each.
import { type Signal, effect, signal } from "@preact/signals";

import type { Client } from "../api/client.ts";
import type { Figures } from "../api/types.ts";
import { type Sample, sampleOf } from "../model/rates.ts";
import { connection, session, vms } from "./session.ts";

/** Five minutes, as there is one each second. */
const most = 300;

/** Milliseconds before it is tried again, where only this connection has broken. */
const pause = 2000;

const last = new Map<string, Figures>();
const series = new Map<string, Signal<readonly Sample[]>>();

/** Of one machine, the newest last. */
export function samplesOf(vm: string): Signal<readonly Sample[]> {
  let found = series.get(vm);
  if (!found) series.set(vm, (found = signal<readonly Sample[]>([])));
  return found;
}

export function latestOf(vm: string): Sample | undefined {
  return samplesOf(vm).value.at(-1);
}

function take(figures: Figures): void {
  if (vms.peek().get(figures.vm)?.platform !== figures.platform) return;
  const before = last.get(figures.vm);
  last.set(figures.vm, figures);
  const sample = before && sampleOf(before, figures, Date.now());
  const samples = samplesOf(figures.vm);
  if (sample) samples.value = [...samples.peek(), sample].slice(-most);
  else if (before) samples.value = [];
}

/** What does not run uses nothing, and what was before says nothing about the next run. */
function forgetStopped(): void {
  for (const name of last.keys()) {
    const vm = vms.value.get(name);
    if (vm && vm.platform !== "" && vm.state !== "unknown") continue;
    last.delete(name);
    samplesOf(name).value = [];
    if (!vm) series.delete(name);
  }
}

/** Until what it returns is called. */
function listen(client: Client): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let socket: WebSocket | undefined;
  const connect = () => {
    socket = client.socket("/v1/figures/stream");
    socket.onmessage = (message: MessageEvent<string>) => take(JSON.parse(message.data) as Figures);
    socket.onclose = () => (timer = setTimeout(connect, pause));
  };
  connect();
  return () => {
    clearTimeout(timer);
    if (socket) socket.onclose = null;
    socket?.close();
  };
}

/** Listens as long as the panel is there. */
export function watchFigures(): void {
  effect(forgetStopped);
  effect(() => {
    const present = session.value;
    if (present && connection.value.state === "live") return listen(present.client);
    return undefined;
  });
}
