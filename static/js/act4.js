// @ts-check
// Act 4: the reader says who moves next, and the races are counted as they come in.

import { write } from "./lists.js"

const BUYERS = new Map([["A", "Ana"], ["B", "Ben"]])
const SHOWN = 8 // moves that are told in words

const box = document.querySelector("[data-moves]")
const field = box?.querySelector("input")
const told = box?.querySelector(".told")
const form = box?.closest("form")
const unset = told?.textContent ?? ""

/** @param {string} lock */
function names(lock) {
  return (box?.querySelector(`data[data-lock="${lock}"]`)?.getAttribute("value") ?? "").split("|")
}

/** Says the moves in words, the way the chosen lock makes them. */
function tell() {
  if (!field || !form) return
  const lock = String(new FormData(form).get("lock") ?? "off")
  const steps = names(lock)
  const made = new Map()
  const words = [...field.value.toUpperCase()].filter((letter) => BUYERS.has(letter)).map((letter) => {
    const n = made.get(letter) ?? 0
    made.set(letter, n + 1)
    return `${BUYERS.get(letter)} ${steps[Math.min(n, steps.length - 1)]}`
  })
  const last = words.slice(-SHOWN)
  write(told, words.length ? `${words.length > last.length ? "… " : ""}${last.join(", ")}. Then both go on as they can.` : unset)
}

for (const button of box?.querySelectorAll("[data-move]") ?? []) {
  if (!(button instanceof HTMLElement) || !field) continue
  button.hidden = false
  button.addEventListener("click", () => {
    field.value = button.dataset.move ? field.value + button.dataset.move : ""
    tell()
  })
}
form?.addEventListener("input", tell)
tell()

/** Counts the squares that are there. */
document.addEventListener("htmx:afterSettle", () => {
  for (const count of document.querySelectorAll("[data-count]")) {
    const face = count.getAttribute("data-count")
    write(count, document.querySelectorAll(`.waffle [data-face="${face}"]`).length)
  }
  if (document.querySelector(".squares")) document.getElementById("race")?.remove()
})
