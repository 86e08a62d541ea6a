import assert from "node:assert/strict";
import { test } from "node:test";

import { type Route, parseRoute, routeText } from "./route.ts";

test("every page's address leads back to it", () => {
  const routes: Route[] = [
    { page: "map" },
    { page: "vms" },
    { page: "events" },
    { page: "vm", name: "web-1" },
    { page: "platform", name: "host.2" },
  ];
  for (const route of routes) assert.deepEqual(parseRoute(routeText(route)), route);
});

test("an address that is none is the map's", () => {
  for (const hash of ["", "#", "#/", "#/nonsense", "#/platforms", "#/%E0%A4%A"]) {
    assert.deepEqual(parseRoute(hash), { page: "map" }, hash);
  }
});
