// @ts-check
// What every page needs: the theme switch, plain words when a request fails, and <saga-run>.

import { SagaRun } from "./saga-run.js"

const COPIED = 2000 // milliseconds for which a button says that it has copied
const LONGEST = 200 // characters of an answer that may be shown as it is

const WORDS = new Map([
  [0, "The server did not answer. Check the connection and try again."],
  [403, "This page is too old to be trusted with a request. Reload it and try again."],
  [409, "That is no longer possible: the saga has moved on."],
  [429, "Too many runs at once. Wait a moment and try again."],
])

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !event.target.closest("[data-theme-toggle]")) return
  const { dataset } = document.documentElement
  const dark = dataset.theme ? dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches
  dataset.theme = dark ? "light" : "dark"
  try { localStorage.setItem("theme", dataset.theme) } catch { /* storage is off: the choice lasts for this page */ }
})

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null
  if (!(button instanceof HTMLElement)) return
  const word = button.dataset.copy ||= button.textContent ?? ""
  const text = button.dataset.text ?? document.getElementById(button.dataset.from ?? "")?.textContent
  try {
    await navigator.clipboard.writeText(text ?? location.href)
    button.textContent = "Copied"
  } catch {
    button.textContent = text != null ? "Copy it by hand" : "The address bar has it"
  }
  const heard = document.getElementById("heard")
  if (heard) heard.textContent = `${button.textContent}.`
  setTimeout(() => { button.textContent = word }, COPIED)
})

document.addEventListener("htmx:beforeRequest", (event) => tell(event, ""))
document.addEventListener("htmx:sendError", (event) => tell(event, sentence(0, null)))
document.addEventListener("htmx:responseError", (event) => {
  const { xhr } = /** @type {CustomEvent<{ xhr: XMLHttpRequest }>} */ (event).detail
  tell(event, sentence(xhr.status, xhr))
})

/**
 * The server's own sentence where it sent one, else ours.
 * @param {number} status
 * @param {XMLHttpRequest | null} xhr
 */
function sentence(status, xhr) {
  const text = xhr?.responseText ?? ""
  const plain = xhr?.getResponseHeader("Content-Type")?.startsWith("text/plain") && text.length > 0 && text.length <= LONGEST
  return plain ? text : WORDS.get(status) ?? `The server could not do that (status ${status}). Try again in a moment.`
}

/**
 * @param {Event} event
 * @param {string} text
 */
function tell(event, text) {
  const near = event.target instanceof Element ? event.target.closest(":has(.problem[id])") : null
  const problem = near?.querySelector(".problem[id]")
  if (problem) problem.textContent = text
}

customElements.define("saga-run", SagaRun)
