// Line icons, 16 by 16, in the colour of the text.
import type { DeviceClass } from "../model/devices.ts";

const paths = {
  serial: "M2 4.5h12v7H2zM4.5 7l1.5 1.2L4.5 9.5M7.5 9.7h3",
  disk: "M3 3.5h10v9H3zM3 9.5h10M10.8 11.1h.4",
  network: "M8 2.5v4M3.5 13.5v-4h9v4M8 6.5v3M6 2.5h4",
  console: "M2 3.5h12v9H2zM4.5 6.5l2 1.5-2 1.5",
  remote: "M4.6 11.5a2.8 2.8 0 0 1-.3-5.6 3.8 3.8 0 0 1 7.3.8 2.4 2.4 0 0 1 .2 4.8z",
  platform: "M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.4M5 11h.4",
  map: "M8 8m-1.5 0a1.5 1.5 0 1 0 3 0a1.5 1.5 0 1 0-3 0M8 8m-5.8 0a5.8 5.8 0 1 0 11.6 0a5.8 5.8 0 1 0-11.6 0M12 4h.2",
  list: "M2.5 4h11M2.5 8h11M2.5 12h11",
  events: "M8 4v4l2.5 1.5M8 8m-5.8 0a5.8 5.8 0 1 0 11.6 0a5.8 5.8 0 1 0-11.6 0",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  done: "M3 8.5l3.2 3.2L13 4.8",
  warning: "M8 2.5l6 11H2zM8 6.5v3.2M8 11.6h.1",
  search: "M7 7m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0M10 10l3.5 3.5",
  out: "M6.5 3h-4v10h4M6 8h7.5M11 5.5L13.5 8 11 10.5",
  expand: "M9.5 2.5h4v4M13.5 2.5l-5 5M6.5 13.5h-4v-4M2.5 13.5l5-5",
} as const;

export type IconName = keyof typeof paths | DeviceClass;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
      <circle class="orbit" cx="16" cy="16" r="13.5" />
      <circle class="orbit" cx="16" cy="16" r="7.5" />
      <circle class="sun" cx="16" cy="16" r="3" />
      <circle class="inner" cx="21.3" cy="10.7" r="2.2" />
      <circle class="outer" cx="4.3" cy="22.8" r="2.8" />
    </svg>
  );
}
