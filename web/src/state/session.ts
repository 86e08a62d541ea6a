// Who uses the page, and what the panel told.
import { computed, signal } from "@preact/signals";

import { Client } from "../api/client.ts";
import { type Connection, Live } from "../api/live.ts";
import type { PanelEvent, Platform, User, Vm } from "../api/types.ts";
import { mapOf } from "../model/map.ts";
import { forgetToken, keepToken } from "./token.ts";

export interface Session {
  client: Client;
  live: Live;
  user: User;
}

export const session = signal<Session | null>(null);
/** Why the page asks for a token again. */
export const farewell = signal("");

export const connection = signal<{ state: Connection; retryAt: number | null }>({
  state: "connecting",
  retryAt: null,
});
/** All has been told at least once. */
export const loaded = signal(false);
export const vms = signal<ReadonlyMap<string, Vm>>(new Map());
export const platforms = signal<ReadonlyMap<string, Platform>>(new Map());
/** The newest last. */
export const events = signal<readonly PanelEvent[]>([]);
const mostEvents = 1000;

export const clusterMap = computed(() => mapOf(platforms.value.values(), vms.value.values()));

export async function logIn(token: string): Promise<void> {
  const client = new Client(token);
  const user = await client.ask<User>("/v1/me");
  keepToken(token);
  farewell.value = "";
  const live = new Live(client, {
    connection: (state, retryAt) => (connection.value = { state, retryAt }),
    all: takeAll,
    vm: takeVm,
    platform: (name, platform) => (platforms.value = changed(platforms.value, name, platform)),
    events: takeEvents,
    turnedAway: () => logOut("The panel does not know this token any more."),
  });
  session.value = { client, live, user };
  live.start();
}

export function logOut(why = ""): void {
  session.value?.live.stop();
  session.value = null;
  forgetToken();
  farewell.value = why;
  loaded.value = false;
  vms.value = new Map();
  platforms.value = new Map();
  events.value = [];
}

function takeAll(allVms: Vm[], allPlatforms: Platform[]): void {
  vms.value = new Map(allVms.map((vm) => [vm.name, vm]));
  platforms.value = new Map(allPlatforms.map((platform) => [platform.name, platform]));
  loaded.value = true;
}

function takeVm(name: string, vm: Vm | undefined): void {
  const before = vms.value.get(name);
  vms.value = changed(vms.value, name, vm);
  // What is allocated there has changed, which is no event of its own.
  for (const platform of new Set([before?.platform, vm?.platform])) {
    if (platform) session.value?.live.refresh(`platforms/${platform}`);
  }
}

function takeEvents(news: PanelEvent[]): void {
  // Several may have happened in one revision.
  const last = events.value.at(-1)?.revision ?? 0;
  const known = new Set(events.value.filter((event) => event.revision === last).map(eventKey));
  const fresh = news.filter((event) => event.revision >= last && !known.has(eventKey(event)));
  if (fresh.length > 0) events.value = [...events.value, ...fresh].slice(-mostEvents);
}

export function eventKey(event: PanelEvent): string {
  return `${event.revision}/${event.subject}/${event.kind}`;
}

/** What an answer told is older than what came since, if its revision is. */
function changed<T extends { revision: number }>(
  map: ReadonlyMap<string, T>,
  name: string,
  thing: T | undefined,
): ReadonlyMap<string, T> {
  const present = map.get(name);
  if (thing && present && present.revision > thing.revision) return map;
  const copy = new Map(map);
  if (thing) copy.set(name, thing);
  else copy.delete(name);
  return copy;
}

/** What the panel answered to an action. */
export function noteVm(vm: Vm): void {
  takeVm(vm.name, vm);
}
