// @ts-check
// A thousand squares are one stop for the tab key: arrows go from square to square.

const PAGE = 20 // squares that Page Up and Page Down go over

/** @param {Element} waffle */
function squares(waffle) {
  return /** @type {HTMLButtonElement[]} */ ([...waffle.querySelectorAll("button")])
}

/** Makes one square of each waffle the stop. */
function mark() {
  for (const waffle of document.querySelectorAll(".waffle.fine")) {
    squares(waffle).forEach((square, n) => { square.tabIndex = n ? -1 : 0 })
  }
}

/**
 * The square that lies next to another in a direction, by where both are drawn.
 * @param {HTMLButtonElement[]} all
 * @param {number} from
 * @param {string} key
 */
function next(all, from, key) {
  const rows = all.findIndex((square) => square.offsetLeft !== all[0].offsetLeft)
  const column = rows < 0 ? all.length : rows
  const steps = new Map([
    ["ArrowDown", 1], ["ArrowUp", -1], ["ArrowRight", column], ["ArrowLeft", -column],
    ["PageDown", PAGE], ["PageUp", -PAGE], ["Home", -all.length], ["End", all.length],
  ])
  const step = steps.get(key)
  return step === undefined ? undefined : Math.min(all.length - 1, Math.max(0, from + step))
}

document.addEventListener("keydown", (event) => {
  const square = event.target instanceof HTMLButtonElement ? event.target : null
  const waffle = square?.closest(".waffle.fine")
  if (!square || !waffle || event.altKey || event.ctrlKey || event.metaKey) return
  const all = squares(waffle)
  const to = next(all, all.indexOf(square), event.key)
  if (to === undefined) return
  event.preventDefault()
  square.tabIndex = -1
  all[to].tabIndex = 0
  all[to].focus()
})

document.addEventListener("htmx:afterSettle", mark)
mark()
