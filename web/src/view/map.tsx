// The whole cluster at a glance: which platform runs which virtual machine, with which device
// models, and which of these run on device servers.
import type { PlatformOnMap, ServerOnMap } from "../model/map.ts";
import { may } from "../model/actions.ts";
import { bytes, count } from "../model/format.ts";
import { routeText } from "../model/route.ts";
import { dialog } from "../state/dialog.ts";
import { clusterMap, platforms, session, vms } from "../state/session.ts";
import { Icon } from "./icons.tsx";
import { Empty, Meter, State } from "./parts.tsx";
import { Wires, wireEnd } from "./wires.tsx";
import { VmCard } from "./vm_card.tsx";

export function MapPage() {
  const map = clusterMap.value;
  return (
    <div class="map">
      <Summary />
      {map.platforms.length === 0 && <NoPlatforms />}
      <div class="platforms">
        {map.platforms.map((entry) => (
          <PlatformCard key={entry.platform.name} entry={entry} />
        ))}
        {map.servers.map((server) => (
          <ServerCard key={server.address} server={server} />
        ))}
        {map.unplaced.length > 0 && (
          <section class="card unplaced" aria-label="On no platform">
            <header>
              <h2>On no platform</h2>
              <span class="small">{count(map.unplaced.length, "machine", "machines")}</span>
            </header>
            <div class="vms">
              {map.unplaced.map((placed) => (
                <VmCard key={placed.vm.name} placed={placed} />
              ))}
            </div>
          </section>
        )}
        {map.servers.length > 0 && <Wires />}
      </div>
    </div>
  );
}

function Summary() {
  const hosts = [...platforms.value.values()];
  const ready = hosts.filter((host) => host.state === "ready");
  const all = [...vms.value.values()];
  const running = all.filter((vm) => vm.state === "running").length;
  const sum = (of: (host: (typeof hosts)[number]) => number) => ready.reduce((total, host) => total + of(host), 0);
  const trouble = all.filter((vm) => vm.state === "failed" || vm.state === "unknown").length + hosts.length - ready.length;
  const administrator = may(session.value?.user.role ?? "viewer", "administrator");
  return (
    <div class="summary">
      <Figure value={`${ready.length}/${hosts.length}`} label="platforms ready" />
      <Figure value={`${running}/${all.length}`} label="machines running" />
      <Figure
        value={bytes(sum((host) => host.allocated.memory))}
        label={`memory allocated of ${bytes(sum((host) => host.capacity.memory))}`}
      />
      <Figure value={String(sum((host) => host.allocated.cpus))} label={`vCPUs on ${sum((host) => host.capacity.cpus)} CPUs`} />
      {trouble > 0 && <Figure value={String(trouble)} label="need a look" class="trouble" />}
      {administrator && (
        <div class="buttons">
          <button onClick={() => (dialog.value = { kind: "join" })}>Add a platform</button>
          <button class="primary" onClick={() => (dialog.value = { kind: "create" })}>
            <Icon name="plus" /> New machine
          </button>
        </div>
      )}
    </div>
  );
}

function Figure({ value, label, class: name = "" }: { value: string; label: string; class?: string }) {
  return (
    <div class={`figure ${name}`}>
      <strong>{value}</strong>
      <span>{label}</span>
    </div>
  );
}

function NoPlatforms() {
  return (
    <Empty title="No platform has joined yet.">
      On a host: <code>orrery host FOLDER --name NAME --files FOLDER --join-file TOKEN</code>; the token is made by “Add a
      platform”, or by <code>orrery platform token</code>.
    </Empty>
  );
}

function PlatformCard({ entry: { platform, vms: placed } }: { entry: PlatformOnMap }) {
  const { capacity, allocated } = platform;
  return (
    <section class={`card platform ${platform.state}`} aria-label={`Platform ${platform.name}`}>
      <header>
        <h2>
          <Icon name="platform" />
          <a href={routeText({ page: "platform", name: platform.name })}>{platform.name}</a>
        </h2>
        {platform.draining && <State state="draining" title="It gets no more virtual machines" />}
        <State state={platform.state} />
      </header>
      <div class="small traits">
        {platform.hypervisors.map((each) => (
          <span class="trait" key={each.kind}>
            {each.kind}
          </span>
        ))}
        {Object.entries(platform.labels).map(([name, value]) => (
          <span class="trait" key={name}>
            {name}={value}
          </span>
        ))}
      </div>
      <Meter
        part={allocated.memory}
        whole={capacity.memory}
        label={`${bytes(allocated.memory)} of ${bytes(capacity.memory)} memory, ${count(allocated.cpus, "vCPU", "vCPUs")} on ${count(capacity.cpus, "CPU", "CPUs")}`}
      />
      <div class="vms">
        {placed.map((each) => (
          <VmCard key={each.vm.name} placed={each} />
        ))}
        {placed.length === 0 && <p class="none">Nothing runs here.</p>}
      </div>
    </section>
  );
}

function ServerCard({ server }: { server: ServerOnMap }) {
  return (
    <section class="card server" aria-label={`Device server ${server.address}`}>
      <header>
        <h2>
          <Icon name="remote" />
          {server.address}
        </h2>
        <span class="small">device server</span>
      </header>
      <ul class="models">
        {server.models.map(({ vm, device }) => (
          <li key={`${vm.name}/${device.name}`}>
            <span class="chip remote" {...wireEnd(vm.name, device.name)}>
              <Icon name="remote" />
              {device.name}
            </span>
            <span class="arrow">for</span>
            <a href={routeText({ page: "vm", name: vm.name })}>{vm.name}</a>
          </li>
        ))}
      </ul>
    </section>
  );
}
