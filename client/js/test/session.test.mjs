// The core by itself: one sentence of behaviour each.

import assert from "node:assert/strict"
import { test } from "node:test"
import { load } from "./load.mjs"

const { Session } = await load("session")
const { LIMITS } = await load("limits")

const control = (event, payload) => JSON.stringify([null, null, "phoenix", event, payload])
const probe = control("probe", {})
const resumed = (seq, received) => control("resumed", { seq, received, token: "nts_2" })
const frame = n => JSON.stringify(["1", String(n), "t", "e", {}])

/** A session, and what it does: `did()` gives the effects since the last time, in short form. */
function make(limits = {}, attaches = true) {
  const session = new Session({ ...LIMITS, ...limits }, "key", attaches, () => 1)
  const did = (...kinds) => session.take().filter(effect => !kinds.length || kinds.includes(effect.do))
  return { session, did }
}

const opened = { status: 200, token: "nts_1", seq: 1, received: 0, messages: [] }
const nothing = { status: 204, token: "nts_1", received: 0, messages: [] }

/** One that has opened with these frames, and polls; `poll` and `dial` are the ids. */
function polling(limits, frames = []) {
  const { session, did } = make(limits)
  frames.forEach(one => session.send(one))
  session.start(0)
  session.answered(did("open")[0].id, { ...opened, received: frames.length }, 10)
  const effects = did("poll", "dial")
  return { session, did, poll: effects[0].id, dial: effects[1].id }
}

/** The same, moved to a WebSocket at 20. */
function live(limits, frames) {
  const one = polling(limits, frames)
  one.session.heard(one.dial, probe, 15)
  one.session.heard(one.dial, resumed(0, frames?.length ?? 0), 20)
  one.did()
  return one
}

const failed = effects => effects.filter(effect => effect.do === "fail").map(effect => effect.code)

test("it opens with all that was sent before, and then polls and dials", () => {
  const { session, did } = make()
  session.send(frame(1))
  session.send(frame(2))
  session.start(0)
  const [open] = did()
  assert.deepEqual(open, { do: "open", id: 1, key: "key", frames: [frame(1), frame(2)] })
  session.answered(1, { ...opened, received: 2, messages: [frame(9)] }, 10)
  assert.deepEqual(did(), [
    { do: "opened" },
    { do: "show", name: "longpoll" },
    { do: "deliver", frame: frame(9) },
    { do: "poll", id: 2, token: "nts_1", ack: 1, turn: 0 },
    { do: "dial", id: 3, token: "nts_1" },
  ])
})

test("a repeated opening brings the same key and the same frames, the rest is posted", () => {
  const { session, did } = make()
  session.send(frame(1))
  session.start(0)
  const [first] = did()
  session.send(frame(2))
  session.answered(first.id, null, 10)
  session.tick(session.deadline())
  const [second] = did()
  assert.deepEqual({ ...second, id: 0 }, { ...first, id: 0 })
  session.answered(second.id, { ...opened, received: 1 }, 400)
  assert.deepEqual(did("post").map(({ seq, frames }) => [seq, frames]), [[2, [frame(2)]]])
})

test("it fails as unreachable when opening was tried for long enough", () => {
  const { session, did } = make()
  session.start(0)
  const tries = []
  for (let effects = did(); !failed(effects).length; effects = did()) {
    const [{ id }] = effects
    tries.push(id)
    session.answered(id, null, session.deadline())
    session.tick(session.deadline())
  }
  assert.ok(tries.length >= 1)
  assert.equal(session.isEnded, true)
})

test("it fails as forbidden when opening is refused", () => {
  const { session, did } = make()
  session.start(0)
  session.answered(1, { status: 403, reason: "token_expired", messages: [] }, 10)
  assert.deepEqual(did("fail"), [{ do: "fail", code: 1008, reason: "token_expired" }])
})

test("no opening POST is larger than the server takes", () => {
  const { session, did } = make()
  session.send(`["${"x".repeat(70_000)}"]`)
  session.start(0)
  assert.deepEqual(did("open")[0].frames, [])
  session.answered(1, opened, 10)
  assert.equal(did("post")[0].frames.length, 1)
})

test("a poll is repeated with growing pauses when it fails, and the page sees that nothing gets through", () => {
  const { session, did, poll } = polling()
  session.answered(poll, null, 100)
  assert.deepEqual(did(), [{ do: "show", name: "none" }])
  session.tick(299)
  assert.deepEqual(did(), [])
  session.tick(300)
  const [{ id }] = did("poll")
  session.answered(id, null, 310)
  session.tick(709)
  assert.deepEqual(did(), [])
  session.tick(710)
  session.answered(did("poll")[0].id, nothing, 720)
  assert.deepEqual(did("show"), [{ do: "show", name: "longpoll" }])
})

