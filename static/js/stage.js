// @ts-check
// Paints a scene onto the stage that the server has rendered: any scene, in any order, in place.

import { paintService } from "./card.js"
import { note, reach } from "./journal.js"
import { mark, write } from "./lists.js"
import { paintOthers } from "./others.js"
import { Refs } from "./refs.js"
import { Voice } from "./say.js"
import { clear, launch } from "./tokens.js"

/** @typedef {import("./types.js").Scene} Scene */
/** @typedef {import("./types.js").Leg} Leg */
/** @typedef {import("./types.js").Line} Line */

export class Stage {
  #root
  #refs
  #voice = new Voice((sentence) => write(document.getElementById("heard"), sentence))

  /** @param {HTMLElement} root a `.stage` */
  constructor(root) {
    this.#root = root
    this.#refs = new Refs(root)
  }

  /** Makes room for a new run: an empty journal, no message on a wire, the form's choice taken as run. */
  begin() {
    clear(this.#root)
    this.#voice.hush()
    this.#refs.get("journal")?.replaceChildren()
    for (const input of this.#root.querySelectorAll("form.order input")) {
      if (input instanceof HTMLInputElement) input.defaultChecked = input.checked
    }
  }

  /** Forgets the run: the page has just put an empty plan in its place. */
  reset() {
    this.begin()
    mark(this.#root, "data-seq", "0")
    mark(this.#root, "data-end", "")
    for (const name of ["data-live", "data-paused", "data-over"]) mark(this.#root, name, null)
  }

  /**
   * Adds lines to the journal. They look past once their moment is painted.
   * @param {Line[]} lines
   */
  note(lines) {
    note(this.#refs, lines)
  }

  /**
   * @param {Scene} scene
   * @param {{ motion?: boolean, quiet?: boolean }} [how] motion: its entry has just happened; quiet: nothing is read out
   */
  paint(scene, { motion = false, quiet = false } = {}) {
    const refs = this.#refs
    if (!motion) clear(this.#root)
    mark(this.#root, "data-seq", String(scene.seq))
    mark(this.#root, "data-end", scene.end ?? "")
    mark(this.#root, "data-live", scene.seq ? "" : null)
    mark(this.#root, "data-paused", scene.paused ? "" : null)
    mark(this.#root, "data-over", scene.over ? "" : null)
    refs.put("orch", scene.orch)
    refs.put("outcome", scene.orch)
    write(refs.get("order"), scene.order)
    scene.legs.forEach((leg, index) => this.#leg(leg, index + 1, motion))
    paintOthers(refs, scene.others)
    this.#verdict(scene)
    reach(refs, scene.seq)
    if (!quiet) this.#voice.say(scene.say)
    if (motion && scene.token) {
      const { name } = scene.legs[scene.token.leg - 1].service
      launch(refs.get(`wire-${name}`), refs.part("token"), scene.token)
    }
  }

  /**
   * @param {Leg} leg
   * @param {number} n
   * @param {boolean} motion
   */
  #leg(leg, n, motion) {
    const box = this.#refs.get(`leg-${n}`)
    if (leg.turn !== box?.hasAttribute("data-turn")) mark(box, "data-moving", leg.turn && motion ? "" : null)
    mark(box, "data-turn", leg.turn ? "" : null)
    if (leg.hop) this.#refs.put(`hop-${leg.service.name}`, leg.hop)
    this.#refs.put(`stop-${n}`, leg.stop)
    this.#refs.put(`undo-${n}`, leg.undo)
    paintService(this.#refs, leg.service, motion)
  }

  /** @param {Scene} scene */
  #verdict({ say, facts, alert }) {
    write(this.#refs.get("say"), say)
    for (const [name, value] of Object.entries(facts)) write(this.#refs.get(`fact-${name}`), value)
    const box = this.#refs.get("alert")
    mark(box, "hidden", alert ? null : "")
    write(box?.querySelector(".title"), alert?.title)
    write(box?.querySelector(".text"), alert?.text)
  }
}
