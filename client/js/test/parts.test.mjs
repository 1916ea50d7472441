// The small parts: mailbox, framing, pauses.

import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "./load.mjs"

const { Mailbox } = await load("mailbox")
const { ack, fromLine, isOwnReply, readControl, sizeOf, toLine } = await load("framing")
const { LIMITS, pause } = await load("limits")

const bytes = (...values) => new Uint8Array(values).buffer

test("a mailbox keeps numbers while frames are freed", () => {
  const mailbox = new Mailbox(LIMITS)
  for (const frame of ["a", "b", "c"]) assert.equal(mailbox.add(frame), true)
  mailbox.received = 2
  mailbox.free()
  assert.deepEqual([mailbox.put, mailbox.freed, mailbox.at(3), mailbox.batch(3)], [3, 2, "c", ["c"]])
})

test("a mailbox takes any one frame, and no second over its bounds", () => {
  const mailbox = new Mailbox({ ...LIMITS, maxBufferedBytes: 10, maxBufferedFrames: 2 })
  assert.equal(mailbox.add("x".repeat(100)), true)
  assert.equal(mailbox.add("y"), false)
  const other = new Mailbox({ ...LIMITS, maxBufferedFrames: 2 })
  assert.deepEqual(["a", "b", "c"].map(frame => other.add(frame)), [true, true, false])
})

test("a mailbox has room again once frames are freed", () => {
  const mailbox = new Mailbox({ ...LIMITS, maxBufferedBytes: 10 })
  mailbox.add("12345678")
  mailbox.received = 1
  mailbox.free()
  assert.equal(mailbox.add("a"), true)
  assert.equal(mailbox.add("b"), true)
})

test("a batch is bounded in frames and bytes, and takes one larger frame alone", () => {
  const mailbox = new Mailbox({ ...LIMITS, maxBatchFrames: 3, maxBatchBytes: 10 })
  for (const frame of ["1234", "5678", "9", "x".repeat(50), "y"]) mailbox.add(frame)
  assert.deepEqual([1, 2, 3, 4, 5].map(n => mailbox.batch(n).length), [2, 2, 1, 1, 1])
  assert.deepEqual(mailbox.batch(6), [])
})

test("an opening batch takes no larger frame", () => {
  const mailbox = new Mailbox({ ...LIMITS, maxBatchBytes: 10 })
  mailbox.add("x".repeat(50))
  assert.deepEqual(mailbox.openingBatch(), [])
})

test("sizes are those of the lines", () => {
  for (const frame of ["abc", "šž☃", bytes(), bytes(1), bytes(1, 2, 3), bytes(1, 2, 3, 4)]) {
    assert.equal(sizeOf(frame), Buffer.byteLength(toLine(frame)) + 1)
  }
})

test("a binary frame survives as a line whatever its bytes are", () => {
  const all = bytes(...Array(256).keys())
  assert.deepEqual(fromLine(toLine(all)), all)
  assert.equal(fromLine('["1"]'), '["1"]')
  assert.equal(fromLine('{"a":1}'), '{"a":1}')
})

test("control frames are told from those that count", () => {
  assert.deepEqual(readControl(' [null, null, "phoenix", "ack", {"received": 3}]'), { event: "ack", payload: { received: 3 } })
  assert.equal(readControl('[null,"1","phoenix","phx_reply",{}]'), null)
  assert.equal(readControl('[null,null,"room:1","ack",{}]'), null)
  assert.equal(readControl('[null,null,"phoenix","heartbeat",{}]'), null)
  assert.equal(readControl(bytes(1)), null)
})

test("an ack has a turn only where one is given", () => {
  assert.equal(ack(3, 1), '[null,null,"phoenix","ack",{"seq":3,"turn":1}]')
  assert.equal(ack(3), '[null,null,"phoenix","ack",{"seq":3}]')
})

test("only the client's own heartbeat is taken for it", () => {
  assert.equal(isOwnReply('[null,"notifier-client","phoenix","phx_reply",{}]'), true)
  assert.equal(isOwnReply('[null,"7","phoenix","phx_reply",{}]'), false)
  assert.equal(isOwnReply(bytes(0)), false)
})

test("pauses double up to the longest, and half of each is chance", () => {
  const pauses = random => [1, 2, 3, 4, 50].map(n => pause(100, 500, n, () => random))
  assert.deepEqual(pauses(1), [100, 200, 400, 500, 500])
  assert.deepEqual(pauses(0), [50, 100, 200, 250, 250])
})
