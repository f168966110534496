import assert from "node:assert/strict"
import { test } from "node:test"

import { pace } from "../../static/js/pace.js"

const frames = (...times) => times.map((ms, index) => ({ entry: { seq: index + 1 }, scene: { ms } }))

test("one frame is played with motion", () => {
  assert.deepEqual(pace(frames(9000)), { frames: frames(9000), motion: true })
})

test("half a second of the run is played frame by frame", () => {
  const given = frames(0, 250, 500)
  assert.deepEqual(pace(given), { frames: given, motion: true })
})

test("more than half a second snaps to the newest frame, without motion", () => {
  const given = frames(0, 250, 501)
  assert.deepEqual(pace(given), { frames: [given[2]], motion: false })
})
