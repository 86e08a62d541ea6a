// What one machine uses, as charts; and in one line, for the map.
import type { Vm } from "../api/types.ts";
import { bytes, bytesPerSecond, percent } from "../model/format.ts";
import type { Sample } from "../model/rates.ts";
import { latestOf, samplesOf } from "../state/figures.ts";
import { Chart, type Line } from "./chart.tsx";
import { Icon } from "./icons.tsx";
import { Empty } from "./parts.tsx";

export function Usage({ vm }: { vm: Vm }) {
  const samples = samplesOf(vm.name).value;
  if (samples.length === 0) {
    return <Empty title={vm.platform ? "Figures come within seconds." : "It uses nothing while it does not run."} />;
  }
  const times = samples.map((sample) => sample.time / 1000);
  const line = (label: string, color: string, of: (sample: Sample) => number): Line => ({
    label,
    color,
    values: samples.map(of),
  });
  const rate = { times, show: bytesPerSecond, top: 1024 };
  return (
    <div class="charts">
      <Chart title="Processor" times={times} show={percent} top={vm.needs.cpus} lines={[line("busy", "--accent", (each) => each.processors)]} />
      <Chart title="Memory of the host" times={times} show={bytes} top={vm.needs.memory} lines={[line("used", "--doubt", (each) => each.memory)]} />
      <Chart
        title="Disks"
        {...rate}
        lines={[line("read", "--good", (each) => each.disk.in), line("written", "--brass", (each) => each.disk.out)]}
      />
      <Chart
        title="Network"
        {...rate}
        lines={[line("received", "--good", (each) => each.network.in), line("sent", "--brass", (each) => each.network.out)]}
      />
    </div>
  );
}

/** Rates on the map; a share of one processor for each vCPU. */
export function UsageLine({ vm }: { vm: Vm }) {
  const sample = latestOf(vm.name);
  if (!sample) return null;
  return (
    <span class="usage" title="processor, memory of the host, disks, network">
      <span>{percent(sample.processors)}</span>
      <span>{bytes(sample.memory)}</span>
      <span>
        <Icon name="disk" /> {bytesPerSecond(sample.disk.in + sample.disk.out)}
      </span>
      <span>
        <Icon name="network" /> {bytesPerSecond(sample.network.in + sample.network.out)}
      </span>
    </span>
  );
}

/** Rates of one device; nothing for those that are not measured. */
export function DeviceRate({ vm, device }: { vm: Vm; device: string }) {
  const flow = latestOf(vm.name)?.devices[device];
  if (!flow) return null;
  return (
    <span class="rate">
      ↓ {bytesPerSecond(flow.in)} ↑ {bytesPerSecond(flow.out)}, {flow.operations.toFixed(0)}/s
    </span>
  );
}
