// @ts-check
// Which frames to play and which only to note down.

/** @typedef {import("./types.js").Frame} Frame */

const BACKLOG = 500 // milliseconds of run time

/**
 * The frames of one delivery that are to be painted, oldest first, and whether with motion. A delivery
 * that spans more than `limit` of the run is a backlog: only its newest frame is painted, at once.
 * @param {Frame[]} frames at least one, by seq
 * @param {number} [limit] milliseconds
 * @returns {{ frames: Frame[], motion: boolean }}
 */
export function pace(frames, limit = BACKLOG) {
  const oldest = frames[0].scene.ms
  const newest = frames[frames.length - 1].scene.ms
  if (newest - oldest > limit) return { frames: frames.slice(-1), motion: false }
  return { frames, motion: true }
}
