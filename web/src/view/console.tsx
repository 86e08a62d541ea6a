// A machine's serial console, in and out.
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { useEffect, useRef, useState } from "preact/hooks";

import { Console, type ConsoleState, printedBy } from "../api/console.ts";
import type { Vm } from "../api/types.ts";
import { may } from "../model/actions.ts";
import { connection, session } from "../state/session.ts";

const hasConsole = (vm: Vm) => ["running", "paused", "stopping", "suspending"].includes(vm.state);

export function ConsolePanel({ vm }: { vm: Vm }) {
  const place = useRef<HTMLDivElement>(null);
  const [state, setState] = useState<ConsoleState>("closed");
  const console = useRef<Console | null>(null);
  const terminal = useRef<Terminal | null>(null);
  const allowed = may(session.value?.user.role ?? "viewer", "operator");
  const live = hasConsole(vm);
  const panelThere = connection.value.state === "live";

  useEffect(() => {
    if (!allowed || !place.current || !session.value) return;
    const shown = makeTerminal(place.current);
    terminal.current = shown.terminal;
    const made = new Console(session.value.client, vm.name, {
      state: setState,
      opened: () => shown.terminal.reset(),
      printed: (bytes) => shown.terminal.write(bytes),
    });
    console.current = made;
    shown.terminal.onData((text) => made.type(text));
    shown.terminal.onBinary((bytes) => made.typeBytes(bytes));
    return () => {
      made.stop();
      shown.dispose();
    };
  }, [vm.name, allowed]);

  useEffect(() => console.current?.want(live && panelThere), [live, panelThere, vm.name]);

  // Of one that does not run, what it has printed last.
  useEffect(() => {
    if (live || !allowed || !panelThere || !session.value || !vm.last_platform) return;
    printedBy(session.value.client, vm.name).then(
      (printed) => {
        terminal.current?.reset();
        terminal.current?.write(printed);
      },
      () => {},
    );
  }, [live, panelThere, vm.name]);

  if (!allowed) return <p class="none">Your role may not use consoles.</p>;
  return (
    <div class={`console ${state}`}>
      <div class="screen" ref={place} />
      <footer>
        <span class={`link ${live ? state : "off"}`}>{live ? describe(state) : `${vm.name} is ${vm.state}`}</span>
        <span class="hint">
          <kbd>F6</kbd> leaves the console
        </span>
      </footer>
    </div>
  );
}

function describe(state: ConsoleState): string {
  return { connecting: "connecting…", open: "connected", closed: "not connected" }[state];
}

function makeTerminal(place: HTMLElement): { terminal: Terminal; dispose: () => void } {
  const terminal = new Terminal({
    fontFamily: getComputedStyle(place).fontFamily,
    fontSize: 13,
    cursorBlink: true,
    scrollback: 10_000,
    convertEol: false,
    screenReaderMode: false,
    theme: { background: "#0c0f14", foreground: "#d6dbe4", cursor: "#e3b35c", selectionBackground: "#35507a" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  // Every other key is the guest's: without this one, those who use no mouse could not get out.
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.key !== "F6") return true;
    if (event.type === "keydown") leave(place);
    return false;
  });
  const resized = new ResizeObserver(() => fit.fit());
  resized.observe(place);
  return {
    terminal,
    dispose: () => {
      resized.disconnect();
      terminal.dispose();
    },
  };
}

function leave(place: HTMLElement): void {
  const next = place.closest("main")?.querySelector<HTMLElement>(".buttons button, h1 a");
  (next ?? place.closest("main"))?.focus();
}
