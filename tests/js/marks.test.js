import assert from "node:assert/strict"
import { test } from "node:test"

import { moveOf } from "../../static/js/keys.js"
import { Marks } from "../../static/js/marks.js"

/** As much of an element as a mark needs. */
function element(attributes) {
  const held = new Map(Object.entries(attributes))
  return {
    getAttribute: (name) => held.get(name) ?? null,
    setAttribute: (name, value) => held.set(name, value),
    removeAttribute: (name) => held.delete(name),
    has: (name) => held.has(name),
  }
}

const root = (...elements) => ({ querySelectorAll: (selector) => elements.filter((one) => one.has(selector.slice(1, -1))) })

test("what is past and what holds is marked at any moment, whichever way the clock went", () => {
  const rows = [1, 4, 4, 9].map((seq) => element({ "data-seq": String(seq) }))
  const spans = [[0, 3], [3, 8], [8, null]].map(([since, until]) => element({ "data-since": String(since), ...(until ? { "data-until": String(until) } : {}) }))
  spans[0].setAttribute("data-now", "")
  const marks = new Marks([root(...rows), root(...spans)], 0)
  for (const at of [0, 3, 9, 4, 8, 2, 7, 0, 12, 1]) {
    marks.move(at)
    assert.deepEqual(rows.map((row) => row.has("data-past")), [1, 4, 4, 9].map((seq) => seq <= at), `past at ${at}`)
    assert.deepEqual(spans.map((span) => span.has("data-now")), [at < 3, at >= 3 && at < 8, at >= 8], `now at ${at}`)
  }
})

test("keys that mean something where the focus is mean nothing to the clock", () => {
  globalThis.Element = class { constructor(kind) { this.kind = kind } closest(selector) { return selector.startsWith(this.kind) || selector.includes(`, ${this.kind}`) ? this : null } }
  const press = (key, on = null, held = {}) => moveOf({ key, target: on && new globalThis.Element(on), ...held })
  assert.equal(press("ArrowLeft"), "prev")
  assert.equal(press("End"), "follow")
  assert.equal(press(" "), "play")
  assert.equal(press(" ", "button"), undefined)
  assert.equal(press("ArrowRight", "button"), "next")
  assert.equal(press("ArrowRight", "select"), undefined)
  assert.equal(press("ArrowRight", null, { altKey: true }), undefined)
  assert.equal(press("x"), undefined)
})