test("a poll that had waited before it failed is repeated at once, but only once", () => {
  const { session, did, poll } = polling()
  session.answered(poll, null, 9_000)
  const [{ id }] = did("poll")
  session.answered(id, null, 19_000)
  assert.deepEqual(did("poll"), [])
})

test("it ends when polls have failed for too long, but not before one more was tried", () => {
  const { session, did, poll } = polling({ patienceMs: 1_000 })
  session.answered(poll, null, 99_000) // the lid was closed
  const [again] = did("poll", "fail")
  assert.equal(again.do, "poll")
  session.answered(again.id, null, 99_300)
  assert.deepEqual(failed(did()), [4410])
})

for (const status of [500, 410]) {
  test(`a session that is dead (${status}) ends with a code other than 1000 and its reason`, () => {
    const { session, did, poll } = polling()
    session.answered(poll, { status, reason: "restarting", messages: [] }, 100)
    assert.deepEqual(did("fail", "goodbye"), [{ do: "fail", code: 4410, reason: "restarting" }])
    assert.equal(session.deadline(), Infinity)
  })
}

test("a poll is repeated when it is answered with what no server of ours says", () => {
  const { session, did, poll } = polling()
  session.answered(poll, { status: 418, messages: [] }, 100)
  session.tick(300)
  assert.equal(did("poll").length, 1)
})

test("messages that are known are dropped, and a hole drops the session with a goodbye", () => {
  const { session, did, poll } = polling()
  session.answered(poll, { ...nothing, status: 200, seq: 1, messages: [frame(1), frame(2)] }, 100)
  const again = did()
  assert.equal(again.filter(effect => effect.do === "deliver").length, 2)
  const next = again.find(effect => effect.do === "poll").id
  session.answered(next, { ...nothing, status: 200, seq: 2, messages: [frame(2), frame(3)] }, 200)
  const more = did()
  assert.deepEqual(more.filter(effect => effect.do === "deliver"), [{ do: "deliver", frame: frame(3) }])
  const last = more.find(effect => effect.do === "poll").id
  session.answered(last, { ...nothing, status: 200, seq: 5, messages: [frame(5)] }, 300)
  assert.deepEqual(did("goodbye", "fail").map(effect => effect.code ?? effect.do), ["goodbye", 4000])
})

test("an empty answer that is further than what it has drops the session: somebody else has acknowledged", () => {
  const { session, did, poll } = polling()
  session.answered(poll, { ...nothing, seq: 1 }, 100)
  const [{ id }] = did("poll")
  session.answered(id, { ...nothing, seq: 2 }, 200)
  assert.deepEqual(did("goodbye", "fail").map(effect => effect.code ?? effect.do), ["goodbye", 4000])
})

test("polls that are answered at once with nothing do not become a storm", () => {
  const { session, did, poll } = polling()
  let id = poll
  let polls = 0
  for (let now = 10; now < 2_000; now = Math.min(session.deadline(), now + 1_000)) {
    if (id) session.answered(id, nothing, now)
    else session.tick(now)
    id = did("poll")[0]?.id
    polls += Boolean(id)
  }
  assert.ok(polls < 10, `${polls} polls`)
})

test("it moves when the WebSocket is confirmed: what the server has not is written, and nothing is polled", () => {
  const { session, did, dial } = polling({}, [frame(1)])
  session.send(frame(2))
  session.tick(12)
  did()
  session.heard(dial, probe, 15)
  assert.deepEqual(did(), [{ do: "write", id: dial, frame: control("ack", { seq: 0, turn: 1 }) }])
  session.send(frame(3))
  session.tick(18)
  assert.deepEqual(did("write"), [])
  session.heard(dial, resumed(0, 1), 20)
  assert.deepEqual(did(), [
    { do: "write", id: dial, frame: frame(2) },
    { do: "write", id: dial, frame: frame(3) },
    { do: "show", name: "websocket" },
  ])
})

test("told websocket, it holds its polls only while undecided", () => {
  const { session, did, dial, poll } = polling()
  session.heard(dial, probe, 15)
  session.answered(poll, { ...nothing, transport: "websocket" }, 20)
  assert.deepEqual(did("poll"), [])
  session.gone(dial, 1006, 30)
  const [{ id, turn }] = did("poll")
  assert.equal(turn, 2)
  session.answered(id, { ...nothing, transport: "websocket" }, 1_000)
  assert.equal(did("poll").length, 1)
})

test("what the server has received is freed, but nothing while undecided", () => {
  const { session, dial, poll } = polling()
  session.send(frame(1))
  session.tick(11)
  session.heard(dial, probe, 15)
  session.answered(poll, { ...nothing, received: 1 }, 20)
  assert.deepEqual([session.mailbox.received, session.mailbox.freed], [1, 0])
  session.gone(dial, 1006, 30)
  assert.equal(session.mailbox.freed, 1)
})

