// @ts-check
// <saga-run>: the line from one run to the stage around it. The server puts one into the page, with the page
// itself or as the answer to a form; entering the document opens the line.

import { pace } from "./pace.js"
import { Feed } from "./socket.js"
import { Stage } from "./stage.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Line} JournalLine */

/** A stage follows one run at a time. @type {WeakMap<Element, Feed>} */
const feeds = new WeakMap()

/** @type {WeakMap<Element, Stage>} */
const stages = new WeakMap()

export class SagaRun extends HTMLElement {
  connectedCallback() {
    const root = this.closest(".stage")
    const { socket, saga, after = "0" } = this.dataset
    if (root && "idle" in this.dataset) return forget(root)
    // Without an address this is an answer that started nothing: the run that is on goes on.
    if (!(root instanceof HTMLElement) || !socket) return
    feeds.get(root)?.close()
    const stage = stages.get(root) ?? new Stage(root)
    stages.set(root, stage)
    if (after === "0") stage.begin()
    const feed = new Feed(address(socket, saga), Number(after), (frames) => {
      root.dataset.watched = ""
      play(stage, frames)
    })
    feeds.set(root, feed)
    if (!("finished" in this.dataset)) feed.open()
    this.addEventListener("htmx:afterRequest", (event) => {
      if (/** @type {CustomEvent} */ (event).detail.successful) feed.expect()
    })
  }
}

/** @param {Element} root */
function forget(root) {
  feeds.get(root)?.close()
  stages.get(root)?.reset()
}

/**
 * @param {string} path
 * @param {string | undefined} saga the one in focus
 */
export function address(path, saga) {
  const url = new URL(path, location.href)
  url.protocol = url.protocol.replace("http", "ws")
  if (saga) url.searchParams.set("saga", saga)
  return url
}

/**
 * @param {Stage} stage
 * @param {Frame[]} frames
 */
function play(stage, frames) {
  stage.note(frames.flatMap(({ scene }) => scene.entry ?? []))
  const { frames: shown, motion } = pace(frames)
  for (const { scene } of shown) stage.paint(scene, { motion })
}
