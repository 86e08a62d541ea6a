// All virtual machines as a table, to be found by typing.
import { useComputed, useSignal } from "@preact/signals";

import type { Vm } from "../api/types.ts";
import { may } from "../model/actions.ts";
import { bytes } from "../model/format.ts";
import { compare } from "../model/map.ts";
import { matches } from "../model/search.ts";
import { routeText } from "../model/route.ts";
import { dialog } from "../state/dialog.ts";
import { go } from "../state/route.ts";
import { session, vms } from "../state/session.ts";
import { VmButtons } from "./actions.tsx";
import { Icon } from "./icons.tsx";
import { Empty, SearchField, State } from "./parts.tsx";

/** More rows than anybody reads would only make the page slow. */
const most = 500;

export function VmList() {
  const wanted = useSignal("");
  const found = useComputed(() =>
    [...vms.value.values()]
      .filter((vm) => matches(wanted.value, [vm.name, vm.state, vm.platform, vm.guest]))
      .sort((a, b) => compare(a.name, b.name)),
  );
  const administrator = may(session.value?.user.role ?? "viewer", "administrator");
  return (
    <div class="machines">
      <div class="toolbar">
        <SearchField wanted={wanted} label="Find machines" hint="name, state, platform, guest  ( / )" />
        <span class="small">
          {found.value.length} of {vms.value.size}
        </span>
        {administrator && (
          <button class="primary" onClick={() => (dialog.value = { kind: "create" })}>
            <Icon name="plus" /> New machine
          </button>
        )}
      </div>
      {vms.value.size === 0 ? (
        <Empty title="There are no virtual machines yet." />
      ) : (
        <table>
          <thead>
            <tr>
              <th>Name</th>
              <th>State</th>
              <th>Platform</th>
              <th class="wide">Guest</th>
              <th class="wide number">vCPUs</th>
              <th class="wide number">Memory</th>
              <th class="wide">Actions</th>
            </tr>
          </thead>
          <tbody>
            {found.value.slice(0, most).map((vm) => (
              <Row key={vm.name} vm={vm} />
            ))}
          </tbody>
        </table>
      )}
      {found.value.length > most && <p class="none">…and {found.value.length - most} more: type to narrow them down.</p>}
    </div>
  );
}

function Row({ vm }: { vm: Vm }) {
  const open = () => go({ page: "vm", name: vm.name });
  return (
    <tr onDblClick={open}>
      <td>
        <a href={routeText({ page: "vm", name: vm.name })}>{vm.name}</a>
      </td>
      <td>
        <State state={vm.state} title={vm.detail} />
      </td>
      <td>
        {vm.platform ? <a href={routeText({ page: "platform", name: vm.platform })}>{vm.platform}</a> : <span class="none">—</span>}
      </td>
      <td class="wide">{vm.guest}</td>
      <td class="wide number">{vm.needs.cpus}</td>
      <td class="wide number">{bytes(vm.needs.memory)}</td>
      <td class="wide">
        <VmButtons vm={vm} small />
      </td>
    </tr>
  );
}
