// @ts-check
// The lab: what the server finds wrong stands at its field, and another order comes into focus without a new page.

import { mark, write } from "./lists.js"

/** Carries each message of the summary to its field. */
function show() {
  /** @type {Map<string, string>} */
  const wrong = new Map()
  for (const line of document.querySelectorAll("#faulty [data-field]")) {
    const field = line.getAttribute("data-field") ?? ""
    const text = line.querySelector("span")?.textContent ?? ""
    wrong.set(field, wrong.has(field) ? `${wrong.get(field)}; ${text}` : text)
  }
  for (const place of document.querySelectorAll(".wrong[data-for]")) {
    const text = wrong.get(place.getAttribute("data-for") ?? "") ?? ""
    write(place, text)
    for (const field of document.querySelectorAll(`[aria-describedby="${place.id}"]`)) {
      mark(field, "aria-invalid", text ? "true" : null)
      if (text) field.closest("details")?.setAttribute("open", "")
    }
  }
}

document.addEventListener("htmx:afterRequest", (event) => {
  const { elt, xhr } = /** @type {CustomEvent<{ elt: Element, xhr: XMLHttpRequest }>} */ (event).detail
  show()
  const first = document.querySelector("#scenario [aria-invalid]")
  if (elt.id === "scenario" && xhr.status === 422 && first instanceof HTMLElement) first.focus()
})

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest(".others a") : null
  if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey || event.shiftKey) return
  event.preventDefault()
  const page = /** @type {any} */ (window)
  page.htmx.ajax("GET", link.href, { target: "#live", swap: "outerHTML" })
})

show()
