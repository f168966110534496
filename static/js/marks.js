// @ts-check
// What of a page is past, and what holds at the moment: elements that say from which entry on, and until which.

import { mark } from "./lists.js"

/** @typedef {{ seq: number, element: Element, name: string, on: boolean }} Turn */

export class Marks {
  /** By seq. @type {Turn[]} */ #turns = []
  #place = 0

  /**
   * @param {Iterable<Element>} roots with elements that carry data-seq (past from there on) or data-since and data-until
   * @param {number} seq the moment for which the server has marked them
   */
  constructor(roots, seq) {
    for (const root of roots) {
      for (const element of root.querySelectorAll("[data-seq]")) this.#turn(element, "data-seq", "data-past", true)
      for (const element of root.querySelectorAll("[data-since]")) {
        this.#turn(element, "data-since", "data-now", true)
        this.#turn(element, "data-until", "data-now", false)
      }
    }
    this.#turns.sort((one, other) => one.seq - other.seq || Number(one.on) - Number(other.on))
    while (this.#turns[this.#place]?.seq <= seq) this.#place += 1
  }

  /**
   * Goes to a moment, forwards or back, by whatever turns on the way.
   * @param {number} seq
   */
  move(seq) {
    while (this.#turns[this.#place]?.seq <= seq) this.#apply(this.#turns[this.#place++], true)
    while (this.#place && this.#turns[this.#place - 1].seq > seq) this.#apply(this.#turns[--this.#place], false)
  }

  /**
   * @param {Turn} turn
   * @param {boolean} forward
   */
  #apply({ element, name, on }, forward) {
    mark(element, name, on === forward ? "" : null)
  }

  /**
   * @param {Element} element
   * @param {string} where
   * @param {string} name
   * @param {boolean} on
   */
  #turn(element, where, name, on) {
    const seq = element.getAttribute(where)
    if (seq) this.#turns.push({ seq: Number(seq), element, name, on })
  }
}
