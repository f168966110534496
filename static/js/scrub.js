// @ts-check
// <saga-scrub>: one clock for the stages of a page. It follows what happens; whoever moves it looks back, and
// the stages then show what was true at that moment, out of frames that the page already holds.

import { mark, write } from "./lists.js"
import { pace } from "./pace.js"
import { Track, clock, neighbour } from "./track.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */
/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {{ stage: Stage, title: string, track: Track }} Lane */

const LONGEST_TURN = 250 // milliseconds: a page that was away goes on where it was
const SVG = "http://www.w3.org/2000/svg"
const TYPING = "input:not([type=range]), select, textarea, button, a, summary, [contenteditable]"
const KEYS = new Map([[" ", "play"], ["ArrowLeft", "prev"], ["ArrowRight", "next"]])

export class Scrub extends HTMLElement {
  /** @type {Lane[]} */ #lanes = []
  #at = 0
  #following = true
  #frame = 0 // of the animation, 0 while the clock stands

  /** @type {HTMLInputElement} */ #range
  /** @type {HTMLElement} */ #play

  constructor() {
    super()
    this.#range = /** @type {HTMLInputElement} */ (this.querySelector("input[type=range]"))
    this.#play = /** @type {HTMLElement} */ (this.querySelector("[data-move=play]"))
  }

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
   * @param {{ stage: Stage, title: string }[]} lanes
   */
  begin(lanes) {
    this.#halt()
    this.#lanes = lanes.map((lane) => ({ ...lane, track: new Track() }))
    this.#at = 0
    this.#following = true
    this.querySelector(".ticks")?.replaceChildren()
    this.#show()
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
    mark(this, "data-empty", null)
    this.#show()
    this.#tick()
  }

  /** Whether the stages show the newest moment. */
  get following() {
    return this.#following
  }

  /**
   * Shows a moment. Nothing moves, nothing is read out.
   * @param {number} ms
   */
  seek(ms) {
    this.#halt()
    this.#at = Math.max(0, Math.min(ms, this.#end))
    this.#following = this.#at >= this.#end
    for (const { stage, track } of this.#lanes) {
      const scene = track.at(this.#at)
      if (scene) stage.paint(scene, { quiet: true })
    }
    this.#show()
  }

  get #end() {
    return Math.max(0, ...this.#lanes.map(({ track }) => track.end))
  }

  /** @param {string} move */
  #move(move) {
    if (move === "play") return this.#frame ? this.#halt() : this.#go()
    const tracks = this.#lanes.map(({ track }) => track)
    this.seek(neighbour(tracks, this.#at, move === "next" ? "next" : "prev"))
  }

  #go() {
    if (this.#at >= this.#end) this.seek(0)
    let before = performance.now()
    const turn = (/** @type {number} */ now) => {
      this.#advance(Math.min(now - before, LONGEST_TURN) * this.#speed)
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
    this.#at = Math.min(from + Math.max(0, ms), this.#end)
    for (const { stage, track } of this.#lanes) {
      for (const scene of track.scenes.slice(track.countAt(from), track.countAt(this.#at))) {
        stage.paint(this.#faster(scene), { motion: true, quiet: true })
      }
    }
    if (this.#at >= this.#end) {
      this.#following = true
      this.#halt()
    }
    this.#show()
  }

  /**
   * The scene with its message as fast as the clock.
   * @param {Scene} scene
   * @returns {Scene}
   */
  #faster(scene) {
    return scene.token ? { ...scene, token: { ...scene.token, ms: scene.token.ms / this.#speed } } : scene
  }

  get #speed() {
    const chosen = this.querySelector(".speed :checked")
    return chosen instanceof HTMLInputElement ? Number(chosen.value) : 1
  }

  #show() {
    mark(this.#range, "max", String(Math.max(1, this.#end)))
    this.#range.value = String(this.#at)
    write(this.querySelector(".now"), clock(this.#at))
    const said = this.#lanes.flatMap(({ title, track }) => {
      const line = track.at(this.#at)?.entry
      return line ? `${title}: ${[line.kind, line.what].filter(Boolean).join(" ")}` : []
    })
    mark(this.#range, "aria-valuetext", [clock(this.#at), ...said].join(". "))
    mark(this, "data-playing", this.#frame ? "" : null)
    mark(this.#play, "aria-label", this.#frame ? "Pause" : "Play")
  }

  /** Draws one tick an entry, a row of them for each lane. */
  #tick() {
    const box = this.querySelector(".ticks")
    const height = 100 / this.#lanes.length
    const ticks = this.#lanes.flatMap(({ track }, row) => track.scenes.map((scene) => {
      const tick = document.createElementNS(SVG, "rect")
      const place = { x: `${scene.ms / Math.max(1, this.#end) * 100}%`, y: `${row * height}%`, width: 2, height: `${height - 8}%` }
      for (const [name, value] of Object.entries(place)) tick.setAttribute(name, String(value))
      tick.dataset.state = scene.entry?.state ?? "idle"
      return tick
    }))
    box?.replaceChildren(...ticks)
  }

  /** @param {KeyboardEvent} event */
  #pressed = (event) => {
    const move = KEYS.get(event.key)
    if (!move || !this.#lanes.some(({ track }) => track.scenes.length) || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
    if (event.target instanceof Element && event.target.closest(TYPING)) return
    if (!this.#inSight()) return
    event.preventDefault()
    this.#move(move)
  }

  #inSight() {
    const { top, bottom } = this.getBoundingClientRect()
    return bottom > 0 && top < innerHeight
  }
}
