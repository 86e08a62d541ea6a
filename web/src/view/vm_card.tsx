// One virtual machine on the map.
import type { PlacedVm } from "../model/map.ts";
import type { Device } from "../model/devices.ts";
import { classNames } from "../model/devices.ts";
import { bytes } from "../model/format.ts";
import { routeText } from "../model/route.ts";
import { Icon } from "./icons.tsx";
import { UsageLine } from "./usage.tsx";
import { wireEnd } from "./wires.tsx";
import { State } from "./parts.tsx";

export function VmCard({ placed: { vm, devices } }: { placed: PlacedVm }) {
  return (
    <a class={`vm ${vm.state}`} href={routeText({ page: "vm", name: vm.name })}>
      <span class="line">
        <span class="name">{vm.name}</span>
        <State state={vm.state} title={vm.detail} />
      </span>
      <span class="line small">
        <span class="guest">{vm.guest || "—"}</span>
        <span class="size">
          {vm.needs.cpus} × CPU, {bytes(vm.needs.memory)}
        </span>
      </span>
      {vm.detail && ["failed", "pending", "unknown"].includes(vm.state) && <span class="detail">{vm.detail}</span>}
      <UsageLine vm={vm} />
      <span class="devices">
        {devices.map((device) => (
          <DeviceChip key={device.name} vm={vm.name} device={device} />
        ))}
      </span>
    </a>
  );
}

function DeviceChip({ vm, device }: { vm: string; device: Device }) {
  const where = device.server ? `, runs on ${device.server}` : device.backing ? `: ${device.backing}` : "";
  return (
    <span class={`chip ${device.class}`} {...(device.server ? wireEnd(vm, device.name) : {})} title={`${classNames[device.class]}${where}`}>
      <Icon name={device.class} />
      {device.name}
    </span>
  );
}
