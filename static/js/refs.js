// @ts-check
// The named places of one stage. Two stages on one page differ by a prefix in their ids.

import { mark, write } from "./lists.js"

/** @typedef {import("./types.js").Mark} Mark */

export class Refs {
  #root
  #prefix

  /** @param {HTMLElement} root a `.stage` */
  constructor(root) {
    this.#root = root
    this.#prefix = root.dataset.prefix ?? ""
  }

  /** @param {string} name */
  id(name) {
    return this.#prefix + name
  }

  /** @param {string} name */
  get(name) {
    return document.getElementById(this.id(name))
  }

  /**
   * Sets the state and the words of a station, a card, the orchestrator.
   * @param {string} name
   * @param {Mark} value
   */
  put(name, value) {
    this.fill(this.get(name), value)
  }

  /**
   * @param {Element | null} element
   * @param {Mark} value
   */
  fill(element, { state, word }) {
    mark(element, "data-state", state)
    write(element?.querySelector(".word"), word)
    write(element?.querySelector(".state"), state)
  }

  /**
   * An empty copy of a part that the server has rendered once per stage.
   * @param {string} name
   * @returns {Element}
   */
  part(name) {
    const template = this.#root.querySelector(`template[data-part="${name}"]`)
    if (!(template instanceof HTMLTemplateElement) || !template.content.firstElementChild) throw new Error(`The stage has no part "${name}".`)
    return /** @type {Element} */ (document.importNode(template.content.firstElementChild, true))
  }
}
