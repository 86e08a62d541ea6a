// The page's addresses: "#/map", "#/vms", "#/vms/web-1", "#/platforms/host-1", "#/events".

export type Route =
  | { page: "map" | "vms" | "events" }
  | { page: "vm"; name: string }
  | { page: "platform"; name: string };

export function parseRoute(hash: string): Route {
  const [page = "", name = ""] = hash.replace(/^#\/?/, "").split("/").map(decode);
  if (page === "vms") return name ? { page: "vm", name } : { page: "vms" };
  if (page === "platforms" && name) return { page: "platform", name };
  return { page: page === "events" ? "events" : "map" };
}

export function routeText(route: Route): string {
  if (route.page === "vm") return `#/vms/${encodeURIComponent(route.name)}`;
  if (route.page === "platform") return `#/platforms/${encodeURIComponent(route.name)}`;
  return `#/${route.page}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
