import "@xterm/xterm/css/xterm.css";
import "uplot/dist/uPlot.min.css";
import "./style/page.css";

import { render } from "preact";

import { keptToken } from "./state/token.ts";
import { farewell, logIn } from "./state/session.ts";
import { Unreachable } from "./api/client.ts";
import { watchFigures } from "./state/figures.ts";
import { App } from "./view/app.tsx";
import { sheetsInsteadOfStyleElements } from "./view/styles.ts";

sheetsInsteadOfStyleElements();
watchFigures();

const token = keptToken();
if (token) {
  try {
    await logIn(token);
  } catch (problem) {
    farewell.value = problem instanceof Unreachable ? problem.message : "The token of this address is not known here.";
  }
}
render(<App />, document.getElementById("page")!);
