// @ts-check
// A stage in somebody else's page: the line to a run, and the button that starts a scenario's own.
// The API takes no cookie as authority and answers this origin alone, so no token is needed and none is sent.

import { SagaRun } from "./saga-run.js"

const SILENT = "The server did not answer. Check the connection and try again."

customElements.define("saga-run", SagaRun)

const button = document.querySelector("[data-run-scenario]")
if (button instanceof HTMLButtonElement) button.addEventListener("click", () => start(button))

/** @param {HTMLButtonElement} button */
async function start(button) {
  tell("")
  button.disabled = true
  try {
    const answer = await fetch(button.dataset.api ?? "", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: button.dataset.runScenario,
      credentials: "omit",
    })
    const said = await answer.json()
    if (answer.ok) follow(said)
    else tell(said.errors?.[0]?.message ?? `The server could not do that (status ${answer.status}).`)
  } catch {
    tell(SILENT)
  }
  button.disabled = false
}

/** @param {{ id: string, url: string, socket_url: string }} run one that has just been started */
function follow(run) {
  const line = document.createElement("saga-run")
  line.id = "live"
  Object.assign(line.dataset, { run: run.id, saga: `${run.id}-1`, socket: run.socket_url, after: "0" })
  document.getElementById("live")?.replaceWith(line)
  const whole = document.getElementById("whole")
  if (whole instanceof HTMLAnchorElement) {
    whole.href = run.url
    whole.textContent = "The whole run, on Five Ledgers"
  }
}

/** @param {string} sentence */
function tell(sentence) {
  const problem = document.getElementById("problem")
  if (problem) problem.textContent = sentence
}
