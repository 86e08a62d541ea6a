// Lets one more host join: a token that is good once, and the command that uses it.
import { useSignal } from "@preact/signals";

import { askUntilAnswered } from "../state/jobs.ts";
import { session } from "../state/session.ts";
import { Modal } from "./dialogs.tsx";

export function JoinPlatform() {
  const token = useSignal("");
  const error = useSignal("");
  const make = async () => {
    if (!session.value) return;
    try {
      const asked = { method: "POST" as const, body: {} };
      token.value = (await askUntilAnswered<{ token: string }>(session.value.client, "/v1/join-tokens", asked)).token;
    } catch (problem) {
      error.value = (problem as Error).message;
    }
  };
  return (
    <Modal title="Add a platform">
      <p>
        A host joins when its agent starts with a join token. The token is good for one host, for an hour, and is shown once.
      </p>
      {token.value ? (
        <>
          <p>On the host, put this into a file that only you can read:</p>
          <pre class="secret">{token.value}</pre>
          <p>and start its agent:</p>
          <pre>{`orrery host FOLDER --name NAME --files FOLDER \\\n  --panel ${location.host} --join-file FILE`}</pre>
        </>
      ) : (
        <div class="buttons end">
          <button class="primary" autofocus onClick={make}>
            Make a token
          </button>
        </div>
      )}
      {error.value && <p class="problem">{error.value}</p>}
    </Modal>
  );
}
