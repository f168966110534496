// @ts-check
// <saga-scrub>: one clock for the stages of a page. It follows what happens; whoever moves it looks back, and
// the stages then show what was true at that moment, out of frames that the page holds or fetches.

import { Deck } from "./deck.js"
import { moveOf } from "./keys.js"
import { mark, write } from "./lists.js"
import { draw } from "./ticks.js"
import { clock } from "./track.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./deck.js").Lane} Lane */

export class Scrub extends HTMLElement {
  #deck = new Deck(() => this.#show())
  #range = /** @type {HTMLInputElement} */ (this.querySelector("input[type=range]"))
  #play = /** @type {HTMLElement} */ (this.querySelector("[data-move=play]"))

  connectedCallback() {
    this.#range.addEventListener("input", () => this.seek(Number(this.#range.value)))
    for (const button of this.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => this.#deck.move(button.getAttribute("data-move") ?? ""))
    }
    this.querySelector(".speed")?.addEventListener("change", () => this.#show())
    document.addEventListener("keydown", this.#pressed)
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#pressed)
    this.#deck.halt()
  }

  /**
   * Forgets what was, and waits for what these stages will show.
   * @param {{ stage: Lane["stage"], title: string, track?: Lane["track"] }[]} lanes
   */
  begin(lanes) {
    this.#deck.begin(lanes)
    this.#draw()
  }

  /**
   * Takes new frames of one lane, and paints them unless somebody looks back.
   * @param {number} index
   * @param {Frame[]} frames
   */
  add(index, frames) {
    this.#deck.add(index, frames)
    this.#draw()
  }

  /** @param {number} ms */
  seek(ms) {
    this.#deck.seek(ms)
  }

  /** Paints the moment that is shown, where its scenes are here. */
  repaint() {
    this.#deck.repaint()
  }

  get following() {
    return this.#deck.following
  }

  /** The moment that is shown. */
  get at() {
    return this.#deck.at
  }

  /** How many times faster than it was. */
  get speed() {
    return this.#deck.speed
  }

  get playing() {
    return this.#deck.playing
  }

  #show() {
    const { at, end, following, lanes, playing } = this.#deck
    const chosen = this.querySelector(".speed :checked")
    this.#deck.speed = chosen instanceof HTMLInputElement ? Number(chosen.value) : 1
    mark(this.#range, "max", String(Math.max(1, end)))
    this.#range.value = String(at)
    write(this.querySelector(".now"), clock(at))
    const said = lanes.flatMap(({ title, track }) => {
      const words = track.words(track.countAt(at))
      return words ? [title ? `${title}: ${words}` : words] : []
    })
    mark(this.#range, "aria-valuetext", [clock(at), ...said].join(". "))
    mark(this, "data-playing", playing ? "" : null)
    mark(this, "data-back", following ? null : "")
    mark(this.#play, "aria-label", playing ? "Pause" : "Play")
    this.dispatchEvent(new Event("moved"))
  }

  #draw() {
    const { tracks, end } = this.#deck
    mark(this, "data-empty", tracks.some((track) => track.moments.length) ? null : "")
    draw(this.querySelector(".ticks"), tracks, end)
    this.#show()
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    const move = moveOf(event)
    if (!move || this.hasAttribute("data-empty") || !this.#inSight()) return
    event.preventDefault()
    this.#deck.move(move)
  }

  #inSight() {
    const { top, bottom } = this.getBoundingClientRect()
    return bottom > 0 && top < innerHeight
  }
}
