// Where a device model should go on.
import { useSignal } from "@preact/signals";

import type { Vm } from "../api/types.ts";
import { moveOf } from "../model/moves.ts";
import { dialog } from "../state/dialog.ts";
import { actOnVm } from "../state/jobs.ts";
import { clusterMap } from "../state/session.ts";
import { Modal } from "./dialogs.tsx";

export function MoveDevice({ vm, device, server }: { vm: Vm; device: string; server: string }) {
  const target = useSignal("");
  const others = clusterMap.value.servers.map((each) => each.address).filter((address) => address !== server);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    dialog.value = null;
    void actOnVm(moveOf(device, target.value.trim()), vm);
  };
  return (
    <Modal title={`Move ${device} of ${vm.name}`}>
      <form onSubmit={submit}>
        <p>
          It runs at {server}, and goes on at another device server that has a model called {device}, of the same disk or
          network. The guest notices nothing but a short wait. If that server does not give it, it stays where it is.
        </p>
        <label>
          Device server
          <input
            name="target"
            value={target.value}
            onInput={(event) => (target.value = event.currentTarget.value)}
            placeholder="host or host:port"
            pattern="[^\s,@]+"
            list="device-servers"
            autocomplete="off"
            required
            autofocus
          />
        </label>
        <datalist id="device-servers">
          {others.map((address) => (
            <option key={address} value={address} />
          ))}
        </datalist>
        <div class="buttons end">
          <button type="button" onClick={() => (dialog.value = null)}>
            Cancel
          </button>
          <button class="primary" type="submit">
            Move
          </button>
        </div>
      </form>
    </Modal>
  );
}
