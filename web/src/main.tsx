import "@xterm/xterm/css/xterm.css";
import "./style/page.css";

import { render } from "preact";

import { keptToken } from "./state/token.ts";
import { farewell, logIn } from "./state/session.ts";
import { Unreachable } from "./api/client.ts";
import { App } from "./view/app.tsx";
import { sheetsInsteadOfStyleElements } from "./view/styles.ts";

sheetsInsteadOfStyleElements();

const token = keptToken();
if (token) {
  try {
    await logIn(token);
  } catch (problem) {
    farewell.value = problem instanceof Unreachable ? problem.message : "The token of this address is not known here.";
  }
}
render(<App />, document.getElementById("page")!);
