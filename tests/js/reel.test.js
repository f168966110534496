import assert from "node:assert/strict"
import { test } from "node:test"

import { Reel } from "../../static/js/reel.js"

const line = (t) => ({ getAttribute: (name) => (name === "data-t" ? String(t) : "done"), querySelector: () => null })
const frame = (seq) => ({ entry: { seq }, scene: { seq, entry: { t: seq * 10 } } })

/** A run of n entries, ten milliseconds apart, of which the page has the lines and nothing else. */
function reel(n) {
  const asked = []
  let arrived = 0
  const load = async (after, limit) => {
    asked.push(after)
    return Array.from({ length: Math.min(limit, n - after) }, (_, index) => frame(after + index + 1))
  }
  const made = new Reel({ children: Array.from({ length: n }, (_, index) => line((index + 1) * 10)) }, load, () => { arrived += 1 })
  return { made, asked, arrived: () => arrived }
}

const settled = () => new Promise((go) => setTimeout(go))

test("the moments are known from the lines, and a frame is fetched once when it is looked at", async () => {
  const { made, asked, arrived } = reel(250)
  assert.equal(made.end, 2500)
  assert.equal(made.at(1200), undefined)
  made.at(1210)
  await settled()
  assert.equal(made.at(1200).seq, 120)
  assert.deepEqual(asked, [100])
  assert.equal(arrived(), 1)
})

test("the clock may go on as far as frames are there, and more are fetched before it comes there", async () => {
  const { made, asked } = reel(250)
  assert.equal(made.readyFrom(0), 9, "nothing is here, so it stands before the first entry")
  await settled()
  assert.equal(made.readyFrom(10), 1009, "one page is here")
  assert.deepEqual(asked, [0])
  made.readyFrom(600)
  assert.deepEqual(asked, [0, 100])
  await settled()
  made.readyFrom(1700)
  await settled()
  assert.equal(made.readyFrom(1700), Infinity)
})

test("frames that come live are added once, and a long run is fetched from where one stands", async () => {
  const { made, asked } = reel(250)
  made.add([frame(251), frame(252)])
  made.add([frame(252)])
  assert.equal(made.moments.length, 252)
  assert.equal(made.end, 2520)
  await made.prefetch(1500)
  assert.deepEqual(asked, [100, 0, 200])
})

test("a page that could not be fetched is asked for again", async () => {
  let fails = true
  const made = new Reel({ children: [line(10)] }, async () => {
    if (fails) throw new Error("no line")
    return [frame(1)]
  }, () => {})
  made.at(10)
  await settled()
  fails = false
  await new Promise((go) => setTimeout(go, 1100))
  made.at(10)
  await settled()
  assert.equal(made.at(10).seq, 1)
})