test("it polls at once when its WebSocket ends, gives up what was under way, and dials again later", () => {
  const { session, did, dial, poll } = live()
  session.gone(dial, 1006, 100)
  assert.deepEqual(did(), [
    { do: "abort", id: poll },
    { do: "show", name: "longpoll" },
    { do: "poll", id: 4, token: "nts_2", ack: 0, turn: 2 },
  ])
  session.tick(100 + LIMITS.attachPauseMs)
  assert.equal(did("dial").length, 1)
})

test("pauses between WebSockets grow, and begin anew after one that lived", () => {
  const { session, did, dial } = polling({ patienceMs: 1e9 })
  const pauses = []
  let [id, now] = [dial, 100]
  for (let n = 0; n < 10; n++) {
    const lost = now
    session.gone(id, 1006, now)
    for (id = undefined; !id; id = did("dial")[0]?.id) session.tick(now += 100)
    pauses.push(Math.round((now - lost) / 1000))
  }
  assert.deepEqual(pauses, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300])
  session.heard(id, probe, now)
  session.heard(id, resumed(0, 0), now)
  session.gone(id, 1006, now + LIMITS.settledMs)
  now += LIMITS.settledMs + LIMITS.attachPauseMs
  session.tick(now)
  assert.equal(did("dial").length, 1)
})

test("a candidate that is not confirmed in time is given up with 4000", () => {
  const { session, did, dial } = polling()
  session.tick(10 + LIMITS.attachTimeoutMs)
  assert.deepEqual(did("hang up"), [{ do: "hang up", id: dial, code: 4000 }])
})

test("a candidate that says what counts before it is confirmed is given up", () => {
  const { session, did, dial } = polling()
  session.heard(dial, frame(1), 20)
  assert.deepEqual(did("hang up", "deliver"), [{ do: "hang up", id: dial, code: 4000 }])
})

test("one that the server calls another's is not tried again soon", () => {
  const { session, did, dial } = polling()
  session.gone(dial, 4403, 20)
  session.tick(20 + LIMITS.maxAttachPauseMs - 1)
  assert.deepEqual(did("dial"), [])
})

test("it drops the session when resumed is beyond what it has, or below what it has freed", () => {
  for (const [seq, received] of [[1, 1], [0, 0]]) {
    const { session, did, dial } = polling({}, [frame(1)])
    session.heard(dial, probe, 15)
    session.heard(dial, resumed(seq, received), 20)
    assert.deepEqual(failed(did()), [4000])
  }
})

test("a WebSocket is acknowledged after 256 kB at once: the server keeps 8 MB at most", () => {
  const { session, did, dial } = live()
  const large = JSON.stringify(["1", null, "t", "e", { x: "x".repeat(LIMITS.ackBytes / 2) }])
  for (const acks of [0, 1, 0]) {
    session.heard(dial, large, 30)
    assert.equal(did("write").length, acks)
  }
})

test("a WebSocket is acknowledged after 32 frames at once, else within 5 s", () => {
  const { session, did, dial } = live()
  for (let n = 1; n <= 33; n++) session.heard(dial, frame(n), 100)
  assert.deepEqual(did("write"), [{ do: "write", id: dial, frame: control("ack", { seq: 32 }) }])
  session.tick(5_099)
  assert.deepEqual(did("write"), [])
  session.tick(5_100)
  assert.deepEqual(did("write"), [{ do: "write", id: dial, frame: control("ack", { seq: 33 }) }])
})

test("silence brings a heartbeat, whose reply the page does not see", () => {
  const { session, did, dial } = live()
  session.tick(20 + LIMITS.heartbeatMs)
  const [beat] = did("write")
  const [, ref, topic, event] = JSON.parse(beat.frame)
  assert.deepEqual([topic, event], ["phoenix", "heartbeat"])
  session.heard(dial, JSON.stringify([null, ref, "phoenix", "phx_reply", { status: "ok", response: {} }]), 15_100)
  assert.deepEqual(did(), [])
  assert.equal(session.got, 1)
})

test("a heartbeat that is not answered has the WebSocket given up with 4000", () => {
  const { session, did, dial } = live()
  session.tick(20 + LIMITS.heartbeatMs)
  did()
  session.tick(20 + LIMITS.heartbeatMs + LIMITS.heartbeatTimeoutMs)
  const effects = did()
  assert.deepEqual(effects.find(effect => effect.do === "hang up"), { do: "hang up", id: dial, code: 4000 })
  assert.equal(effects.filter(effect => effect.do === "poll").length, 1)
  assert.equal(effects.find(effect => effect.do === "post").frames.length, 1)
})

