import assert from "node:assert/strict"
import { afterEach, beforeEach, mock, test } from "node:test"

import { Voice } from "../../static/js/say.js"

let heard
let voice

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout"] })
  heard = []
  voice = new Voice((sentence) => heard.push(sentence))
})

afterEach(() => mock.timers.reset())

test("a sentence is spoken after a quarter of a second", () => {
  voice.say("Order received.")
  mock.timers.tick(249)
  assert.deepEqual(heard, [])
  mock.timers.tick(1)
  assert.deepEqual(heard, ["Order received."])
})

test("of a burst only the last sentence is spoken", () => {
  for (const sentence of ["One.", "Two.", "Three."]) {
    voice.say(sentence)
    mock.timers.tick(100)
  }
  mock.timers.tick(250)
  assert.deepEqual(heard, ["Three."])
})

test("the sentence just spoken is not repeated", () => {
  voice.say("All undone.")
  mock.timers.tick(250)
  voice.say("All undone.")
  mock.timers.tick(250)
  assert.deepEqual(heard, ["All undone."])
})

test("after a hush nothing waits, and the same sentence may be spoken again", () => {
  voice.say("All undone.")
  mock.timers.tick(250)
  voice.say("Order received.")
  voice.hush()
  mock.timers.tick(250)
  voice.say("All undone.")
  mock.timers.tick(250)
  assert.deepEqual(heard, ["All undone.", "All undone."])
})
