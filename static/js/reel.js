// @ts-check
// The track of a run that may be long: when each entry happened is known from the journal on the page, its frame
// is fetched, a page of them at a time, when the clock comes near.

import { Track } from "./track.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */

const PAGE = 100 // frames that are fetched at once
const MOST = 40 // pages that are fetched before anybody asks for them

export class Reel extends Track {
  /** @type {Map<number, Promise<void>>} */ #pages = new Map()
  #lines
  #load
  #arrived

  /**
   * @param {Element} lines the journal: one element an entry, in order
   * @param {(after: number, limit: number) => Promise<Frame[]>} load
   * @param {() => void} arrived is told when frames have come that were wanted
   */
  constructor(lines, load, arrived) {
    super()
    this.#lines = lines
    this.#load = load
    this.#arrived = arrived
    this.moments = [...lines.children].map((line) => Number(line.getAttribute("data-t")))
  }

  /**
   * Takes frames in any order.
   * @param {Frame[]} frames
   */
  add(frames) {
    for (const { entry: { seq }, scene } of frames) {
      this.scenes[seq - 1] = scene
      if (seq === this.moments.length + 1) this.moments.push(scene.entry?.t ?? this.end + 1)
    }
  }

  /** @param {number} ms */
  at(ms) {
    const n = Math.max(1, this.countAt(ms))
    const scene = this.scenes[n - 1]
    if (this.moments.length) this.#want(n)
    return scene
  }

  /** @param {number} ms */
  readyFrom(ms) {
    const n = this.countAt(ms) + 1
    if (n > this.moments.length) return Infinity
    this.#want(n)
    this.#want(Math.min(n + PAGE / 2, this.moments.length))
    let ready = n
    while (this.scenes[ready - 1]) ready += 1
    return ready > this.moments.length ? Infinity : this.moments[ready - 1] - 1
  }

  /** @param {number} n */
  state(n) {
    return this.#lines.children[n - 1]?.getAttribute("data-state") ?? "idle"
  }

  /** @param {number} n */
  words(n) {
    const line = this.#lines.children[n - 1]
    return [line?.querySelector("b"), line?.querySelector(".what")].map((part) => part?.textContent).filter(Boolean).join(" ")
  }

  /**
   * Fetches what is missing, the pages next to a moment first.
   * @param {number} ms
   */
  async prefetch(ms) {
    const here = Math.floor(Math.max(0, this.countAt(ms) - 1) / PAGE)
    const pages = Array.from({ length: Math.ceil(this.moments.length / PAGE) }, (_, page) => page)
    pages.sort((one, other) => Math.abs(one - here) - Math.abs(other - here))
    for (const page of pages.slice(0, MOST)) await this.#want(page * PAGE + 1)
  }

  /**
   * Fetches the page of the nth frame unless it is here or on its way.
   * @param {number} n
   */
  #want(n) {
    if (this.scenes[n - 1]) return undefined
    const page = Math.floor((n - 1) / PAGE)
    const found = this.#pages.get(page)
    if (found) return found
    const coming = this.#load(page * PAGE, PAGE).then((frames) => {
      this.add(frames)
      if (frames.length < PAGE) this.#pages.delete(page) // a run that goes on fills it later
      if (frames.length) this.#arrived()
    }, () => { setTimeout(() => this.#pages.delete(page), 1000) })
    this.#pages.set(page, coming)
    return coming
  }
}
