// @ts-check
// The line to one run: frames in order, each once, whatever happens to the connection.

/** @typedef {import("./types.js").Frame} Frame */

const FIRST_WAIT = 250 // milliseconds before the first reopening; doubles each time
const LONGEST_WAIT = 8000 // milliseconds
const EXPECT = 30_000 // milliseconds that a run may take to move again after an operator's word
const UNKNOWN_RUN = 4404 // the server's close code: no use in asking again

export class Feed {
  /** @type {WebSocket | null} */ #socket = null
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #reopening
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #draining
  /** @type {Frame[]} */ #pending = []
  #failures = 0
  #expectUntil = 0
  #open = false
  #url
  #deliver

  /**
   * @param {string | URL} url without `after`
   * @param {number} after the last seq that the page has
   * @param {(frames: Frame[]) => void} deliver gets new frames by seq, never one twice
   */
  constructor(url, after, deliver) {
    this.#url = url
    this.#deliver = deliver
    /** The last seq that was received. */
    this.last = after
  }

  open() {
    this.#open = true
    this.#connect()
  }

  /** Reopens a line that the run's end has closed: an operator has set the run in motion again. */
  expect() {
    this.#expectUntil = Date.now() + EXPECT
    this.#failures = 0
    if (!this.#open) this.open()
  }

  close() {
    this.#open = false
    clearTimeout(this.#reopening)
    this.#socket?.close()
    this.#socket = null
  }

  #connect() {
    clearTimeout(this.#reopening)
    const url = new URL(this.#url)
    url.searchParams.set("after", String(this.last))
    const socket = this.#socket = new WebSocket(url)
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data))
    socket.onclose = (event) => this.#dropped(socket, event.code)
  }

  /** @param {{ frames?: Frame[], finished?: boolean }} message */
  #receive(message) {
    const fresh = (message.frames ?? []).filter((frame) => frame.entry.seq > this.last)
    if (fresh.length) {
      this.#failures = 0
      this.#expectUntil = 0
      this.last = fresh[fresh.length - 1].entry.seq
      this.#pending.push(...fresh)
      // Not in an animation frame: those stand still in a hidden tab. A timer also lets messages that
      // queued up behind a busy page arrive together, as one backlog.
      this.#draining ??= setTimeout(() => this.#drain())
    }
    if (message.finished && Date.now() >= this.#expectUntil) this.close()
  }

  #drain() {
    this.#draining = undefined
    this.#deliver(this.#pending.splice(0))
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ ack: this.last }))
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   */
  #dropped(socket, code) {
    if (socket !== this.#socket || !this.#open) return
    if (code === UNKNOWN_RUN) return this.close()
    const wait = Math.min(FIRST_WAIT * 2 ** this.#failures, LONGEST_WAIT)
    this.#failures += 1
    this.#reopening = setTimeout(() => this.#connect(), wait)
  }
}
