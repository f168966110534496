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
    const child = refs.part("line")
    child.id = refs.id(`j-${line.seq}`)
    mark(child, "data-key", String(line.seq))
    mark(child, "data-state", line.state)
    const texts = { ".seq": line.seq, time: line.clock, b: line.kind, ".what": line.what, ".key": line.key, ".said": line.say }
    for (const [selector, text] of Object.entries(texts)) write(child.querySelector(selector), text)
    journal.append(child)
  }
  if (following) journal.scrollTop = journal.scrollHeight
}

/**
 * Marks the lines up to `seq` as past.
 * @param {Refs} refs
 * @param {number} seq
 */
export function reach(refs, seq) {
  for (const line of refs.get("journal")?.children ?? []) {
    mark(line, "data-past", Number(line.getAttribute("data-key")) <= seq ? "" : null)
  }
}
