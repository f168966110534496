// @ts-check
// The orders of a run that are not in focus: a line each, with its way out above and its way back below.

import { mark, sync, write } from "./lists.js"

/** @typedef {import("./types.js").Other} Other */
/** @typedef {import("./refs.js").Refs} Refs */

/**
 * @param {Refs} refs
 * @param {Other[]} others
 */
export function paintOthers(refs, others) {
  const box = refs.get("others")
  const link = box?.dataset.link
  sync(box, others, (other) => other.saga, () => refs.part("other"), (child, other) => {
    refs.fill(child, other)
    write(child.querySelector("code"), other.order)
    if (link) mark(child.querySelector("a"), "href", link + other.saga)
    const [out, back] = child.querySelectorAll(".sig > span")
    glyphs(out, other.steps)
    glyphs(back, other.back)
  })
}

/**
 * @param {Element} row
 * @param {string[]} states "" for nothing to draw
 */
function glyphs(row, states) {
  while (row.children.length < states.length) {
    const glyph = document.createElement("i")
    glyph.className = "glyph"
    row.append(glyph)
  }
  states.forEach((state, index) => mark(row.children[index], "data-state", state))
}
