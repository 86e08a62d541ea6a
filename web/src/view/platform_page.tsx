import type { Platform } from "../api/types.ts";
import { bytes } from "../model/format.ts";
import { clusterMap, events, platforms } from "../state/session.ts";
import { PlatformButtons } from "./actions.tsx";
import { EventList } from "./events.tsx";
import { Age, Empty, Facts, Meter, Panel, State } from "./parts.tsx";
import { VmCard } from "./vm_card.tsx";

export function PlatformPage({ name }: { name: string }) {
  const platform = platforms.value.get(name);
  if (!platform) {
    return (
      <Empty title={`There is no platform ${name}.`}>
        <a href="#/map">The map</a>
      </Empty>
    );
  }
  const placed = clusterMap.value.platforms.find((each) => each.platform.name === name)?.vms ?? [];
  return (
    <div class="thing">
      <header class="head">
        <h1>{platform.name}</h1>
        <State state={platform.state} />
        {platform.draining && <State state="draining" />}
        <PlatformButtons platform={platform} />
      </header>
      {platform.state === "lost" && (
        <p class="detail lost-text">
          Its agent has not been heard of. Its virtual machines may well run; they stay its own until somebody releases them.
        </p>
      )}
      <div class="columns">
        <Panel title="Virtual machines" class="wide-panel">
          <div class="vms">
            {placed.map((each) => (
              <VmCard key={each.vm.name} placed={each} />
            ))}
            {placed.length === 0 && <p class="none">Nothing runs here.</p>}
          </div>
        </Panel>
        <div class="side">
          <Panel title="Room">
            <Room platform={platform} />
          </Panel>
          <Panel title="Facts">
            <PlatformFacts platform={platform} />
          </Panel>
          <Panel title="Events">
            <EventList events={events.value.filter((each) => each.subject === `platforms/${name}`).slice(-12).reverse()} short />
          </Panel>
        </div>
      </div>
    </div>
  );
}

function Room({ platform: { allocated, capacity } }: { platform: Platform }) {
  return (
    <div class="room">
      <Meter
        part={allocated.memory}
        whole={capacity.memory}
        label={`${bytes(allocated.memory)} of ${bytes(capacity.memory)} memory`}
      />
      <Meter part={allocated.cpus} whole={capacity.cpus} label={`${allocated.cpus} vCPUs on ${capacity.cpus} CPUs`} />
    </div>
  );
}

function PlatformFacts({ platform }: { platform: Platform }) {
  const hypervisors = platform.hypervisors.map((each) => (
    <div key={each.kind}>
      {each.kind} {each.version} {each.abilities.join(", ")}
    </div>
  ));
  const labels = Object.entries(platform.labels).map(([name, value]) => `${name}=${value}`);
  return (
    <Facts
      facts={[
        ["Hypervisors", hypervisors],
        ["Labels", labels.join(", ") || "—"],
        ["Agent", `orrery ${platform.version}`],
        ["Joined", <Age key="age" time={platform.joined} />],
      ]}
    />
  );
}
