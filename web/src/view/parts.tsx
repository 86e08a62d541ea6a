// Small pieces that many pages use.
import type { Signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

import { age } from "../model/format.ts";
import { Icon } from "./icons.tsx";

export function State({ state, title }: { state: string; title?: string }) {
  return (
    <span class={`state ${state}`} title={title}>
      {state}
    </span>
  );
}

/** PART of WHOLE as a bar, with what it means as text. */
export function Meter({ part, whole, label }: { part: number; whole: number; label: string }) {
  const share = whole > 0 ? Math.min(1, part / whole) : 0;
  return (
    <div class="meter">
      <div class={`bar ${share > 0.9 ? "full" : ""}`} role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={1} aria-valuenow={share}>
        <span style={{ width: `${share * 100}%` }} />
      </div>
      <span class="label">{label}</span>
    </div>
  );
}

/** What is typed here goes to WANTED; "/" leads to it (shortcuts.ts). */
export function SearchField({ wanted, label, hint }: { wanted: Signal<string>; label: string; hint: string }) {
  return (
    <label class="search">
      <Icon name="search" />
      <input
        type="search"
        data-search
        placeholder={hint}
        aria-label={label}
        value={wanted.value}
        onInput={(event) => (wanted.value = event.currentTarget.value)}
      />
    </label>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <div>{children}</div>}
    </div>
  );
}

/** Milliseconds since 1970, anew every EVERY of them. */
export function useNow(every: number): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

export function Age({ time }: { time: string }) {
  const now = useNow(5000);
  return (
    <time dateTime={time} title={new Date(time).toLocaleString()}>
      {age(time, now)}
    </time>
  );
}

export function Panel({ title, more, children, class: name = "" }: {
  title: string;
  more?: ComponentChildren;
  children: ComponentChildren;
  class?: string;
}) {
  return (
    <section class={`panel ${name}`} aria-label={title}>
      <header>
        <h2>{title}</h2>
        {more}
      </header>
      {children}
    </section>
  );
}

export function Facts({ facts }: { facts: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
