// The frame around every page: where one can go, whether the panel is there, what is under way.
import { connection, loaded, logOut, session } from "../state/session.ts";
import { dialog } from "../state/dialog.ts";
import { route } from "../state/route.ts";
import { routeText, type Route } from "../model/route.ts";
import { Dialogs } from "./dialogs.tsx";
import { EventsPage } from "./events.tsx";
import { Icon, type IconName, Logo } from "./icons.tsx";
import { Jobs } from "./jobs.tsx";
import { Login } from "./login.tsx";
import { MapPage } from "./map.tsx";
import { useNow } from "./parts.tsx";
import { PlatformPage } from "./platform_page.tsx";
import { useShortcuts } from "./shortcuts.ts";
import { VmList } from "./vm_list.tsx";
import { VmPage } from "./vm_page.tsx";

export function App() {
  if (!session.value) return <Login />;
  return <Frame />;
}

function Frame() {
  useShortcuts();
  return (
    <>
      <Header />
      <Lost />
      <main tabIndex={-1} class={connection.value.state === "lost" ? "stale" : ""}>
        {loaded.value ? <Page /> : <p class="waiting">Asking the panel…</p>}
      </main>
      <Jobs />
      <Dialogs />
    </>
  );
}

function Page() {
  const to = route.value;
  switch (to.page) {
    case "map":
      return <MapPage />;
    case "vms":
      return <VmList />;
    case "vm":
      return <VmPage key={to.name} name={to.name} />;
    case "platform":
      return <PlatformPage key={to.name} name={to.name} />;
    case "events":
      return <EventsPage />;
  }
}

function Header() {
  const user = session.value?.user;
  return (
    <header class="top">
      <a class="home" href="#/map" aria-label="Orrery">
        <Logo />
        <span>Orrery</span>
      </a>
      <nav aria-label="Pages">
        <NavLink to={{ page: "map" }} icon="map" label="Map" pages={["map", "platform"]} />
        <NavLink to={{ page: "vms" }} icon="list" label="Machines" pages={["vms", "vm"]} />
        <NavLink to={{ page: "events" }} icon="events" label="Events" pages={["events"]} />
      </nav>
      <button class="find" onClick={() => (dialog.value = { kind: "palette" })} title="Find anything, do anything">
        <Icon name="search" />
        <span>Find or do…</span>
        <kbd>Ctrl K</kbd>
      </button>
      <span class={`link ${connection.value.state}`} role="status">
        {connection.value.state}
      </span>
      <span class="user" title={`role: ${user?.role}`}>
        {user?.name}
      </span>
      <button class="quiet" onClick={() => logOut()} title="Log out" aria-label="Log out">
        <Icon name="out" />
      </button>
    </header>
  );
}

function NavLink({ to, icon, label, pages }: { to: Route; icon: IconName; label: string; pages: Route["page"][] }) {
  const here = pages.includes(route.value.page);
  return (
    <a href={routeText(to)} aria-current={here ? "page" : undefined} title={label}>
      <Icon name={icon} />
      <span>{label}</span>
    </a>
  );
}

/** Says so when what is shown may not be true any more. */
function Lost() {
  const { state, retryAt } = connection.value;
  const now = useNow(250);
  if (state !== "lost") return null;
  const wait = Math.max(0, Math.ceil(((retryAt ?? now) - now) / 1000));
  return (
    <div class="lost" role="alert">
      <Icon name="warning" />
      <span>
        <strong>The panel does not answer.</strong> What you see is what it told last. Virtual machines go on without it.
      </span>
      <span class="retry">{wait > 0 ? `next try in ${wait} s` : "trying…"}</span>
      <button onClick={() => session.value?.live.retry()}>Try now</button>
    </div>
  );
}
