// Requests to the panel that serves the page.

/** The panel answered, and said no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
  ) {
    super(message);
  }
}

/** No answer came: whether the panel did what was asked is not known. */
export class Unreachable extends Error {
  constructor() {
    super("The panel does not answer.");
  }
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

export interface Asked {
  method?: Method;
  body?: unknown;
  /** The same for every try of one request, so that it is done once. */
  key?: string;
  signal?: AbortSignal;
}

/** A panel that is there answers in milliseconds. */
const longest = 10_000;

/** For Idempotency-Key: a text that nobody else has. (randomUUID() is not there over plain HTTP.) */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export class Client {
  constructor(private readonly token: string) {}

  async ask<T>(path: string, asked: Asked = {}): Promise<T> {
    const headers = new Headers({ Authorization: `Bearer ${this.token}` });
    if (asked.key) headers.set("Idempotency-Key", asked.key);
    let response: Response;
    let text: string;
    try {
      const limit = AbortSignal.timeout(longest);
      response = await fetch(path, {
        method: asked.method ?? "GET",
        headers,
        body: asked.body === undefined ? null : JSON.stringify(asked.body),
        signal: asked.signal ? AbortSignal.any([asked.signal, limit]) : limit,
        cache: "no-store",
      });
      text = await response.text();
    } catch {
      throw new Unreachable();
    }
    if (response.ok) return JSON.parse(text) as T;
    throw refusal(response.status, text);
  }

  /** All of a list, page by page. */
  async list<T>(path: string, signal?: AbortSignal): Promise<T[]> {
    const items: T[] = [];
    let after: string | number | null = "";
    do {
      const mark = path.includes("?") ? "&" : "?";
      const more: string = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
      const page: { items: T[]; next: string | number | null } = await this.ask(
        `${path}${mark}limit=1000${more}`,
        signal ? { signal } : {},
      );
      items.push(...page.items);
      after = page.next;
    } while (after !== null);
    return items;
  }

  /** A WebSocket of the API. Browsers send no Authorization with one: the token is offered as a protocol. */
  socket(path: string): WebSocket {
    const url = new URL(path, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, ["orrery.v1", `orrery.token.${this.token}`]);
    socket.binaryType = "arraybuffer";
    return socket;
  }
}

function refusal(status: number, text: string): Refused {
  try {
    const { error } = JSON.parse(text) as { error: { kind: string; message: string } };
    return new Refused(status, error.kind, error.message);
  } catch {
    return new Refused(status, "unknown", text.trim() || `The panel answered ${status}.`);
  }
}
