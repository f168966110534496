// @ts-check
// One tick an entry over the clock, a row of them for each lane; ticks of one state are one shape, however many.

/** @typedef {import("./track.js").Track} Track */

const SVG = "http://www.w3.org/2000/svg"
const WIDE = 1000
const HIGH = 100
const BETWEEN = 8 // of the rows

/**
 * @param {Element | null} box an svg
 * @param {Track[]} tracks
 * @param {number} end of the clock, in milliseconds
 */
export function draw(box, tracks, end) {
  const high = HIGH / tracks.length
  /** @type {Map<string, string>} */
  const shapes = new Map()
  tracks.forEach((track, row) => track.moments.forEach((ms, index) => {
    const state = track.state(index + 1)
    const x = (ms / Math.max(1, end) * WIDE).toFixed(1)
    shapes.set(state, `${shapes.get(state) ?? ""}M${x} ${row * high}v${high - BETWEEN}`)
  }))
  box?.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`)
  box?.setAttribute("preserveAspectRatio", "none")
  box?.replaceChildren(...[...shapes].map(([state, d]) => {
    const shape = document.createElementNS(SVG, "path")
    shape.setAttribute("d", d)
    shape.setAttribute("data-state", state)
    return shape
  }))
}
