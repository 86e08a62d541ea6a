import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { type Question, dialog } from "../state/dialog.ts";
import { CreateVm } from "./create_vm.tsx";
import { Icon } from "./icons.tsx";
import { JoinPlatform } from "./join_platform.tsx";
import { MoveDevice } from "./move_device.tsx";
import { Palette } from "./palette.tsx";
import { shortcuts } from "./shortcuts.ts";

export function Dialogs() {
  const open = dialog.value;
  switch (open?.kind) {
    case "question":
      return <Ask question={open} />;
    case "create":
      return <CreateVm />;
    case "palette":
      return <Palette />;
    case "join":
      return <JoinPlatform />;
    case "move":
      return <MoveDevice {...open} />;
    case "keys":
      return <Keys />;
    case undefined:
      return null;
  }
}

/** A dialog that keeps the focus within, and that Escape closes. */
export function Modal({ title, children, class: name = "" }: {
  title: string;
  children: ComponentChildren;
  class?: string;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => before?.focus();
  }, []);
  const close = () => (dialog.value = null);
  // (The browser tells of a close some time after it: a key pressed in between would be lost.)
  const cancel = (event: Event) => {
    event.preventDefault();
    close();
  };
  return (
    <dialog ref={element} class={name} aria-label={title} onCancel={cancel} onClose={close} onClick={(event) => event.target === element.current && close()}>
      <header>
        <h2>{title}</h2>
        <button class="quiet" onClick={close} aria-label="Close">
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  );
}

function Ask({ question }: { question: Question }) {
  const confirm = useRef<HTMLButtonElement>(null);
  useEffect(() => confirm.current?.focus(), []);
  const answer = () => {
    dialog.value = null;
    question.confirmed();
  };
  return (
    <Modal title={question.title}>
      <p>{question.text}</p>
      <div class="buttons end">
        <button onClick={() => (dialog.value = null)}>Cancel</button>
        <button ref={confirm} class={question.danger ? "danger filled" : "primary"} onClick={answer}>
          {question.label}
        </button>
      </div>
    </Modal>
  );
}

function Keys() {
  return (
    <Modal title="Keys">
      <dl class="keys">
        {[{ keys: "Ctrl K", help: "find anything, do anything" }, ...shortcuts, { keys: "F6", help: "leave the console" }].map((each) => (
          <div key={each.keys}>
            <dt>
              {each.keys.split(" ").map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{each.help}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
