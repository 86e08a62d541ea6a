// What the form for a new machine becomes as a request.
import type { NewVm } from "../api/types.ts";

/** As they were typed; lists have a line for each. */
export interface Form {
  name: string;
  guest: string;
  kernel: string;
  initrd: string;
  append: string;
  memory: string;
  cpus: string;
  disks: string;
  nets: string;
  devices: string;
  platform: string;
  restart: boolean;
}

export const emptyForm: Form = {
  name: "",
  guest: "",
  kernel: "",
  initrd: "",
  append: "console=ttyS0",
  memory: "512M",
  cpus: "1",
  disks: "",
  nets: "",
  devices: "",
  platform: "",
  restart: false,
};

export function requestOf(form: Form): NewVm {
  const options: NewVm["options"] = {};
  const one = (name: string, text: string) => {
    if (text.trim()) options[name] = text.trim();
  };
  const several = (name: string, text: string) => {
    const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
    if (lines.length > 0) options[name] = lines;
  };
  one("kernel", form.kernel);
  one("initrd", form.initrd);
  one("append", form.append);
  one("memory", form.memory);
  one("cpus", form.cpus);
  several("disk", form.disks);
  several("net", form.nets);
  several("device", form.devices);
  return {
    name: form.name.trim(),
    options,
    ...(form.guest.trim() ? { guest: form.guest.trim() } : {}),
    ...(form.platform ? { placement: { platform: form.platform } } : {}),
    restart: form.restart ? "on-failure" : "never",
  };
}
