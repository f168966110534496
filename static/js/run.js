// @ts-check
// The page of one run: its line, its clock, its panels and its address, all at one moment.

import { mark, write } from "./lists.js"
import { Panels } from "./panels.js"
import { seenFrom, settle } from "./place.js"
import { Reel } from "./reel.js"
import { address } from "./saga-run.js"
import { Voice } from "./say.js"
import { Scrub } from "./scrub.js"
import { Feed } from "./socket.js"
import { Stage } from "./stage.js"

/** @typedef {import("./types.js").Frame} Frame */
/** @typedef {import("./types.js").Scene} Scene */

const REST = 200 // milliseconds that the clock must stand before the address says so

class SagaReplay extends HTMLElement {
  #scrub = /** @type {Scrub} */ (document.getElementById("scrub"))
  #root = /** @type {HTMLElement} */ (this.closest(".stage"))
  #stage = new Stage(this.#root)
  #panels = new Panels()
  #voice = new Voice((sentence) => write(document.getElementById("heard"), sentence))
  #reel = new Reel(/** @type {Element} */ (document.getElementById("journal")), (after, limit) => this.#fetch(after, limit), () => this.#arrived())
  #incoming = Promise.resolve()
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #resting
  #asked = false

  connectedCallback() {
    const { socket = "", saga, after = "0", at } = this.dataset
    this.#scrub.begin([{ stage: this.#stage, title: "", track: this.#reel }])
    if (at) this.#scrub.seek(this.#reel.moments[Number(at) - 1])
    this.#scrub.addEventListener("moved", () => this.#moved())
    this.#moved()
    const feed = new Feed(address(socket, saga), Number(after), (frames) => {
      this.#incoming = this.#incoming.then(() => this.#take(frames))
    })
    if (!("finished" in this.dataset)) feed.open()
    this.addEventListener("htmx:afterRequest", (event) => {
      if (/** @type {CustomEvent} */ (event).detail.successful) feed.expect()
    })
    for (const name of ["pointerover", "focusin", "keydown"]) document.addEventListener(name, this.#interest, { once: true })
    document.addEventListener("click", this.#clicked, { capture: true })
  }

  /**
   * Takes frames as they come; what a slow page was not sent is fetched first.
   * @param {Frame[]} frames
   */
  async #take(frames) {
    while (frames[0].entry.seq > this.#reel.moments.length + 1) {
      const missed = await this.#fetch(this.#reel.moments.length, 500)
      if (!missed.length) break
      this.#scrub.add(0, missed)
    }
    const fresh = frames.filter(({ entry }) => entry.seq > this.#reel.moments.length)
    if (!fresh.length) return
    this.#scrub.add(0, fresh)
    const { scene } = fresh[fresh.length - 1]
    mark(this.#scrub, "data-open", scene.entry?.kind === "run-finished" ? null : "")
    if (this.#scrub.following) this.#voice.say(scene.say)
    this.#panels.outgrown(scene.seq)
  }

  /**
   * @param {number} after
   * @param {number} limit
   * @returns {Promise<Frame[]>}
   */
  async #fetch(after, limit) {
    const url = new URL(this.dataset.scenes ?? "", location.href)
    for (const [name, value] of Object.entries({ after, limit, saga: this.dataset.saga })) url.searchParams.set(name, String(value))
    const answer = await fetch(url)
    if (!answer.ok) throw new Error(`The scenes after ${after} could not be read: status ${answer.status}.`)
    return (await answer.json()).frames
  }

  /** Somebody reaches for the page: what they may look back at is fetched before they do. */
  #interest = () => {
    if (this.#asked) return
    this.#asked = true
    void this.#reel.prefetch(this.#scrub.at)
  }

  #arrived() {
    if (!this.#scrub.playing && Number(this.#root.dataset.seq) !== this.#seq) this.#scrub.repaint()
  }

  get #seq() {
    return this.#reel.countAt(this.#scrub.at)
  }

  #moved() {
    const seq = this.#seq
    this.#panels.show(seq, this.#scrub.at)
    mark(this.#root, "data-back", this.#scrub.following ? null : "")
    write(document.getElementById("entry-now"), seq)
    write(document.getElementById("entry-of"), this.#reel.moments.length)
    for (const field of document.querySelectorAll("input[name=at][type=hidden]")) mark(field, "value", String(seq))
    for (const text of document.querySelectorAll("[data-entry-now]")) write(text, seq)
    clearTimeout(this.#resting)
    this.#resting = setTimeout(() => settle(this.#scrub, this.#seq), REST)
  }

  /** @param {MouseEvent} event */
  #clicked = (event) => {
    const target = event.target instanceof Element ? event.target : null
    if (target?.closest("[data-copy]")) settle(this.#scrub, this.#seq)
    const other = target?.closest("[data-pick]")
    if (other instanceof HTMLAnchorElement) other.href = seenFrom(other.closest("li")?.dataset.key ?? "", this.#scrub, this.#seq)
    const place = target?.closest("[data-goes]")
    if (!place || event.ctrlKey || event.metaKey || event.shiftKey) return
    const seq = Number(place.getAttribute("data-goes") || place.getAttribute("value"))
    event.preventDefault()
    this.#scrub.seek(this.#reel.moments[seq - 1])
  }
}

customElements.define("saga-scrub", Scrub)
customElements.define("saga-replay", SagaReplay)
