// Keeps a picture of the panel true: all of it once, then whatever events tell has changed; and all
// of it again after the connection was lost.
import { backoff } from "../model/backoff.ts";
import { type Client, Refused } from "./client.ts";
import type { PanelEvent, Platform, Vm } from "./types.ts";

export type Connection = "connecting" | "live" | "lost";

export interface Listener {
  connection(connection: Connection, retryAt: number | null): void;
  all(vms: Vm[], platforms: Platform[]): void;
  vm(name: string, vm: Vm | undefined): void;
  platform(name: string, platform: Platform | undefined): void;
  events(events: PanelEvent[]): void;
  /** The token is worth nothing any more. */
  turnedAway(): void;
}

/** The panel is asked this often whether it is there: a connection can be dead without having ended. */
const beat = 5000;
/** How far back the first events lie, in revisions of the panel's database. */
const memory = 5000;

export class Live {
  private socket: WebSocket | undefined;
  private attempt = 0;
  private ended = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stale = new Set<string>();
  private refreshing = false;

  constructor(
    private readonly client: Client,
    private readonly listener: Listener,
  ) {}

  start(): void {
    void this.connect();
  }

  stop(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  /** Not when its time has come, but now. */
  retry(): void {
    if (this.ended || this.socket) return;
    clearTimeout(this.timer);
    void this.connect();
  }

  private async connect(): Promise<void> {
    if (this.attempt === 0) this.listener.connection("connecting", null);
    try {
      const platforms = await this.client.list<Platform>("/v1/platforms");
      const first = await this.client.ask<{ items: Vm[] }>("/v1/vms?limit=1");
      // Whatever changes from here on has a later revision than what has been seen.
      const seen = Math.max(0, ...platforms.map((each) => each.revision), ...first.items.map((each) => each.revision));
      const vms = await this.client.list<Vm>("/v1/vms");
      const past = await this.client.list<PanelEvent>(`/v1/events?after=${Math.max(0, seen - memory)}`);
      if (this.ended) return;
      this.listener.all(vms, platforms);
      this.listener.events(past);
      this.listen(Math.max(seen, past.at(-1)?.revision ?? 0));
    } catch (error) {
      if (this.ended) return;
      if (error instanceof Refused && error.status === 401) return this.listener.turnedAway();
      this.lose();
    }
  }

  private listen(after: number): void {
    const socket = this.client.socket(`/v1/events/stream?after=${after}`);
    this.socket = socket;
    socket.onopen = () => {
      this.attempt = 0;
      this.listener.connection("live", null);
      this.timer = setTimeout(() => void this.check(socket), beat);
    };
    socket.onmessage = (message: MessageEvent<string>) => this.take(JSON.parse(message.data) as PanelEvent);
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      clearTimeout(this.timer);
      if (!this.ended) this.lose();
    };
  }

  private async check(socket: WebSocket): Promise<void> {
    try {
      await this.client.ask("/v1/me", { signal: AbortSignal.timeout(beat) });
    } catch (error) {
      if (error instanceof Refused && error.status === 401 && !this.ended) this.listener.turnedAway();
      // (The end of one that is dead would take minutes to be told of.)
      socket.close();
      socket.onclose?.(new CloseEvent("close"));
      return;
    }
    if (this.socket === socket) this.timer = setTimeout(() => void this.check(socket), beat);
  }

  private lose(): void {
    const wait = backoff(this.attempt++, Math.random());
    this.listener.connection("lost", Date.now() + wait);
    this.timer = setTimeout(() => void this.connect(), wait);
  }

  private take(event: PanelEvent): void {
    this.listener.events([event]);
    this.refresh(event.subject);
  }

  /** SUBJECT ("vms/web-1") is asked for again, once however often it is told to have changed meanwhile. */
  refresh(subject: string): void {
    this.stale.add(subject);
    if (this.refreshing) return;
    this.refreshing = true;
    queueMicrotask(() => void this.refreshAll());
  }

  private async refreshAll(): Promise<void> {
    while (this.stale.size > 0 && !this.ended) {
      const subjects = [...this.stale];
      this.stale.clear();
      await Promise.all(subjects.map((subject) => this.refreshOne(subject)));
    }
    this.refreshing = false;
  }

  private async refreshOne(subject: string): Promise<void> {
    const [kind, name = ""] = subject.split("/");
    if (kind === "vms") {
      const vm = await this.fetch<Vm>(subject);
      if (vm !== "unknown") this.listener.vm(name, vm);
    } else if (kind === "platforms") {
      const platform = await this.fetch<Platform>(subject);
      if (platform !== "unknown") this.listener.platform(name, platform);
    }
  }

  /** Undefined: there is none any more. "unknown": the panel did not say; all is asked again once it is found. */
  private async fetch<T>(subject: string): Promise<T | undefined | "unknown"> {
    try {
      return await this.client.ask<T>(`/v1/${subject}`);
    } catch (error) {
      return error instanceof Refused && error.status === 404 ? undefined : "unknown";
    }
  }
}
