// @ts-check
// The journal on the page: lines are only added, and those later than the painted moment lose their hue.

import { mark, write } from "./lists.js"

/** @typedef {import("./types.js").Line} Line */
/** @typedef {import("./refs.js").Refs} Refs */

const NEAR = 40 // pixels from the end within which the list follows what is added

/**
 * Adds lines; one that is there already stays as it is.
 * @param {Refs} refs
 * @param {Line[]} lines by seq
 */
export function note(refs, lines) {
  const journal = refs.get("journal")
  if (!journal) return
  const following = journal.scrollHeight - journal.scrollTop - journal.clientHeight < NEAR
  for (const line of lines) {
    if (refs.get(`j-${line.seq}`)) continue
    const due = Number(journal.lastElementChild?.getAttribute("data-key") ?? 0) + 1
    if (line.seq > due) add(refs, journal, passedOver(due, line))
    add(refs, journal, line)
  }
  if (following) journal.scrollTop = journal.scrollHeight
}

/**
 * @param {Refs} refs
 * @param {Element} journal
 * @param {Line} line
 */
function add(refs, journal, line) {
  const child = refs.part("line")
  child.id = refs.id(`j-${line.seq}`)
  mark(child, "data-key", String(line.seq))
  mark(child, "data-state", line.state)
  mark(child, "data-t", String(line.t))
  mark(child.querySelector("[name=at]"), "value", String(line.seq))
  const texts = { ".seq": line.seq, time: line.clock, b: line.kind, ".what": line.what, ".key": line.key, ".said": line.say }
  for (const [selector, text] of Object.entries(texts)) write(child.querySelector(selector), text)
  journal.append(child)
}

/**
 * What stands for the lines that a slow page was not sent.
 * @param {number} first
 * @param {Line} next the line after them
 * @returns {Line}
 */
function passedOver(first, next) {
  const last = next.seq - 1
  const say = `Entries ${first} to ${last} went by too fast to show. Reload the page to read them.`
  return { seq: last, t: next.t, clock: next.clock, kind: "passed over", state: "idle", what: "", key: null, say }
}

/** How far each journal is past, and its current line. @type {WeakMap<Element, { n: number, current: Element | null }>} */
const places = new WeakMap()

/**
 * Marks the lines up to `seq` as past, and the last of them as the current one. Touches only what changes.
 * @param {Refs} refs
 * @param {number} seq
 */
export function reach(refs, seq) {
  const journal = refs.get("journal")
  if (!journal) return
  const lines = journal.children
  const place = places.get(journal) ?? { n: journal.querySelectorAll("[data-past]").length, current: journal.querySelector("[data-current]") }
  let n = Math.min(place.n, lines.length)
  while (n < lines.length && Number(lines[n].getAttribute("data-key")) <= seq) mark(lines[n++], "data-past", "")
  while (n > 0 && Number(lines[n - 1].getAttribute("data-key")) > seq) mark(lines[--n], "data-past", null)
  const current = lines[n - 1] ?? null
  places.set(journal, { n, current })
  if (current === place.current) return
  mark(place.current, "data-current", null)
  mark(current, "data-current", "")
}
