// @ts-check
// What a clock plays: stages, each with the track of its run, and the moment that all of them show.

import { pace } from "./pace.js"
import { Track, neighbour } from "./track.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */
/** @typedef {import("./stage.js").Stage} Stage */
/** @typedef {{ stage: Stage, title: string, track: Track }} Lane */

const LONGEST_TURN = 250 // milliseconds: a page that was away goes on where it was
const MOST_AT_ONCE = 8 // scenes that one turn of the clock paints

export class Deck {
  /** @type {Lane[]} */ lanes = []
  at = 0
  /** Whether the stages show the newest moment, and go on with it. */
  following = true
  speed = 1
  #frame = 0 // of the animation, 0 while the clock stands
  #changed

  /** @param {() => void} changed is told whenever another moment is shown, or the clock starts or stops */
  constructor(changed) {
    this.#changed = changed
  }

  /** @param {{ stage: Stage, title: string, track?: Track }[]} lanes */
  begin(lanes) {
    this.halt()
    this.lanes = lanes.map((lane) => ({ track: new Track(), ...lane }))
    this.at = this.end
    this.following = true
  }

  /**
   * Takes new frames of one lane, and paints them unless somebody looks back.
   * @param {number} index
   * @param {Frame[]} frames
   */
  add(index, frames) {
    const { stage, track } = this.lanes[index]
    track.add(frames)
    stage.note(frames.flatMap(({ scene }) => scene.entry ?? []))
    if (!this.following) return
    const { frames: shown, motion } = pace(frames)
    for (const { scene } of shown) stage.paint(scene, { motion, quiet: true })
    this.at = this.end
  }

  get tracks() {
    return this.lanes.map(({ track }) => track)
  }

  get end() {
    return Math.max(0, ...this.tracks.map((track) => track.end))
  }

  get playing() {
    return this.#frame > 0
  }

  /**
   * Shows a moment. Nothing moves, nothing is read out.
   * @param {number} ms
   */
  seek(ms) {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.at = Math.max(0, Math.min(ms, this.end))
    this.following = this.at >= this.end
    this.repaint()
    this.#changed()
  }

  /** Paints the moment that is shown, where its scenes are here. */
  repaint() {
    for (const { stage, track } of this.lanes) {
      const scene = track.at(this.at)
      if (scene) stage.paint(scene, { quiet: true })
    }
  }

  /** @param {string} move */
  move(move) {
    if (move === "play") return this.playing ? this.halt() : this.#go()
    if (move === "first" || move === "follow") return this.seek(move === "first" ? 0 : this.end)
    this.seek(neighbour(this.tracks, this.at, move === "next" ? "next" : "prev"))
  }

  halt() {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.#changed()
  }

  #go() {
    if (this.at >= this.end) this.seek(0)
    let before = performance.now()
    const turn = (/** @type {number} */ now) => {
      this.#advance(Math.min(now - before, LONGEST_TURN) * this.speed)
      before = now
      if (this.#frame) this.#frame = requestAnimationFrame(turn)
    }
    this.following = false
    this.#frame = requestAnimationFrame(turn)
    this.#changed()
  }

  /** @param {number} ms */
  #advance(ms) {
    const from = this.at
    const ready = Math.min(this.end, ...this.tracks.map((track) => track.readyFrom(from)))
    this.at = Math.max(from, Math.min(from + Math.max(0, ms), ready))
    for (const { stage, track } of this.lanes) {
      for (const scene of track.scenes.slice(track.countAt(from), track.countAt(this.at)).slice(-MOST_AT_ONCE)) {
        if (scene) stage.paint(this.#faster(scene), { motion: true, quiet: true })
      }
    }
    this.following = this.at >= this.end
    if (this.following) this.halt()
    else this.#changed()
  }

  /**
   * The scene with its message as fast as the clock.
   * @param {Scene} scene
   * @returns {Scene}
   */
  #faster(scene) {
    return scene.token ? { ...scene, token: { ...scene.token, ms: scene.token.ms / this.speed } } : scene
  }
}
