// @ts-check
// <saga-scrub>: one clock for the stages of a page. It follows what happens; whoever moves it looks back, and
// the stages then show what was true at that moment, out of frames that the page holds or fetches.

import { moveOf } from "./keys.js"
import { mark, write } from "./lists.js"
import { pace } from "./pace.js"
import { draw } from "./ticks.js"
import { Track, clock, neighbour } from "./track.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */
/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {{ stage: Stage, title: string, track: Track }} Lane */

const LONGEST_TURN = 250 // milliseconds: a page that was away goes on where it was
const MOST_AT_ONCE = 8 // scenes that one turn of the clock paints

export class Scrub extends HTMLElement {
  /** @type {Lane[]} */ #lanes = []
  #at = 0
  #following = true
  #frame = 0 // of the animation, 0 while the clock stands
  #range = /** @type {HTMLInputElement} */ (this.querySelector("input[type=range]"))
  #play = /** @type {HTMLElement} */ (this.querySelector("[data-move=play]"))

  connectedCallback() {
    this.#range.addEventListener("input", () => this.seek(Number(this.#range.value)))
    for (const button of this.querySelectorAll("[data-move]")) {
      button.addEventListener("click", () => this.#move(button.getAttribute("data-move") ?? ""))
    }
    document.addEventListener("keydown", this.#pressed)
  }

  disconnectedCallback() {
    document.removeEventListener("keydown", this.#pressed)
    this.#halt()
  }

  /**
   * Forgets what was, and waits for what these stages will show.
   * @param {{ stage: Stage, title: string, track?: Track }[]} lanes
   */
  begin(lanes) {
    this.#halt()
    this.#lanes = lanes.map((lane) => ({ track: new Track(), ...lane }))
    this.#at = this.#end
    this.#following = true
    this.#draw()
  }

  /**
   * Takes new frames of one lane, and paints them unless somebody looks back.
   * @param {number} index
   * @param {Frame[]} frames
   */
  add(index, frames) {
    const { stage, track } = this.#lanes[index]
    track.add(frames)
    stage.note(frames.flatMap(({ scene }) => scene.entry ?? []))
    if (this.#following) {
      const { frames: shown, motion } = pace(frames)
      for (const { scene } of shown) stage.paint(scene, { motion, quiet: true })
      this.#at = this.#end
    }
    this.#draw()
  }

  /** Whether the stages show the newest moment. */
  get following() {
    return this.#following
  }

  /** The moment that is shown. */
  get at() {
    return this.#at
  }

  /** How many times faster than it was. */
  get speed() {
    const chosen = this.querySelector(".speed :checked")
    return chosen instanceof HTMLInputElement ? Number(chosen.value) : 1
  }

  get playing() {
    return this.#frame > 0
  }

  /**
   * Shows a moment. Nothing moves, nothing is read out.
   * @param {number} ms
   */
  seek(ms) {
    this.#halt()
    this.#at = Math.max(0, Math.min(ms, this.#end))
    this.#following = this.#at >= this.#end
    this.repaint()
    this.#show()
  }

  /** Paints the moment that is shown, where its scenes are here. */
  repaint() {
    for (const { stage, track } of this.#lanes) {
      const scene = track.at(this.#at)
      if (scene) stage.paint(scene, { quiet: true })
    }
  }

  get #tracks() {
    return this.#lanes.map(({ track }) => track)
  }

  get #end() {
    return Math.max(0, ...this.#tracks.map((track) => track.end))
  }

  /** @param {string} move */
  #move(move) {
    if (move === "play") return this.#frame ? this.#halt() : this.#go()
    if (move === "first" || move === "follow") return this.seek(move === "first" ? 0 : this.#end)
    this.seek(neighbour(this.#tracks, this.#at, move === "next" ? "next" : "prev"))
  }

  #go() {
    if (this.#at >= this.#end) this.seek(0)
    let before = performance.now()
    const turn = (/** @type {number} */ now) => {
      this.#advance(Math.min(now - before, LONGEST_TURN) * this.speed)
      before = now
      if (this.#frame) this.#frame = requestAnimationFrame(turn)
    }
    this.#following = false
    this.#frame = requestAnimationFrame(turn)
    this.#show()
  }

  #halt() {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.#show()
  }

  /** @param {number} ms */
  #advance(ms) {
    const from = this.#at
    const ready = Math.min(this.#end, ...this.#tracks.map((track) => track.readyFrom(from)))
    this.#at = Math.max(from, Math.min(from + Math.max(0, ms), ready))
    for (const { stage, track } of this.#lanes) {
      for (const scene of track.scenes.slice(track.countAt(from), track.countAt(this.#at)).slice(-MOST_AT_ONCE)) {
        if (scene) stage.paint(this.#faster(scene), { motion: true, quiet: true })
      }
    }
    if (this.#at >= this.#end) {
      this.#following = true
      return this.#halt()
    }
    this.#show()
  }

  /**
   * The scene with its message as fast as the clock.
   * @param {Scene} scene
   * @returns {Scene}
   */
  #faster(scene) {
    return scene.token ? { ...scene, token: { ...scene.token, ms: scene.token.ms / this.speed } } : scene
  }

  #show() {
    mark(this.#range, "max", String(Math.max(1, this.#end)))
    this.#range.value = String(this.#at)
    write(this.querySelector(".now"), clock(this.#at))
    const said = this.#lanes.flatMap(({ title, track }) => {
      const words = track.words(track.countAt(this.#at))
      return words ? [title ? `${title}: ${words}` : words] : []
    })
    mark(this.#range, "aria-valuetext", [clock(this.#at), ...said].join(". "))
    mark(this, "data-playing", this.#frame ? "" : null)
    mark(this, "data-back", this.#following ? null : "")
    mark(this.#play, "aria-label", this.#frame ? "Pause" : "Play")
    this.dispatchEvent(new Event("moved"))
  }

  #draw() {
    mark(this, "data-empty", this.#tracks.some((track) => track.moments.length) ? null : "")
    draw(this.querySelector(".ticks"), this.#tracks, this.#end)
    this.#show()
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    const move = moveOf(event)
    if (!move || this.hasAttribute("data-empty") || !this.#inSight()) return
    event.preventDefault()
    this.#move(move)
  }

  #inSight() {
    const { top, bottom } = this.getBoundingClientRect()
    return bottom > 0 && top < innerHeight
  }
}
