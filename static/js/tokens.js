// @ts-check
// Messages on their way. A token carries its time and its direction; the style sheet decides how it moves.

/** @typedef {import("./types.js").Token} Token */

const LOST_AT = 0.45 // share of its time after which a lost message shows as lost

/**
 * Sends one message along a wire; it leaves the page when its time is over.
 * @param {Element | null} wire
 * @param {Element} token an empty one
 * @param {Token} message
 */
export function launch(wire, token, { state, dir, tag, lost, ms }) {
  if (!wire || document.hidden || !(token instanceof HTMLElement)) return
  const text = /** @type {HTMLElement} */ (token.querySelector("b"))
  Object.assign(token.dataset, { state, dir })
  token.style.setProperty("--ms", `${ms}ms`)
  text.textContent = tag
  if (lost) {
    token.dataset.lost = "soon"
    setTimeout(() => {
      token.dataset.lost = "now"
      text.textContent = lost
    }, ms * LOST_AT)
  }
  setTimeout(() => token.remove(), ms)
  wire.append(token)
}

/**
 * Takes every message off the stage.
 * @param {Element} root
 */
export function clear(root) {
  for (const token of root.querySelectorAll(".token")) token.remove()
}
