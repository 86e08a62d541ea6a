// One console of a virtual machine, that comes back by itself: when the panel does, and when the
// machine is started again.
import { backoff } from "../model/backoff.ts";
import type { Client } from "./client.ts";

export type ConsoleState = "connecting" | "open" | "closed";

export interface ConsoleListener {
  state(state: ConsoleState): void;
  /** It begins anew: the last that was printed comes first. */
  opened(): void;
  printed(bytes: Uint8Array): void;
}

export class Console {
  private socket: WebSocket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private wanted = false;

  constructor(
    private readonly client: Client,
    private readonly vm: string,
    private readonly listener: ConsoleListener,
  ) {}

  /** Whether there is a console to be had. */
  want(wanted: boolean): void {
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    clearTimeout(this.timer);
    this.attempt = 0;
    if (wanted && !this.socket) this.connect();
  }

  stop(): void {
    this.wanted = false;
    clearTimeout(this.timer);
    this.socket?.close();
  }

  type(text: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(new TextEncoder().encode(text));
  }

  /** Bytes that are no text, such as the mouse's. */
  typeBytes(bytes: string): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(Uint8Array.from(bytes, (each) => each.charCodeAt(0) & 255));
    }
  }

  private connect(): void {
    this.listener.state("connecting");
    const socket = this.client.socket(`/v1/vms/${encodeURIComponent(this.vm)}/console`);
    this.socket = socket;
    let first = true;
    socket.onmessage = (message: MessageEvent<ArrayBuffer | string>) => {
      if (first) this.listener.opened();
      first = false;
      this.attempt = 0;
      const data = message.data;
      this.listener.printed(typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data));
    };
    socket.onopen = () => this.listener.state("open");
    socket.onclose = () => {
      this.socket = undefined;
      this.listener.state("closed");
      if (this.wanted) this.timer = setTimeout(() => this.connect(), backoff(this.attempt++, Math.random()));
    };
  }
}

/** What a machine has printed, also one that has stopped. */
export function printedBy(client: Client, vm: string): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = client.socket(`/v1/vms/${encodeURIComponent(vm)}/log`);
    let printed = new Uint8Array();
    socket.onmessage = (message: MessageEvent<ArrayBuffer>) => (printed = new Uint8Array(message.data));
    socket.onclose = () => resolve(printed);
    socket.onerror = () => reject(new Error("no log"));
  });
}
