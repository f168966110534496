// @ts-check
// What a key means to the clock, wherever the focus is, as long as it means nothing there.

const MOVES = new Map([[" ", "play"], ["ArrowLeft", "prev"], ["ArrowRight", "next"], ["Home", "first"], ["End", "follow"]])
const TYPING = "input:not([type=range]), select, textarea, [contenteditable]"
const PRESSED = "button, a, summary" // what the space bar presses itself

/**
 * The move that a key asks for, or undefined.
 * @param {KeyboardEvent} event
 */
export function moveOf(event) {
  const move = MOVES.get(event.key)
  if (!move || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return undefined
  const held = event.target instanceof Element ? event.target : null
  return held?.closest(TYPING) || (move === "play" && held?.closest(PRESSED)) ? undefined : move
}
