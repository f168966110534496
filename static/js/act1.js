// @ts-check
// <saga-pair>: the lines to two runs, one for each stage of the page, and one clock over both.

import { address } from "./saga-run.js"
import { Voice } from "./say.js"
import { Scrub } from "./scrub.js"
import { Feed } from "./socket.js"
import { Stage } from "./stage.js"
import { Track } from "./track.js"

/** @typedef {{ line: HTMLElement, root: HTMLElement, stage: Stage, title: string }} Lane */

/** @type {Feed[]} */
let feeds = []

/** A stage stays the same whatever run it shows. @type {WeakMap<HTMLElement, Stage>} */
const stages = new WeakMap()

/** What each lane has said that nobody has heard yet. @type {Map<string, string>} */
const unheard = new Map()

const voice = new Voice((sentences) => {
  const heard = document.getElementById("heard")
  if (heard) heard.textContent = sentences
  unheard.clear()
})

class SagaPair extends HTMLElement {
  connectedCallback() {
    const lanes = [...this.querySelectorAll("[data-socket]")].flatMap(laneOf)
    const scrub = document.getElementById("scrub")
    // Without lines this is an answer that started nothing: the runs that are on go on.
    if (!lanes.length || !(scrub instanceof Scrub)) return
    for (const feed of feeds) feed.close()
    voice.hush()
    unheard.clear()
    const told = "told" in this.dataset
    scrub.begin(lanes.map((lane) => ({ ...lane, track: new Track(told) })))
    feeds = lanes.map((lane, index) => open(lane, index, scrub))
  }
}

/**
 * @param {Element} line
 * @returns {Lane[]}
 */
function laneOf(line) {
  const root = line instanceof HTMLElement ? document.getElementById(`${line.dataset.lane}stage`) : null
  if (!(line instanceof HTMLElement) || !root) return []
  const stage = stages.get(root) ?? new Stage(root)
  stages.set(root, stage)
  return [{ line, root, stage, title: line.dataset.title ?? "" }]
}

/**
 * Opens the line of a lane. The clock needs every frame, so it asks from the first one on.
 * @param {Lane} lane
 * @param {number} index
 * @param {Scrub} scrub
 */
function open({ line, root, stage, title }, index, scrub) {
  const { socket = "", saga, after = "0" } = line.dataset
  const seen = Number(after)
  if (!seen) stage.begin()
  const feed = new Feed(address(socket, saga), 0, (frames) => {
    scrub.add(index, frames)
    const newest = frames[frames.length - 1].scene
    if (newest.seq <= seen || !scrub.following) return
    root.dataset.watched = ""
    unheard.set(title, `${title}: ${newest.say}`)
    voice.say([...unheard.values()].join(" "))
  })
  feed.open()
  line.addEventListener("htmx:afterRequest", (event) => {
    if (/** @type {CustomEvent} */ (event).detail.successful) feed.expect()
  })
  return feed
}

/** Whatever names a moment leads to it. */
document.addEventListener("click", ({ target }) => {
  const place = target instanceof Element ? target.closest("[data-moment]") : null
  const scrub = document.getElementById("scrub")
  if (place && scrub instanceof Scrub) scrub.seek(Number(place.getAttribute("data-moment")))
})

customElements.define("saga-scrub", Scrub)
customElements.define("saga-pair", SagaPair)
