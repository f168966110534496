// @ts-check
// Act 2: the reader bets on the undos in the order in which they are ticked. The server judges at the end.

import { write } from "./lists.js"

const LATER = 400 // milliseconds: the run's own end is committed a moment after the saga's

const stage = document.querySelector(".stage[data-seq]")
const bet = document.getElementById("bet")
const settled = document.getElementById("bet-settled")
/** @type {HTMLInputElement[]} */
const ticks = []

for (const input of bet?.querySelectorAll("input[type=checkbox]") ?? []) {
  if (!(input instanceof HTMLInputElement)) continue
  input.checked = false
  input.addEventListener("change", () => {
    const at = ticks.indexOf(input)
    if (at >= 0) ticks.splice(at, 1)
    if (input.checked) ticks.push(input)
    number()
  })
}

/** Shows each tick's place in the order. */
function number() {
  for (const input of bet?.querySelectorAll("input[type=checkbox]") ?? []) {
    const place = ticks.indexOf(/** @type {HTMLInputElement} */ (input)) + 1
    write(input.nextElementSibling, place || "")
  }
  const names = ticks.map((input) => input.closest("label")?.querySelector("span")?.textContent)
  write(document.getElementById("bet-order"), names.length ? `Your order: ${names.join(", then ")}.` : "")
  field("order", ticks.map((input) => input.value).join(","))
}

/**
 * @param {string} name
 * @param {string} value
 */
function field(name, value) {
  const input = bet?.querySelector(`[name="${name}"]`)
  if (input instanceof HTMLInputElement) input.value = value
}

/** Asks how right the bet was once the run has ended; clears the last answer when another begins. */
function ended() {
  const run = document.getElementById("live")?.dataset.run
  if (!stage?.getAttribute("data-end")) return settled?.replaceChildren()
  if (!run || !(ticks.length || bet?.querySelector("[name=ends]:checked"))) return
  setTimeout(() => {
    field("run", run)
    settled?.dispatchEvent(new Event("ended"))
  }, LATER)
}

if (stage) new MutationObserver(ended).observe(stage, { attributes: true, attributeFilter: ["data-end"] })
