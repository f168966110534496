import assert from "node:assert/strict"
import { test } from "node:test"

import { Track, clock, neighbour } from "../../static/js/track.js"

const frame = (seq, ms) => ({ entry: { seq }, scene: { seq, ms } })
const track = (...moments) => {
  const made = new Track()
  made.add(moments.map((ms, index) => frame(index + 1, ms)))
  return made
}

test("a moment shows the last scene that had happened by then", () => {
  const run = track(0, 100, 100, 250)
  assert.equal(run.at(99).seq, 1)
  assert.equal(run.at(100).seq, 3, "of several in one millisecond all have happened")
  assert.equal(run.at(9999).seq, 4)
  assert.equal(run.at(-1).seq, 1, "before the first entry there is nothing older to show")
  assert.equal(new Track().at(0), undefined)
})

test("every scene is passed once, however the clock advances", () => {
  const run = track(0, 40, 40, 90, 200)
  const passed = []
  let from = -1
  for (const to of [0, 39, 40, 41, 200]) {
    passed.push(...run.scenes.slice(run.countAt(from), run.countAt(to)).map((scene) => scene.seq))
    from = to
  }
  assert.deepEqual(passed, [1, 2, 3, 4, 5])
})

test("the next and the previous moment are looked for on every track", () => {
  const tracks = [track(0, 100, 300), track(0, 120)]
  assert.equal(neighbour(tracks, 100, "next"), 120)
  assert.equal(neighbour(tracks, 120, "prev"), 100)
  assert.equal(neighbour(tracks, 300, "next"), 300, "there is none after the last")
  assert.equal(neighbour(tracks, 0, "prev"), 0)
  assert.equal(neighbour([], 7, "next"), 7)
})

test("the clock reads as the journal's", () => {
  assert.equal(clock(0), "00:00.00")
  assert.equal(clock(3219.6), "00:03.21")
  assert.equal(clock(61_005), "01:01.00")
})
