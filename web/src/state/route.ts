// Which page is shown: behind "#" in the address, so that Back, Reload and links work.
import { signal } from "@preact/signals";

import { type Route, parseRoute, routeText } from "../model/route.ts";

export const route = signal<Route>(parseRoute(location.hash));

addEventListener("hashchange", () => {
  route.value = parseRoute(location.hash);
  document.querySelector<HTMLElement>("main")?.focus();
});

export function go(to: Route): void {
  location.hash = routeText(to);
}
