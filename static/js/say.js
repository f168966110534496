// @ts-check
// One live region for the page. The eye reads each sentence at once, the ear where the talk pauses.

const PAUSE = 250 // milliseconds

export class Voice {
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer
  #said = ""
  #speak

  /** @param {(sentence: string) => void} speak puts a sentence into the live region */
  constructor(speak) {
    this.#speak = speak
  }

  /**
   * Speaks a sentence unless a newer one comes within the pause; the one just spoken is not repeated.
   * @param {string} sentence
   */
  say(sentence) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      if (sentence === this.#said) return
      this.#said = sentence
      this.#speak(sentence)
    }, PAUSE)
  }

  /** Drops what waits to be spoken and forgets what was. */
  hush() {
    clearTimeout(this.#timer)
    this.#said = ""
  }
}
