import { useComputed, useSignal } from "@preact/signals";

import type { PanelEvent } from "../api/types.ts";
import { clock } from "../model/format.ts";
import { parseRoute, routeText } from "../model/route.ts";
import { matches } from "../model/search.ts";
import { eventKey, events } from "../state/session.ts";
import { Empty, SearchField } from "./parts.tsx";

export function EventsPage() {
  const wanted = useSignal("");
  const found = useComputed(() =>
    events.value.filter((each) => matches(wanted.value, [each.subject, each.kind, each.what, each.by])).reverse(),
  );
  return (
    <div class="machines">
      <div class="toolbar">
        <SearchField wanted={wanted} label="Find events" hint="what happened, to whom, by whom  ( / )" />
      </div>
      <EventList events={found.value.slice(0, 300)} />
    </div>
  );
}

/** The newest first. SHORT: their subject is known. */
export function EventList({ events: list, short }: { events: PanelEvent[]; short?: boolean }) {
  if (list.length === 0) return <Empty title="Nothing has happened lately." />;
  return (
    <ol class="events">
      {list.map((event) => (
        <li key={eventKey(event)}>
          <time dateTime={event.time} title={new Date(event.time).toLocaleString()}>
            {clock(event.time)}
          </time>
          {!short && <Subject subject={event.subject} />}
          <span class={`kind ${event.kind}`}>{event.kind}</span>
          <span class="what">{event.what}</span>
          <span class="by">{event.by}</span>
        </li>
      ))}
    </ol>
  );
}

function Subject({ subject }: { subject: string }) {
  const to = parseRoute(`#/${subject}`);
  const name = subject.slice(subject.indexOf("/") + 1);
  return to.page === "vm" || to.page === "platform" ? <a href={routeText(to)}>{name}</a> : <span>{name}</span>;
}
