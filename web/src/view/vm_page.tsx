// One virtual machine: what it does, its console, its devices, what happened to it.
import type { Vm } from "../api/types.ts";
import { type Device, classNames, devicesOf } from "../model/devices.ts";
import { bytes } from "../model/format.ts";
import { canMove, goesTo } from "../model/moves.ts";
import { routeText } from "../model/route.ts";
import { dialog } from "../state/dialog.ts";
import { events, session, vms } from "../state/session.ts";
import { VmButtons } from "./actions.tsx";
import { ConsolePanel } from "./console.tsx";
import { EventList } from "./events.tsx";
import { Icon } from "./icons.tsx";
import { DeviceRate, Usage } from "./usage.tsx";
import { Age, Empty, Facts, Panel, State } from "./parts.tsx";

export function VmPage({ name }: { name: string }) {
  const vm = vms.value.get(name);
  if (!vm) {
    return (
      <Empty title={`There is no machine ${name}.`}>
        <a href="#/vms">All machines</a>
      </Empty>
    );
  }
  return (
    <div class="thing">
      <header class="head">
        <h1>{vm.name}</h1>
        <State state={vm.state} />
        {vm.platform && (
          <span class="on">
            on <a href={routeText({ page: "platform", name: vm.platform })}>{vm.platform}</a>
          </span>
        )}
        {vm.suspended_on && (
          <span class="on">
            its state is on <a href={routeText({ page: "platform", name: vm.suspended_on })}>{vm.suspended_on}</a>
          </span>
        )}
        <VmButtons vm={vm} />
      </header>
      {vm.detail && <p class={`detail ${vm.state}`}>{vm.detail}</p>}
      <div class="columns">
        <div class="side">
          <Panel title="Console">
            <ConsolePanel vm={vm} />
          </Panel>
          <Panel title="Use">
            <Usage vm={vm} />
          </Panel>
        </div>
        <div class="side">
          <Panel title="Devices">
            <Devices vm={vm} devices={devicesOf(vm)} />
          </Panel>
          <Panel title="Configuration">
            <Configuration vm={vm} />
          </Panel>
          <Panel title="Events">
            <EventList events={events.value.filter((each) => each.subject === `vms/${name}`).slice(-12).reverse()} short />
          </Panel>
        </div>
      </div>
    </div>
  );
}

function Devices({ vm, devices }: { vm: Vm; devices: Device[] }) {
  return (
    <ul class="device-list">
      {devices.map((device) => (
        <li key={device.name}>
          <Icon name={device.class} />
          <span class="name">{device.name}</span>
          <span class="what">
            {classNames[device.class]}
            {device.backing && (
              <>
                {": "}
                <code>{device.backing}</code>
              </>
            )}
            {device.details.map((each) => (
              <code class="trait" key={each}>
                {each}
              </code>
            ))}
          </span>
          <span class="where">
            {placeOf(vm, device)} <DeviceRate vm={vm} device={device.name} />
          </span>
          {canMove(vm, device, session.value?.user.role ?? "viewer") && (
            <button
              class="small"
              aria-label={`Move ${device.name}`}
              onClick={() => (dialog.value = { kind: "move", vm, device: device.name, server: device.server })}
            >
              Move…
            </button>
          )}
        </li>
      ))}
    </ul>
  );
}

function placeOf(vm: Vm, device: Device): string {
  const target = goesTo(vm, device);
  if (target) return `on its way from ${device.server} to ${target}`;
  if (!device.server) return "in its own process";
  return device.found ? `runs on ${device.server}` : `is looked for on ${device.server}`;
}

/** Options that the page shows elsewhere, or under another name. */
const shownElsewhere = new Set(["disk", "net", "virtio-console", "device", "memory", "cpus"]);

function Configuration({ vm }: { vm: Vm }) {
  const others = Object.entries(vm.options).filter(([name]) => !shownElsewhere.has(name));
  return (
    <Facts
      facts={[
        ["Guest", vm.guest || "—"],
        ["Memory", bytes(vm.needs.memory)],
        ["vCPUs", vm.needs.cpus],
        ...others.map(([name, values]): [string, preact.ComponentChildren] => [name, <code key={name}>{values.join(" ")}</code>]),
        ["Restart", vm.restart],
        ["Placement", placementText(vm)],
        ["Starts", `${vm.epoch}${vm.failures ? `, ${vm.failures} failed` : ""}`],
        ["Created", <Age key="age" time={vm.created} />],
      ]}
    />
  );
}

function placementText(vm: Vm): string {
  const { platform, labels, hypervisor, abilities, apart } = vm.placement;
  const wishes = [
    platform && `on ${platform}`,
    ...Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`),
    hypervisor,
    ...(abilities ?? []),
    apart && `apart from “${apart}”`,
  ].filter(Boolean);
  return wishes.length > 0 ? wishes.join(", ") : "anywhere";
}
