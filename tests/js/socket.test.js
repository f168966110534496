import assert from "node:assert/strict"
import { afterEach, beforeEach, mock, test } from "node:test"

import { Feed } from "../../static/js/socket.js"

const ADDRESS = "ws://shop.test/ws/runs/r1/scenes?saga=r1-1"

/** Stands in for the browser's WebSocket: remembers its address, speaks when told to. */
class FakeSocket {
  static opened = []

  static OPEN = 1

  constructor(url) {
    this.after = new URL(url).searchParams.get("after")
    this.saga = new URL(url).searchParams.get("saga")
    this.closed = false
    this.readyState = FakeSocket.OPEN
    this.sent = []
    FakeSocket.opened.push(this)
  }

  send(text) {
    this.sent.push(JSON.parse(text))
  }

  tell(message) {
    this.onmessage({ data: JSON.stringify(message) })
  }

  drop(code = 1006) {
    this.readyState = 3
    this.onclose({ code })
  }

  close() {
    this.closed = true
    this.readyState = 2
  }
}

const frame = (seq) => ({ entry: { seq }, scene: { seq, ms: seq } })
const latest = () => FakeSocket.opened[FakeSocket.opened.length - 1]

let delivered
let feed

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] })
  globalThis.WebSocket = FakeSocket
  FakeSocket.opened = []
  delivered = []
  feed = new Feed(ADDRESS, 0, (frames) => delivered.push(frames.map(({ entry }) => entry.seq)))
})

afterEach(() => mock.timers.reset())

test("the address carries the focus and the last seq", () => {
  feed.open()
  assert.equal(latest().after, "0")
  assert.equal(latest().saga, "r1-1")
})

test("messages that queued up behind a busy page arrive as one delivery", () => {
  feed.open()
  latest().tell({ frames: [frame(1), frame(2)] })
  latest().tell({ frames: [frame(3)] })
  assert.deepEqual(delivered, [])
  mock.timers.tick(1)
  assert.deepEqual(delivered, [[1, 2, 3]])
})

test("a frame that the page has is ignored", () => {
  feed.open()
  latest().tell({ frames: [frame(1), frame(2)] })
  mock.timers.tick(1)
  latest().tell({ frames: [frame(2), frame(3)] })
  latest().tell({ frames: [frame(1)] })
  mock.timers.tick(1)
  assert.deepEqual(delivered, [[1, 2], [3]])
})

test("what has been delivered is acknowledged", () => {
  feed.open()
  latest().tell({ frames: [frame(1), frame(2)] })
  assert.deepEqual(latest().sent, [])
  mock.timers.tick(1)
  assert.deepEqual(latest().sent, [{ ack: 2 }])
})

test("a dropped line is reopened after the last seq", () => {
  feed.open()
  latest().tell({ frames: [frame(1), frame(2)] })
  latest().drop()
  mock.timers.tick(249)
  assert.equal(FakeSocket.opened.length, 1)
  mock.timers.tick(1)
  assert.equal(FakeSocket.opened.length, 2)
  assert.equal(latest().after, "2")
})

test("the waits between reopenings grow to eight seconds and start over once frames come", () => {
  feed.open()
  for (const wait of [250, 500, 1000, 2000, 4000, 8000, 8000]) {
    const before = FakeSocket.opened.length
    latest().drop()
    mock.timers.tick(wait - 1)
    assert.equal(FakeSocket.opened.length, before)
    mock.timers.tick(1)
    assert.equal(FakeSocket.opened.length, before + 1)
  }
  latest().tell({ frames: [frame(1)] })
  latest().drop()
  mock.timers.tick(250)
  assert.equal(latest().after, "1")
})

test("a finished run closes the line, and its last frames still arrive", () => {
  feed.open()
  const socket = latest()
  socket.tell({ frames: [frame(1)], finished: true })
  socket.drop(1000)
  mock.timers.tick(60_000)
  assert.deepEqual(delivered, [[1]])
  assert.equal(socket.closed, true)
  assert.equal(FakeSocket.opened.length, 1)
})

test("a run that nobody knows is not asked for again", () => {
  feed.open()
  latest().drop(4404)
  mock.timers.tick(60_000)
  assert.equal(FakeSocket.opened.length, 1)
})

test("after an operator's word a finished run is waited for until it moves", () => {
  feed.open()
  latest().tell({ frames: [frame(1)], finished: true })
  mock.timers.tick(1)
  feed.expect()
  assert.equal(latest().after, "1")
  latest().tell({ frames: [], finished: true })
  latest().drop(1000)
  mock.timers.tick(250)
  assert.equal(FakeSocket.opened.length, 3)
  latest().tell({ frames: [frame(2)] })
  latest().tell({ frames: [frame(3)], finished: true })
  latest().drop(1000)
  mock.timers.tick(60_000)
  assert.deepEqual(delivered, [[1], [2, 3]])
  assert.equal(FakeSocket.opened.length, 3)
})

test("a run that stays finished is given up after half a minute", () => {
  feed.open()
  latest().tell({ frames: [frame(1)], finished: true })
  feed.expect()
  mock.timers.tick(30_000)
  latest().tell({ frames: [], finished: true })
  latest().drop(1000)
  const asked = FakeSocket.opened.length
  mock.timers.tick(60_000)
  assert.equal(FakeSocket.opened.length, asked)
})

test("a closed line stays closed and delivers nothing of an older socket's end", () => {
  feed.open()
  const socket = latest()
  feed.close()
  socket.drop()
  mock.timers.tick(60_000)
  assert.equal(FakeSocket.opened.length, 1)
})