test("a POST that fails is repeated from what the server has, and never two at once", () => {
  const { session, did } = polling()
  session.send(frame(1))
  session.tick(11)
  const [first] = did("post")
  session.send(frame(2))
  session.tick(12)
  assert.deepEqual(did("post"), [])
  session.answered(first.id, null, 20)
  session.tick(session.deadline())
  const [second] = did("post")
  assert.deepEqual([second.seq, second.frames], [1, [frame(1), frame(2)]])
  session.answered(second.id, { status: 200, received: 2, messages: [] }, 500)
  assert.equal(session.mailbox.freed, 2)
})

test("a message that the server refuses counts as received, and the next goes out", () => {
  const { session, did } = polling({ maxBatchFrames: 1 })
  session.send(frame(1))
  session.send(frame(2))
  session.tick(11)
  session.answered(did("post")[0].id, { status: 400, received: 1, reason: "bad_message", messages: [] }, 20)
  assert.deepEqual(did("post").map(({ seq }) => seq), [2])
})

test("it drops the session when the server takes nothing for too long, though it answers polls", () => {
  const { session, did, poll } = polling({ patienceMs: 3_000 })
  session.send(frame(1))
  let [now, id] = [11, poll]
  for (; now < 20_000 && !session.isEnded; now += 100) {
    session.tick(now)
    for (const effect of did()) {
      if (effect.do === "poll") session.answered(effect.id, { ...nothing }, now + 50)
      if (effect.do === "post") session.answered(effect.id, { status: 409, received: 0, messages: [] }, now)
    }
  }
  assert.ok(session.isEnded && now >= 3_000, `ended at ${now}`)
})

test("a POST that failed long ago is forgotten when its messages have come another way", () => {
  const { session, did, dial } = polling()
  session.send(frame(1))
  session.tick(11)
  session.answered(did("post")[0].id, null, 12)
  session.heard(dial, probe, 15)
  session.heard(dial, resumed(0, 1), 20)
  const later = 20 + 2 * LIMITS.patienceMs
  session.gone(dial, 1006, later)
  session.send(frame(2))
  session.tick(later)
  session.answered(did("post")[0].id, null, later + 1)
  assert.ok(!session.isEnded)
})

test("it drops the session when more waits than the buffer holds", () => {
  const { session, did } = polling({ maxBufferedFrames: 2 })
  for (let n = 1; n <= 3; n++) session.send(frame(n))
  assert.deepEqual(did("goodbye", "fail").map(effect => effect.code ?? effect.do), ["goodbye", 4008])
})

test("close says goodbye, with 1000 on the live WebSocket, and does nothing more", () => {
  const { session, did, dial, poll } = live()
  session.close()
  assert.deepEqual(did(), [
    { do: "goodbye", token: "nts_2" },
    { do: "hang up", id: dial, code: 1000 },
    { do: "abort", id: poll },
  ])
  session.close()
  session.send(frame(1))
  session.heard(dial, frame(1), 30)
  session.tick(1e6)
  assert.deepEqual(did(), [])
})

test("close gives a candidate up without a goodbye on it", () => {
  const { session, did, dial } = polling()
  session.close()
  assert.deepEqual(did("hang up"), [{ do: "hang up", id: dial, code: 4000 }])
})

test("closed while it opens, it says goodbye when it learns what to", () => {
  const { session, did } = make()
  session.start(0)
  const [{ id }] = did("open")
  session.close()
  assert.deepEqual(did(), [])
  session.answered(id, opened, 50)
  assert.deepEqual(did(), [{ do: "goodbye", token: "nts_1" }])
})

test("woken elsewhere, it asks anew at once and tries the WebSocket", () => {
  const { session, did, dial, poll } = polling()
  session.gone(dial, 1006, 20)
  session.wake(true, 30)
  assert.deepEqual(did().map(effect => effect.do), ["abort", "poll", "dial"])
  assert.notEqual(poll, undefined)
})

test("woken elsewhere while it opens, it repeats the opening", () => {
  const { session, did } = make()
  session.start(0)
  const [first] = did()
  session.wake(true, 10)
  const [abort, second] = did()
  assert.deepEqual([abort, { ...second, id: first.id }], [{ do: "abort", id: first.id }, first])
})

test("woken on a WebSocket, it makes sure of it with a heartbeat", () => {
  const { session, did } = live()
  session.wake(false, 100)
  assert.equal(did("write").length, 1)
  assert.equal(session.deadline(), 100 + LIMITS.heartbeatTimeoutMs)
})

test("without WebSockets it polls, and is due when the poll is", () => {
  const { session, did } = make({}, false)
  session.start(0)
  session.answered(did("open")[0].id, opened, 10)
  assert.deepEqual(did("poll", "dial").map(effect => effect.do), ["poll"])
  assert.equal(session.deadline(), 10 + LIMITS.pollTimeoutMs)
})
