import { useSignal } from "@preact/signals";

import type { Vm } from "../api/types.ts";
import { vmActions } from "../model/actions.ts";
import { type Form, emptyForm, requestOf } from "../model/new_vm.ts";
import { dialog } from "../state/dialog.ts";
import { actOnVm, askUntilAnswered } from "../state/jobs.ts";
import { go } from "../state/route.ts";
import { noteVm, platforms, session } from "../state/session.ts";
import { Modal } from "./dialogs.tsx";

export function CreateVm() {
  const form = useSignal<Form>(emptyForm);
  const error = useSignal("");
  const busy = useSignal(false);

  const create = async (start: boolean) => {
    if (!session.value || busy.value) return;
    busy.value = true;
    error.value = "";
    try {
      const asked = { method: "POST" as const, body: requestOf(form.value) };
      const vm = await askUntilAnswered<Vm>(session.value.client, "/v1/vms", asked);
      noteVm(vm);
      dialog.value = null;
      go({ page: "vm", name: vm.name });
      const action = vmActions.find((each) => each.name === "start");
      if (start && action) void actOnVm(action, vm);
    } catch (problem) {
      error.value = (problem as Error).message;
    } finally {
      busy.value = false;
    }
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    void create((event.submitter as HTMLButtonElement | null)?.value !== "only");
  };

  return (
    <Modal title="New machine" class="form">
      <form onSubmit={submit}>
        <div class="grid">
          <Text form={form} field="name" label="Name" hint="small letters, digits, dashes, dots" required pattern="[a-z0-9][a-z0-9.\-]*" autofocus />
          <Text form={form} field="guest" label="Guest" hint="what runs in it, for people" />
          <Text form={form} field="kernel" label="Kernel" hint="a file of its platform" required />
          <Text form={form} field="initrd" label="Initial RAM disk" />
          <Text form={form} field="append" label="Kernel command line" wide />
          <Text form={form} field="memory" label="Memory" hint="512M, 2G" />
          <Text form={form} field="cpus" label="vCPUs" hint="1 to 16" />
          <Lines form={form} field="disks" label="Disks" hint="one a line: root.qcow2 or data.raw,readonly" />
          <Lines form={form} field="nets" label="Networks" hint="one a line: user,forward=tcp:2222:22 or tap=tap0" />
          <Lines form={form} field="devices" label="Remote devices" hint="one a line: disk0@server-2:8471" />
          <label>
            Platform
            <select value={form.value.platform} onChange={(event) => (form.value = { ...form.value, platform: event.currentTarget.value })}>
              <option value="">wherever there is room</option>
              {[...platforms.value.keys()].sort().map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={form.value.restart}
              onChange={(event) => (form.value = { ...form.value, restart: event.currentTarget.checked })}
            />
            Start it again when it fails
          </label>
        </div>
        {error.value && (
          <p class="problem" role="alert">
            {error.value}
          </p>
        )}
        <div class="buttons end">
          <button value="only" disabled={busy.value}>
            Create
          </button>
          <button class="primary" value="start" disabled={busy.value}>
            {busy.value ? "Creating…" : "Create and start"}
          </button>
        </div>
      </form>
    </Modal>
  );
}

type FormSignal = { value: Form };
type TextField = { [Name in keyof Form]: Form[Name] extends string ? Name : never }[keyof Form];

interface FieldProps {
  form: FormSignal;
  field: TextField;
  label: string;
  hint?: string;
}

function Text({ form, field, label, hint, wide, ...more }: FieldProps & {
  wide?: boolean;
  required?: boolean;
  pattern?: string;
  autofocus?: boolean;
}) {
  return (
    <label class={wide ? "whole" : ""}>
      {label}
      <input
        name={field}
        autocomplete="off"
        spellcheck={false}
        placeholder={hint}
        value={form.value[field]}
        onInput={(event) => (form.value = { ...form.value, [field]: event.currentTarget.value })}
        {...more}
      />
    </label>
  );
}

function Lines({ form, field, label, hint }: FieldProps) {
  return (
    <label class="whole">
      {label}
      <textarea
        name={field}
        rows={2}
        spellcheck={false}
        placeholder={hint}
        value={form.value[field]}
        onInput={(event) => (form.value = { ...form.value, [field]: event.currentTarget.value })}
      />
    </label>
  );
}
