// @ts-check
// What stands around the stage of a run: the panels that the server has drawn, kept at the moment of the clock.

import { mark } from "./lists.js"
import { Marks } from "./marks.js"

const PANELS = "panels"
const READ = 700 // milliseconds between two readings of panels that the run has outgrown

export class Panels {
  /** @type {Marks | undefined} */ #marks
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #reading
  #seq = 0
  #at = 0
  #focus = ""

  constructor() {
    document.addEventListener("htmx:beforeSwap", (event) => {
      if (event.target === this.#box) this.#focus = document.activeElement?.closest(`#${PANELS}`) ? document.activeElement.id : ""
    })
    document.addEventListener("htmx:afterSwap", (event) => {
      if (event.target === this.#box) this.#drawn()
    })
    this.#drawn()
  }

  /**
   * Shows a moment.
   * @param {number} seq
   * @param {number} at in milliseconds of the clock
   */
  show(seq, at) {
    const moved = this.#seq > 0 && this.#seq !== seq
    this.#seq = seq
    this.#at = at
    this.#marks?.move(seq)
    if (moved) this.#follow(document.getElementById(`j-${seq}`))
    const whole = Number(this.#drawing?.dataset.whole) || 1
    const x = `${Math.min(100, at / whole * 100).toFixed(3)}%`
    for (const line of document.querySelectorAll(".playhead")) {
      mark(line, "x1", x)
      mark(line, "x2", x)
    }
  }

  /**
   * Keeps a line in the sight of its list, without moving the page.
   * @param {HTMLElement | null} line
   */
  #follow(line) {
    const list = line?.parentElement
    if (!line || !list) return
    const above = line.offsetTop - list.scrollTop
    if (above < 0) list.scrollTop = line.offsetTop
    else if (above + line.offsetHeight > list.clientHeight) list.scrollTop = line.offsetTop + line.offsetHeight - list.clientHeight
  }

  /**
   * Sees to it that the panels are read anew when the run is longer than they are.
   * @param {number} head the newest seq
   */
  outgrown(head) {
    if (head <= Number(this.#drawing?.dataset.head ?? 0)) return
    this.#reading ??= setTimeout(() => {
      this.#reading = undefined
      this.#box?.dispatchEvent(new Event("outgrown"))
    }, READ)
  }

  get #box() {
    return document.getElementById(PANELS)
  }

  get #drawing() {
    const drawing = this.#box?.querySelector("[data-head]")
    return drawing instanceof HTMLElement ? drawing : null
  }

  #drawn() {
    const drawing = this.#drawing
    if (!drawing) return
    this.#marks = new Marks(document.querySelectorAll(`#${PANELS}, #records`), Number(drawing.dataset.at))
    if (this.#focus) document.getElementById(this.#focus)?.focus({ preventScroll: true })
    if (this.#seq) this.show(this.#seq, this.#at)
  }
}
