// @ts-check
// The frames of one run as the page holds them, and what was true at any moment of it.

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */

export class Track {
  /** Oldest first. @type {Scene[]} */
  scenes = []

  /** @param {Frame[]} frames by seq, later than all before */
  add(frames) {
    for (const { scene } of frames) this.scenes.push(scene)
  }

  /** Milliseconds from the run's start to its last entry. */
  get end() {
    return this.scenes[this.scenes.length - 1]?.ms ?? 0
  }

  /**
   * How many scenes had happened by then; of several in the same millisecond all have.
   * @param {number} ms
   */
  countAt(ms) {
    let low = 0
    let high = this.scenes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.scenes[middle].ms <= ms) low = middle + 1
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
}

/**
 * The moment at which anything happened before or after this one, on any track; the moment itself where there is none.
 * @param {Track[]} tracks
 * @param {number} ms
 * @param {"prev" | "next"} move
 */
export function neighbour(tracks, ms, move) {
  const moments = tracks.flatMap(({ scenes }) => scenes.map((scene) => scene.ms))
  const ahead = moments.filter((moment) => move === "next" ? moment > ms : moment < ms)
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
