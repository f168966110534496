// @ts-check
// The address of a moment of a run: what the address bar says, and where a link to another saga of the run leads.

/** @typedef {{ following: boolean, playing: boolean, speed: number }} Clock */

/**
 * Puts the moment into the address, once the clock stands, so that whoever copies it copies the moment.
 * @param {Clock} clock
 * @param {number} seq
 */
export function settle(clock, seq) {
  if (clock.playing) return
  const url = at(clock, seq)
  if (clock.speed === 1) url.searchParams.delete("speed")
  else url.searchParams.set("speed", String(clock.speed))
  if (url.href !== location.href) history.replaceState(history.state, "", url)
}

/**
 * The same moment, seen from another saga of the run.
 * @param {string} saga
 * @param {Clock} clock
 * @param {number} seq
 */
export function seenFrom(saga, clock, seq) {
  const url = at(clock, seq)
  url.searchParams.set("saga", saga)
  return url.href
}

/**
 * @param {Clock} clock
 * @param {number} seq
 */
function at({ following }, seq) {
  const url = new URL(location.href)
  if (following) url.searchParams.delete("at")
  else url.searchParams.set("at", String(seq))
  return url
}
