import { useSignal } from "@preact/signals";

import { Unreachable } from "../api/client.ts";
import { farewell, logIn } from "../state/session.ts";
import { Logo } from "./icons.tsx";

export function Login() {
  const token = useSignal("");
  const error = useSignal(farewell.value);
  const busy = useSignal(false);

  const submit = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    error.value = "";
    try {
      await logIn(token.value.trim());
    } catch (problem) {
      error.value = problem instanceof Unreachable ? "The panel does not answer. Is it running?" : (problem as Error).message;
    } finally {
      busy.value = false;
    }
  };

  return (
    <main class="login">
      <form onSubmit={submit}>
        <h1>
          <Logo /> Orrery
        </h1>
        <label>
          Token
          <input
            type="password"
            name="token"
            autocomplete="current-password"
            required
            autofocus
            value={token.value}
            onInput={(event) => (token.value = event.currentTarget.value)}
          />
        </label>
        <p class="hint">
          Of a user: <code>orrery user create NAME --role operator</code> prints one. The administrator's is in the panel's
          folder, in <code>admin.token</code>.
        </p>
        {error.value && (
          <p class="problem" role="alert">
            {error.value}
          </p>
        )}
        <button class="primary" disabled={busy.value}>
          {busy.value ? "Logging in…" : "Log in"}
        </button>
      </form>
    </main>
  );
}
