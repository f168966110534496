// @ts-check
// The frames of one run as the page holds them, and what was true at any moment of it.

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */

export class Track {
  /** Oldest first; a track may lack some of them for a while. @type {(Scene | undefined)[]} */
  scenes = []
  /** The moment of each entry. @type {number[]} */
  moments = []

  #told

  /** @param {boolean} [told] whether its moments are those at which a replay tells the entries, each its own */
  constructor(told = false) {
    this.#told = told
  }

  /** @param {Frame[]} frames by seq, later than all before */
  add(frames) {
    for (const { scene } of frames) {
      this.scenes.push(scene)
      this.moments.push(this.#told ? scene.entry?.t ?? 0 : scene.ms)
    }
  }

  /** Milliseconds from the run's start to its last entry. */
  get end() {
    return this.moments[this.moments.length - 1] ?? 0
  }

  /**
   * How many entries had happened by then; of several in the same millisecond all have.
   * @param {number} ms
   * @param {boolean} [before] whether those of that very millisecond are left out
   */
  countAt(ms, before = false) {
    let low = 0
    let high = this.moments.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (before ? this.moments[middle] < ms : this.moments[middle] <= ms) low = middle + 1
      else high = middle
    }
    return low
  }

  /**
   * The scene at a moment; the first one before the run's first entry.
   * @param {number} ms
   * @returns {Scene | undefined}
   */
  at(ms) {
    return this.scenes[Math.max(0, this.countAt(ms) - 1)]
  }

  /**
   * Until when the clock may go on from a moment.
   * @param {number} ms
   */
  readyFrom(ms) {
    return ms >= 0 ? Infinity : 0
  }

  /**
   * The state of the nth entry, from 1.
   * @param {number} n
   */
  state(n) {
    return this.scenes[n - 1]?.entry?.state ?? "idle"
  }

  /**
   * What the nth entry is, in words.
   * @param {number} n
   */
  words(n) {
    const line = this.scenes[n - 1]?.entry
    return line ? [line.kind, line.what].filter(Boolean).join(" ") : ""
  }
}

/**
 * The moment at which anything happened before or after this one, on any track; the moment itself where there is none.
 * @param {Track[]} tracks
 * @param {number} ms
 * @param {"prev" | "next"} move
 */
export function neighbour(tracks, ms, move) {
  const ahead = tracks.flatMap((track) => track.moments[move === "next" ? track.countAt(ms) : track.countAt(ms, true) - 1] ?? [])
  if (!ahead.length) return ms
  return move === "next" ? Math.min(...ahead) : Math.max(...ahead)
}

/**
 * Time since a run began, as its journal has it: `00:03.21`.
 * @param {number} ms
 */
export function clock(ms) {
  const two = (/** @type {number} */ n) => String(Math.floor(n)).padStart(2, "0")
  return `${two(ms / 60_000)}:${two(ms / 1000 % 60)}.${two(ms / 10 % 100)}`
}
